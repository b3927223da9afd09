"""Write `docs/networks.md`: what the front ends read, and where each operator is computed."""

from collections.abc import Iterable, Iterator

from hwsim.frontends.builtin import NETWORKS
from hwsim.frontends.darknet_keys import SECTIONS
from hwsim.frontends.darknet_layers import MAKERS
from hwsim.frontends.tflite_operators import KINDS
from hwsim.graph.host_operators import DetectionPostProcess
from hwsim.graph.operators import Concat, Operator, Reshape, Slice, Upsample
from hwsim.graph.pointwise import Quantize
from hwsim.passes.copies import ADDRESSES
from hwsim.passes.quantized_stages import STAGED

INTRODUCTION = """\
<!-- Written by `make docs` from the tables of the front ends and passes. Do not edit. -->
# Networks

`hwsim show FILE` tells what becomes of every operator of a file, and `hwsim estimate FILE` begins
with what is left to the host. Whatever a front end does not take is refused with its name and its
place in the file, all of it at once.

"""

TFLITE = """\
## Quantized `.tflite` files

Operators in int8 or uint8 are computed in the file's own integers, as the reference kernels of
one runtime do: LiteRT's with `--kernels litert`, which is the default, or TFLM's with `--kernels
tflm`. Scales may be per tensor or per filter. What is exact is exact for every value, and each
has its judge:

* the source interpreter (`hwsim/golden/tflite/`) against the runtimes themselves, operator by
  operator and network by network (`.venv/bin/pytest -s tests/test_tflite_operators.py
  tests/test_tflite_networks.py`);
* the stages against the source interpreter (`.venv/bin/pytest -s
  tests/test_tflite_drawn_stages.py tests/test_tflite_stages.py`);
* the Verilog against the stages, whole networks (`.venv/bin/pytest -s
  tests/test_tflite_verilog.py`, or `.venv/bin/hwsim verify FILE.tflite`).

Tests of whole files read them from the folder that the environment's `HWSIM_NETWORKS` names, and
skip without it. LiteRT's default kernels are not its reference: `.venv/bin/pytest -s -k kept_ones
tests/test_tflite_networks.py` prints how far they are from each other.

Nothing is computed outside this promise. An operator without exact stages is left to the host,
wherever it stands, and so is what the table does not name of another one: products of two maps,
sums that repeat an axis, average pools with padding. Only a convolution without exact stages is
refused, and what the named runtime itself refuses.

What depends on the host's work waits for it: the accelerator computes the network in as many
*programs* as that takes and no more, and the host works between them. All programs have one memory
and the same hardware. Only convolutions and fully connected operators are worth a program: other
operators between two of the host's, and behind the host's work at the end of a network, are the
host's too. Addresses cost none. `.venv/bin/pytest -s tests/test_tflite_between.py` puts every kind
of operator between convolutions, and `.venv/bin/pytest tests/test_tflite_programs.py` takes several
programs through the Verilog.

| in the file | runs on | exactly, and how far |
|---|---|---|
"""

DARKNET = """\
## darknet's `.cfg` files

Weights are real numbers and are quantized here; golden, model and Verilog agree on every value of
what comes of it.

| section | runs on | remarks |
|---|---|---|
"""

SECTION_REMARKS = {
    "convolutional": (
        "any kernel, stride up to 8, groups; linear, leaky or relu; batch normalisation is folded"
    ),
    "maxpool": (
        "up to 15x15, of any stride up to its size; fused into the convolution that it alone "
        "reads where windows share at most a row"
    ),
    "region": "its map is an output of the network",
    "route": "joins maps, or takes a part of the channels of one",
    "upsample": "by 2, nearest pixels",
    "yolo": "its map is an output of the network",
}
HEADS = ("region", "yolo")
ADDRESS_SECTIONS = ("route", "upsample")

BUILT_IN = """\
## Built in

| network | size in pixels | |
|---|---|---|
"""


def networks_document() -> str:
    """Return the document: `.tflite` files, darknet's files, and the networks that are built in."""
    tflite = (f"| `{word}` | {_place(kinds)} | {_limits(kinds)} |" for word, kinds in _words())
    sections = (
        f"| `[{name}]` | {_section_place(name)} | {SECTION_REMARKS[name]} |"
        for name in sorted(set(SECTIONS.values()) & set(MAKERS))
    )
    built_in = (
        f"| `{spec.name}` | {spec.default_size} | {spec.summary} |" for spec in NETWORKS.values()
    )
    parts = (TFLITE, tflite), (DARKNET, sections), (BUILT_IN, built_in)
    return INTRODUCTION + "\n".join(text + _lines(rows) for text, rows in parts)


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _words() -> Iterator[tuple[str, tuple[type[Operator], ...]]]:
    yield from sorted(KINDS.items())


def _place(kinds: tuple[type[Operator], ...]) -> str:
    return " or ".join(dict.fromkeys(map(_place_of, kinds)))


def _place_of(kind: type[Operator]) -> str:
    if kind is Quantize:
        return "accelerator; host where it reads or leaves real values"
    if kind in ADDRESSES:
        return "address"
    if kind in STAGED:
        return "accelerator"
    return "host"


REMARKS: dict[type[Operator], str] = {
    Concat: "of channels; other axes are the host's",
    DetectionPostProcess: (
        "at the end of a network; reads float32, or uint8 as LiteRT does; fast and regular "
        "suppression, equal scores in the runtimes' order; TFLM's fast one with one class a box"
    ),
    Reshape: "in front of a fully connected operator, an order of its weights",
    Slice: "of channels",
    Upsample: "by 2, nearest pixels",
}


def _limits(kinds: tuple[type[Operator], ...]) -> str:
    found = (REMARKS.get(kind) or STAGED.get(kind) or "" for kind in kinds)
    return "; ".join(text for text in found if text) or "the source interpreter computes it"


def _section_place(name: str) -> str:
    if name in HEADS:
        return "host"
    return "address" if name in ADDRESS_SECTIONS else "accelerator"

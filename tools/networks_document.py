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

ONNX = """\
## Quantized `.onnx` files

Files in QDQ form or with QLinear operators, of operator sets 11 and newer, in int8 or uint8, per
tensor or per filter. Where all weights are INT4, the network is for an accelerator with weights of
4 bits (`--weight-bits 4`). The file's arithmetic is ONNX Runtime's: real factors, and halves that
go to even. A stage has the integers next to them, so that it may leave a value one step off the
runtime's: the shares stand in [numerics.md](numerics.md#the-arithmetic-of-an-onnx). Nothing is
promised end to end.

* The source interpreter (`hwsim/golden/onnx/`) and the stages against ONNX Runtime, operator by
  operator on the runtime's own input (`.venv/bin/pytest -s tests/test_onnx_networks.py
  tests/test_onnx_operators.py`);
* the Verilog against the stages, whole networks, value by value (`.venv/bin/pytest
  tests/test_onnx_verilog.py`, or `.venv/bin/hwsim verify FILE.onnx`).

With `.venv/bin/hwsim verify FILE --config edge` and an input (`--input x.npy`), the Verilog stored
golden's values in every layer, and monitor, counters, machine and timeline counted the same bytes
and the same cycles, on a memory of 60 cycles of latency:

| file | cycles | program | weights | features read | written, bytes |
|---|---|---|---|---|---|
| vww_96_int8_qdq | 88,141 | 58,816 | 273,920 | 36,864 | 16 |
| kws_dscnn_int8_qdq | 25,260 | 23,360 | 51,456 | 2,400 | 16 |
| yunet_n_320_float, `--size 160x160` | 330,871 | 149,888 | 157,440 | 104,976 | 33,600 |
| lightcnn9_untrained_int8_qdq, C | 6,399,314 | 164,544 | 5,590,016 | 1,024,000 | 762,112 |
| the same, B | 6,600,839 | 336,704 | 5,673,984 | 2,548,224 | 2,286,336 |

YuNet is quantized on the way, on random data. C, with virtual maps, and B, without, are those of
`--unfused`. So virtual maps save LightCNN-9 63.1 % of its features on the bus and 30.5 % of all
bytes. With `--unfused`, every map is in memory; without it, some may stay on the chip. A, the plain
network of the same stored shapes, is computed by `estimate` and stands beside both there.

Transposes, reshapes and flattens are only other views of a map, and cost nothing. Real numbers
between two operators must be quantized; at the ends of a network the host computes with them.

The host's operators of an `.onnx` have no C yet: `host_ops.c` computes as a `.tflite`'s runtimes
do. Its `memory.h` says how many elements each tensor of the host has, but has no `MAP` of their
sizes, as the axes of an `.onnx` need not be rows, columns and channels.

ONNX Runtime's quantizer leaves some operators of a float network in real numbers, `Sub`, `Tanh` and
`Div` among them. What it writes is then refused, though the same operators are taken between
QuantizeLinear and DequantizeLinear.

| in the file | runs on | how far |
|---|---|---|
"""

A_TABLE = "accelerator", "a table of the file's own float32: exact"
AS_REAL = "accelerator", "as the same node between DequantizeLinear and QuantizeLinear"
A_VIEW = "address", "another view of the same map"
ONNX_WORDS = {
    "Add": ("accelerator", "of two maps of one shape, tried on all pairs; or with a constant"),
    "AveragePool": ("accelerator", "without padding; with it, the host"),
    "BatchNormalization": ("accelerator", "in the convolution before it, or by channel"),
    "Clip": ("accelerator", "in the operator before it: ReLU, ReLU6, -1 to 1; alone, a table"),
    "Concat": (
        "address",
        "of channels, where each part has the joined steps; rows or columns are the host's; of "
        "maps whose rows and columns are one axis already, as detectors join their heads: refused",
    ),
    "Conv": ("accelerator", "dense, in groups or depthwise; strides, dilation, any padding"),
    "DepthToSpace": ("host", "mode DCR"),
    "DequantizeLinear": ("host", "at the ends of a network; none is computed inside"),
    "Div": ("accelerator", "by a constant"),
    "Dropout": A_VIEW,
    "Flatten": A_VIEW,
    "Gemm": ("accelerator", "by a constant matrix; an order of its weights takes any flatten"),
    "GlobalAveragePool": ("accelerator", ""),
    "HardSigmoid": A_TABLE,
    "HardSwish": A_TABLE,
    "Identity": A_VIEW,
    "LeakyRelu": A_TABLE,
    "MatMul": ("accelerator", "by a constant matrix"),
    "Max": ("virtual map", "of two halves of channels; any other maximum of two maps: the host"),
    "MaxPool": ("accelerator", "any windows and strides; ceil_mode"),
    "Mul": ("accelerator", "by a constant, or x by a function of x (SiLU); else the host"),
    "Pad": ("accelerator", "with zeros, in the convolution that reads it or alone"),
    "QuantizeLinear": ("accelerator", "from one scale to another, a table; host of real numbers"),
    "QGemm": AS_REAL,
    "QLinearAdd": AS_REAL,
    "QLinearAveragePool": AS_REAL,
    "QLinearConcat": AS_REAL,
    "QLinearConv": AS_REAL,
    "QLinearGlobalAveragePool": AS_REAL,
    "QLinearLeakyRelu": AS_REAL,
    "QLinearMatMul": AS_REAL,
    "QLinearMul": AS_REAL,
    "QLinearSigmoid": AS_REAL,
    "ReduceMax": ("virtual map", "over two halves of channels"),
    "ReduceMean": ("accelerator", "over rows and columns; else the host"),
    "Relu": ("accelerator", "in the operator before it, or a table"),
    "Reshape": A_VIEW,
    "Resize": ("address", "nearest, by 2; other nearest ones of whole steps: the host"),
    "Sigmoid": A_TABLE,
    "Slice": ("address", "of channels; of channels that were shuffled: refused"),
    "Softmax": ("host", "of a map's channels; of an axis that a Reshape has cut: refused"),
    "SpaceToDepth": ("accelerator", "as a convolution with one weight of 1 a filter"),
    "Split": ("address", "of channels; of channels that were shuffled, as ShuffleNetV2's: refused"),
    "Squeeze": A_VIEW,
    "Sub": ("accelerator", "as Add"),
    "Tanh": A_TABLE,
    "Transpose": ("address", "another view; channels that are shuffled are a convolution"),
    "Unsqueeze": A_VIEW,
}

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
    """Return the document: files of three formats, and the networks that are built in."""
    tflite = (f"| `{word}` | {_place(kinds)} | {_limits(kinds)} |" for word, kinds in _words())
    sections = (
        f"| `[{name}]` | {_section_place(name)} | {SECTION_REMARKS[name]} |"
        for name in sorted(set(SECTIONS.values()) & set(MAKERS))
    )
    built_in = (
        f"| `{spec.name}` | {spec.default_size} | {spec.summary} |" for spec in NETWORKS.values()
    )
    onnx = (f"| `{word}` | {place} | {text} |" for word, (place, text) in ONNX_WORDS.items())
    parts = (TFLITE, tflite), (ONNX, onnx), (DARKNET, sections), (BUILT_IN, built_in)
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

"""Quantizes a float `.onnx` with ONNX Runtime and Brevitas, on photographs or on random data."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError, shown
from hwsim.escape import quoted, visible
from hwsim.extras import importing_extra, needing_extra
from hwsim.files import path_text
from hwsim.flows.contract_file import stated_beside
from hwsim.flows.contracts import Contract, asked_contract, contract_or_refusal
from hwsim.flows.float_child import ask
from hwsim.flows.images import image_pixels
from hwsim.flows.network import File, Size, width_and_height
from hwsim.flows.progress import Progress, check_progress, silent, single_step
from hwsim.graph import Shape
from hwsim.graph.check import WEIGHT_BITS
from hwsim.graph.input_contract import InputContract
from hwsim.graph.rules import is_one_of, one_of
from hwsim.graph.stated_contract import CALIBRATION, METADATA, contract_keys
from hwsim.report.quantization import LayerNoise, Quantization

PURPOSE = "quantizing an .onnx"
ENDING = ".onnx"
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")
MOST_IMAGES = 100
RANDOM_SAMPLES = 16
MOST_ELEMENTS = 1 << 26  # of an input: real networks have 100 times fewer
SEED = 0
PREPARING = {"memory_bytes": 1900 << 20, "seconds": 120}
QUANTIZING_BYTES = 6 << 30
SECONDS = 300  # of quantizing, beside those of each sample
SAMPLE_SECONDS = 60
IMAGE_AXES = 4

Sample = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, repr=False)
class QuantizedFile:
    """A quantized network as the content of an `.onnx`, and what is known of its noise."""

    content: bytes
    figures: Quantization


@dataclass(frozen=True)
class _Calibration:
    """The samples of a calibration, and what they are in words."""

    count: int
    samples: Iterator[Sample]
    in_words: str
    contracts: dict[str, InputContract]


def quantize_file(
    network: File,
    *,
    images: File | None = None,
    contract: Contract | None = None,
    size: Size | None = None,
    weight_bits: int = 8,
    progress: Progress = silent,
) -> QuantizedFile:
    """Return a float `.onnx` quantized by ONNX Runtime: maps of 8 bits, weights per channel.

    Weights have `weight_bits`, 8 or 4; Brevitas chooses the scales of those of 4.

    `images` is a folder of JPEGs and PNGs, of which the first 100 by name are what the ranges of
    maps are taken from; `contract` says what they become, as for `run`. Without it the ranges are
    those of random data, which say what the network costs and nothing of its accuracy. `size` is
    that of the image in pixels where it is not the file's own. Raises `InputError` for what is no
    float network, and for images that cannot be read.
    """
    check_progress(progress)
    if not is_one_of(weight_bits, WEIGHT_BITS):
        raise InputError(f"weight bits {shown(weight_bits)}: must be {one_of(WEIGHT_BITS)}")
    path = path_text("network", network)
    whose = f"network {quoted(path)}"
    asked = asked_contract(contract)
    names = None if images is None else image_names(path_text("images", images))
    width, height = (None, None) if size is None else width_and_height(size)
    if not Path(path).is_file():
        raise InputError(f"{whose}: there is no such file")
    _check_packages(weight_bits)
    with tempfile.TemporaryDirectory(prefix="hwsim-") as folder:
        prepared, place = Path(folder) / "prepared.onnx", Path(folder) / "quantized.onnx"
        with single_step(progress, f"preparing {Path(path).name}"):
            job = {"task": "prepare", "path": path, "place": str(prepared), **PREPARING}
            job["weight_bits"] = weight_bits
            sides = None if height is None or width is None else [height, width]
            ready = ask({**job, "size": sides}, whose)
        inputs = {name: tuple(dims) for name, dims in ready["inputs"].items()}
        stated = stated_beside(path, tuple(inputs))
        sources = {name: (asked, *([stated[name]] if stated else [])) for name in inputs}
        data = _photographs(inputs, names, sources) if names is not None else _random(inputs)
        with progress(f"quantizing {Path(path).name}", 2 * data.count + 2) as advance:
            files = []
            for number, sample in enumerate(data.samples):
                files.append(str(Path(folder) / f"{number}.npz"))
                np.savez(files[-1], allow_pickle=False, **sample)
                advance()
            job = {"task": "quantize", "path": str(prepared), "place": str(place)}
            limits = {
                "memory_bytes": QUANTIZING_BYTES,
                "seconds": SECONDS + SAMPLE_SECONDS * len(files),
            }
            told = {
                f"{METADATA}{name}": json.dumps(contract_keys(each))
                for name, each in data.contracts.items()
            }
            told[CALIBRATION] = data.in_words
            job |= {"samples": files, "told": told, "weight_bits": weight_bits}
            done = ask({**job, **limits}, whose, advance)
        content = place.read_bytes()
    layers = tuple(LayerNoise(*row) for row in done["layers"])
    own = ready["operator_set"]
    return QuantizedFile(
        content,
        Quantization(visible(Path(path).stem), data.in_words, own, weight_bits, layers),
    )


def _check_packages(weight_bits: int) -> None:
    """Say what to install before a process of its own would fail without a word."""
    if weight_bits == 4 and find_spec("brevitas") is None:
        with needing_extra("golden", "quantizing to 4 bits"):
            raise ModuleNotFoundError(name="brevitas")
    with importing_extra("onnx", PURPOSE):
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401


def image_names(folder: str) -> list[str]:
    """Return the photographs of a folder, the first of them by name."""
    whose = f"images {quoted(folder)}"
    try:
        found = sorted(
            each for each in Path(folder).iterdir() if each.suffix.lower() in IMAGE_ENDINGS
        )
    except OSError as error:
        raise InputError(f"{whose}: {error.strerror}") from None
    if not found:
        raise InputError(f"{whose}: no file in it ends in {', '.join(IMAGE_ENDINGS)}")
    return [str(each) for each in found[:MOST_IMAGES]]


def _photographs(
    inputs: Mapping[str, tuple[int, ...]], names: list[str], stated: Mapping[str, Any]
) -> _Calibration:
    if len(inputs) != 1:
        raise InputError(f"images: they are for a network of one input, and it has {len(inputs)}")
    ((name, dims),) = inputs.items()
    if len(dims) != IMAGE_AXES or dims[1] not in (1, 3):
        raise InputError(
            f"input {quoted(name)} of shape {shown(dims)}: an image has 1 or 3 channels, rows and "
            "columns"
        )
    shape = Shape(*dims[1:])
    contract = contract_or_refusal(name, shape.channels, stated[name])

    def samples() -> Iterator[Sample]:
        for path in names:
            pixels = image_pixels(path, shape, contract, PURPOSE)
            yield {name: contract.normalization.real_values(pixels)[None]}

    photographs = f"{len(names)} photograph{'s' if len(names) > 1 else ''}"
    text = f"{photographs}, {contract.framing}, {contract.colour}, elements are "
    return _Calibration(len(names), samples(), f"{text}{contract.normalization}", {name: contract})


def _random(inputs: Mapping[str, tuple[int, ...]]) -> _Calibration:
    for name, dims in inputs.items():
        if prod(dims) > MOST_ELEMENTS:
            raise InputError(
                f"input {quoted(name)} of shape {shown(dims)}: {prod(dims):,} elements, at most "
                f"{MOST_ELEMENTS:,}"
            )
    random = np.random.default_rng(SEED)

    def samples() -> Iterator[Sample]:
        for _ in range(RANDOM_SAMPLES):
            yield {
                name: random.standard_normal(dims).astype(np.float32)
                for name, dims in inputs.items()
            }

    text = f"{RANDOM_SAMPLES} random samples of a normal distribution, seed {SEED}"
    return _Calibration(RANDOM_SAMPLES, samples(), f"{text}: accuracy is unknown", {})

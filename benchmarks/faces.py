"""The accuracy of YuNet, quantized here, on a folder of photographs with labelled faces.

    python -m benchmarks.faces yunet_n_320_float.onnx FOLDER [IMAGES]

FOLDER holds `faces.json` and `images/`. Calibration takes 100 photographs of folds 1 to 4 and tests
take the first IMAGES of fold 0 (all unless given), so that no near-duplicate is in both. Printed
are the signal-to-noise of every output against the float network, and average precision at an
overlap of 0.5, for the float network, for ONNX Runtime's simulation of the quantized one, and for
the accelerator's machine with the host's part.

A value that is rounded to the other side of a half changes what the next operators read, and a few
layers later many values. So two right runs of one quantized network have the same noise only on the
average of many images. Two columns show by how much they differ without us: ONNX Runtime with its
own optimizations, which round in other places, and the simulation itself with one element of each
image changed by a step, the least and the most of some runs. Columns of differences say how far
each is from the simulation, with an interval of 95 % over the images.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import hwsim
from benchmarks.average_precision import Boxes, average_precision, without_doubles
from benchmarks.paired import PairedDifference, paired_difference
from hwsim.flows.contracts import asked_contract, contract_or_refusal
from hwsim.flows.float_quantization import quantize_file
from hwsim.flows.images import image_pixels
from hwsim.golden.float_onnx.quantize import signal_to_noise_db
from hwsim.graph import Shape

CONFIG = "edge"
SIDE = 320
INPUT = "input"
STRIDES = (8, 16, 32)
CONTRACT = {"colour": "bgr", "range": (0, 255), "resize": "letterbox", "fill": 0}
CALIBRATION_IMAGES = 100
TEST_FOLD = 0
EXACT, JUDGE = "float", "ONNX Runtime"
NUDGED = 10  # runs of the simulation with one element of each image changed
NUDGE = 2  # of 256 brightnesses: more than a step of the quantized input
LEAST_SCORE, MOST_OVERLAP = 0.02, 0.45  # of boxes that are kept, and with a better one

Outputs = dict[str, NDArray[Any]]
Network = Callable[[NDArray[np.float32]], Outputs]


@dataclass(frozen=True)
class Photograph:
    """A photograph as the network's input, and its faces in the pixels of that."""

    x: NDArray[np.float32]
    faces: Boxes


def photograph(folder: Path, entry: dict[str, Any]) -> Photograph:
    """Return a photograph of `faces.json`."""
    contract = contract_or_refusal(INPUT, 3, (asked_contract(CONTRACT),))
    path = str(folder / "images" / entry["image"])
    pixels = image_pixels(path, Shape(3, SIDE, SIDE), contract, "this benchmark")
    rows, columns = entry["height"], entry["width"]
    factor = min(SIDE / rows, SIDE / columns)
    left, top = ((SIDE - round(side * factor)) // 2 for side in (columns, rows))
    sides = [[face[key] for key in ("left", "top", "right", "bottom")] for face in entry["faces"]]
    faces = np.array(sides, np.float64).reshape(-1, 4) * factor + [left, top, left, top]
    return Photograph(contract.normalization.real_values(pixels)[None], faces)


def boxes_of(outputs: Outputs) -> tuple[Boxes, NDArray[np.float64]]:
    """Return the faces that YuNet's outputs mean, and their scores."""
    boxes, scores = [], []
    for stride in STRIDES:
        sure, face = (outputs[f"{name}_{stride}"].ravel().clip(0, 1) for name in ("obj", "cls"))
        offsets = outputs[f"bbox_{stride}"].reshape(-1, 4).astype(np.float64)
        columns = SIDE // stride
        place = np.arange(len(offsets))
        centre = np.stack([place % columns, place // columns], axis=1) + offsets[:, :2]
        half = np.exp(offsets[:, 2:]) / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=1) * stride)
        scores.append(np.sqrt(sure * face).astype(np.float64))
    all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
    likely = all_scores >= LEAST_SCORE
    all_boxes, all_scores = all_boxes[likely], all_scores[likely]
    kept = without_doubles(all_boxes, all_scores, MOST_OVERLAP)
    return all_boxes[kept], all_scores[kept]


def simulated(model: bytes, is_optimized: bool = False) -> Network:
    """Return a network as ONNX Runtime computes it: operator by operator, or as it likes best."""
    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        levels.ORT_ENABLE_ALL if is_optimized else levels.ORT_DISABLE_ALL
    )
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return lambda x: dict(zip(names, session.run(None, {INPUT: x}), strict=True))


def executed(model: bytes) -> Network:
    """Return a network as machine and host compute it."""
    with TemporaryDirectory() as name:
        place = Path(name) / "quantized.onnx"
        place.write_bytes(model)
        loaded = hwsim.load(place)
    return lambda x: dict(hwsim.run(loaded, CONFIG, inputs={INPUT: x}).outputs)


def quantized(network: Path, folder: Path, entries: Sequence[dict[str, Any]]) -> bytes:
    """Return the network quantized on photographs that no test sees."""
    chosen = [each for each in entries if each["fold"] != TEST_FOLD]
    with TemporaryDirectory() as name:
        for each in chosen[:: len(chosen) // CALIBRATION_IMAGES][:CALIBRATION_IMAGES]:
            (Path(name) / each["image"]).symlink_to((folder / "images" / each["image"]).resolve())
        return quantize_file(network, images=name, contract=CONTRACT).content


@dataclass(frozen=True)
class Found:
    """A network's outputs on all photographs, and how far they are from the float network's."""

    outputs: Sequence[Outputs]
    exact: Sequence[Outputs]

    def precision(self, photographs: Sequence[Photograph]) -> float:
        """Return the average precision."""
        boxes = [boxes_of(each) for each in self.outputs]
        return average_precision(boxes, [each.faces for each in photographs])

    def noise_db(self, name: str) -> float | None:
        """Return the signal-to-noise of an output over all photographs; None without noise."""
        return signal_to_noise_db(
            *([each[name] for each in runs] for runs in (self.exact, self.outputs))
        )

    def errors(self, name: str) -> NDArray[np.float64]:
        """Return the mean square of what an output is off on each photograph."""
        pairs = zip(self.outputs, self.exact, strict=True)
        return np.array([np.square(own[name] - real[name]).mean() for own, real in pairs])

    def against(self, other: "Found", name: str) -> PairedDifference:
        """Return how much higher the signal-to-noise of an output is than another network's."""
        return paired_difference(self.errors(name), other.errors(name))


def nudged(x: NDArray[np.float32], drawn: np.random.Generator) -> NDArray[np.float32]:
    """Return an image of which one element is a little brighter, or darker if it is bright."""
    found = x.copy()
    place = drawn.integers(found.size)
    found.reshape(-1)[place] += NUDGE if found.reshape(-1)[place] < 128 else -NUDGE
    return found


def shown(
    figures: dict[str, Found], moved: Sequence[Found], photographs: Sequence[Photograph]
) -> Table:
    """Return a row of average precision, and one of each output.

    `moved` are the simulation's runs on nudged images.
    """
    faces = sum(len(each.faces) for each in photographs)
    table = Table(title=f"{len(photographs)} photographs, {faces} faces")
    others = [name for name in figures if name not in (EXACT, JUDGE)]
    differing = [f"{name} - {JUDGE}" for name in (*others, "nudged")]
    for heading in ("", *figures, *differing):
        table.add_column(heading, justify="right")
    precisions = [each.precision(photographs) for each in figures.values()]
    spread = [each.precision(photographs) for each in moved]
    table.add_row(
        "average precision",
        *(f"{each:.3f}" for each in precisions),
        *("" for _ in others),
        f"{min(spread):.3f} to {max(spread):.3f}",
    )
    for output in figures[EXACT].exact[0]:
        row = [each.noise_db(output) for each in figures.values()]
        differences = [figures[name].against(figures[JUDGE], output) for name in others]
        texts = ("" if each is None else f"{each:.1f}" for each in row)
        by_chance = [each.against(figures[JUDGE], output).db for each in moved]
        own_spread = f"{min(by_chance):+.2f} to {max(by_chance):+.2f}"
        table.add_row(f"{output}, dB", *texts, *map(str, differences), own_spread)
    return table


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    network, folder = map(Path, arguments[:2])
    entries = json.loads((folder / "faces.json").read_text())
    tests = [each for each in entries if each["fold"] == TEST_FOLD]
    tests = tests[: int(arguments[2])] if len(arguments) > 2 else tests
    photographs = [photograph(folder, each) for each in tests]
    model = quantized(network, folder, entries)
    networks = {
        EXACT: simulated(network.read_bytes()),
        JUDGE: simulated(model),
        f"{JUDGE}, optimized": simulated(model, is_optimized=True),
        "machine": executed(model),
    }
    exact = [networks[EXACT](each.x) for each in photographs]
    figures = {
        name: Found([each(photo.x) for photo in photographs], exact)
        for name, each in networks.items()
    }
    moved = []
    for seed in range(NUDGED):
        drawn = np.random.default_rng(seed)
        found = [networks[JUDGE](nudged(photo.x, drawn)) for photo in photographs]
        moved.append(Found(found, exact))
    Console(width=180).print(shown(figures, moved, photographs))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Execute a network bit-exactly, layer by layer, and compare it with the reference."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwsim.compiler import plan_graph
from hwsim.errors import ComparisonError
from hwsim.extras import importing_extra
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.estimate import price
from hwsim.flows.network import File, NetworkSource, optional_path, placed
from hwsim.flows.progress import Advance, Progress, check_progress, silent, single_step
from hwsim.flows.quantized import quantized
from hwsim.flows.results import RunResult
from hwsim.graph import Graph, Stage
from hwsim.graph.lifetimes import drop_unread
from hwsim.machine import Machine
from hwsim.program.program import Program
from hwsim.report.document import RunFigures, TensorFigures

if TYPE_CHECKING:
    from torch import Tensor

PHOTOGRAPH = "rocket"  # quantization is not calibrated on it
LOWEST, HIGHEST = 0x80, 0x7F  # int8's ends, as unsigned codes

# The least signal-to-noise ratio of a network that is quantized without retraining, by the weights'
# width; see docs/numerics.md. The signal is a map's variance: storing only its mean gives 0 dB.
LEAST_SIGNAL_TO_NOISE_DB = {8: 5.0, 4: -10.0}

Reference = Callable[[Stage], NDArray[np.int8]]  # called once per layer, in order


def run(
    network: NetworkSource,
    config: ConfigSource = "edge",
    *,
    image: File | None = None,
    weights: File | None = None,
    check: bool = False,
    progress: Progress = silent,
) -> RunResult:
    """Execute a network bit-exactly on a photograph; return what it stored and what that costs.

    `network` and `config` are as for `estimate`. A network without constants is quantized once, and
    the user's cache keeps it. `image` is a JPEG or PNG, by default a photograph from scikit-image;
    every input of the network takes it, each in its own size. `weights` is a darknet file, or None
    for seeded weights. With `check`, the first stored element that differs from the integer
    reference raises `ComparisonError`.
    """
    check_progress(progress)
    shapes, chosen = placed(network, config)
    plan_graph(shapes, chosen)  # refuse what cannot run before the long work
    image = optional_path("image", image)
    image = shipped_photograph("hwsim run") if image is None else image
    weights = optional_path("weights", weights)
    with importing_extra("golden", "hwsim run"):
        from hwsim.golden.networks import FloatNetwork
        from hwsim.golden.noise import float_outputs
        from hwsim.golden.reference import stored_image
    images = photographs(shapes, image)
    with single_step(progress, f"quantizing {shapes.name}"):
        made = quantized(shapes, weights, chosen.widths.multiplier_bits)
    found = price(made.graph, chosen, progress)
    real: Iterator[Tensor | None] = repeat(None)
    if made.weights is not None:
        real = float_outputs(FloatNetwork(shapes, made.weights), images)
    with progress(f"executing {shapes.name}", len(made.graph.stages)) as advance:
        stored = {name: stored_image(pixels).numpy() for name, pixels in images.items()}
        tensors = execute(found.timeline.program, stored, real, advance, check)
    figures = RunFigures(
        image=Path(image).name,
        image_sha256=sha256_of(images),
        weights=made.origin,
        is_checked=check,
        least_signal_to_noise_db=LEAST_SIGNAL_TO_NOISE_DB[chosen.widths.weight_bits],
        tensors=tensors,
    )
    return RunResult(found, figures)


def photographs(graph: Graph, image: str) -> dict[str, "Tensor"]:
    """Return a photograph for every input of a graph by its name, uint8 `x[3, H, W]`."""
    from hwsim.golden.photographs import load_image

    return {
        tensor.name: load_image(image, height=tensor.shape.height, width=tensor.shape.width)
        for tensor in graph.inputs
    }


def sha256_of(images: Mapping[str, "Tensor"]) -> str:
    """Return the hash of all pixels, of one input after the other."""
    digest = hashlib.sha256()
    for pixels in images.values():
        digest.update(pixels.numpy().tobytes())
    return digest.hexdigest()


def shipped_photograph(purpose: str, name: str = PHOTOGRAPH) -> str:
    """Return the file of a photograph inside scikit-image's wheel."""
    with importing_extra("golden", purpose):
        from hwsim.golden.photographs import PHOTOGRAPHS

        spec = find_spec("skimage")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("No module named 'skimage'", name="skimage")
    return str(Path(spec.origin).parent / "data" / PHOTOGRAPHS[name])


def execute(
    program: Program,
    inputs: Mapping[str, NDArray[np.int8]],
    real: Iterator["Tensor | None"],
    advance: Advance,
    is_checked: bool = False,
) -> tuple[TensorFigures, ...]:
    """Run int8 `inputs[name][C, H, W]` through the machine; `advance` is called after every layer.

    `real` yields the float output of every layer, or None where there is none. With `is_checked`,
    the first element that differs from golden raises `ComparisonError`.
    """
    tensors: list[TensorFigures] = []
    reference = golden_reference(program.graph, inputs) if is_checked else None

    def on_stage(stage: Stage, stored: NDArray[np.int8]) -> None:
        if reference is not None:
            compare(stage, stored, reference(stage))
        tensors.append(tensor_figures(stage, stored, next(real)))
        advance()

    Machine(program, inputs, on_stage=on_stage).run()
    return tuple(tensors)


def golden_reference(graph: Graph, inputs: Mapping[str, NDArray[np.int8]]) -> Reference:
    """Return golden as a function that takes the next layer and returns its output `x[C, H, W]`.

    `inputs` are those of the graph by name. No tensor is kept that is not read again.
    """
    import torch

    from hwsim.golden.reference import run_stage

    tensors = {name: torch.from_numpy(values.copy())[None] for name, values in inputs.items()}
    numbers = {stage.name: number for number, stage in enumerate(graph.stages)}

    def reference(stage: Stage) -> NDArray[np.int8]:
        y = tensors[stage.output.name] = run_stage(stage, tensors)
        drop_unread(graph, numbers[stage.name], tensors)
        values: NDArray[np.int8] = y[0].numpy()
        return values

    return reference


def compare(stage: Stage, found: NDArray[np.int8], expected: NDArray[np.int8]) -> None:
    """Raise `ComparisonError` if elements differ; name the first by channel, row and column."""
    different = np.argwhere(found != expected)
    if len(different):
        channel, row, column = different[0]
        raise ComparisonError(
            f"{stage.name} differs from the reference in {len(different):,} of {found.size:,} "
            f"elements, first at channel {channel}, row {row}, column {column}: "
            f"machine {found[channel, row, column]}, reference {expected[channel, row, column]}"
        )


def tensor_figures(stage: Stage, stored: NDArray[np.int8], real: "Tensor | None") -> TensorFigures:
    """Return a stored tensor's use of its 256 codes, and its distance from the float tensor."""
    data = np.ascontiguousarray(stored)
    counts = np.bincount(data.view(np.uint8).ravel(), minlength=256)
    return TensorFigures(
        name=stage.name,
        stored_elements=data.size,
        used_codes=int(np.count_nonzero(counts)),
        saturated_ratio=float(counts[LOWEST] + counts[HIGHEST]) / data.size,
        signal_to_noise_db=None if real is None else _signal_to_noise_db(stage, data, real),
        sha256=hashlib.sha256(data.tobytes()).hexdigest(),
    )


def _signal_to_noise_db(stage: Stage, stored: NDArray[np.int8], real: "Tensor") -> float | None:
    import torch

    from hwsim.golden.noise import signal_to_noise_db

    assert stage.output.quantization is not None
    return signal_to_noise_db(real, torch.from_numpy(stored.copy()), stage.output.quantization)

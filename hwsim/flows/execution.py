"""Execute a network bit-exactly, layer by layer, and compare it with the reference."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import ComparisonError
from hwsim.extras import importing_extra
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.contracts import Contract, asked_contract, check_graph_contract
from hwsim.flows.estimate import price
from hwsim.flows.file_inputs import (
    check_image,
    check_no_weights,
    file_inputs,
)
from hwsim.flows.inputs import Arrays, check_given, check_without_arrays, input_values
from hwsim.flows.network import (
    File,
    NetworkSource,
    loaded,
    optional_path,
    placed,
    program_graphs,
)
from hwsim.flows.planning import planned
from hwsim.flows.progress import Advance, Progress, check_progress, silent, single_step
from hwsim.flows.quantized import quantized
from hwsim.flows.results import RunResult
from hwsim.graph import Graph, Stage
from hwsim.graph.lifetimes import drop_unread
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.graph.steps import FileNetwork
from hwsim.machine import Machine
from hwsim.program.program import Program
from hwsim.report.document import OutputFigures, RunFigures, TensorFigures

if TYPE_CHECKING:
    from torch import Tensor

PURPOSE = "hwsim run"
LOWEST, HIGHEST = 0x80, 0x7F  # int8's ends, as unsigned codes

# The least signal-to-noise ratio of a network that is quantized without retraining, by the weights'
# width; see docs/numerics.md. The signal is a map's variance: storing only its mean gives 0 dB.
LEAST_SIGNAL_TO_NOISE_DB = {8: 5.0, 4: -10.0}

Reference = Callable[[Stage], NDArray[np.int8]]  # called once per layer, in order
OnStored = Callable[[Stage, NDArray[np.int8]], None]


def run(
    network: NetworkSource,
    config: ConfigSource = "edge",
    *,
    image: File | None = None,
    inputs: Arrays | None = None,
    weights: File | None = None,
    contract: Contract | None = None,
    check: bool = False,
    progress: Progress = silent,
) -> RunResult:
    """Execute a network bit-exactly; return what it stored and what that costs.

    `network` and `config` are as for `estimate`. A network without constants is quantized once, and
    the user's cache keeps it. `image` is a JPEG or PNG for a network of one input, `inputs` has an
    array int8 `x[C, H, W]` of every input by its name, in stored values; without both, every input
    takes a photograph from scikit-image, each in its own size. A network without constants that has
    an input of other than three channels is quantized on `inputs`, which it needs. `weights` is a
    darknet file, or None for seeded weights. With `check`, the first stored element that differs
    from the integer reference raises `ComparisonError`.

    The host's part of a `.tflite` is executed too. It needs `image` or `inputs`, and `inputs` and
    outputs have the axes and types of the file. `contract` says what an image becomes, as a dict of
    `colour`, `range`, `mean`, `std`, `resize` and `fill`; what it leaves open stands in the TOML
    beside the file or in the file.
    """
    check_progress(progress)
    whole = loaded(network, progress)
    shapes, chosen = placed(whole, config)
    asked = asked_contract(contract)
    if isinstance(whole, FileNetwork):
        from hwsim.flows.file_execution import run_file  # it stands on this module

        check_no_weights(whole, weights)
        check_given(whole, image, inputs)
        if inputs is None:
            check_image(whole, image, asked)
        planned(program_graphs(whole, shapes), chosen, progress)
        values = file_inputs(whole, image, inputs, asked, PURPOSE)
        return run_file(whole, chosen, values, check, progress)
    check_graph_contract(asked)
    # Refuse what cannot run before the long work.
    if inputs is None:
        check_without_arrays(shapes, image)
    planned(ProgramGraphs.of(shapes), chosen, progress)
    weights = optional_path("weights", weights)
    with importing_extra("golden", PURPOSE):
        from hwsim.golden.networks import FloatNetwork
        from hwsim.golden.noise import float_outputs
    given = input_values(shapes, image, inputs, asked, PURPOSE)
    with single_step(progress, f"quantizing {shapes.name}"):
        made = quantized(shapes, weights, chosen.widths.multiplier_bits, given.values)
    found = price(ProgramGraphs.of(made.graph), chosen, progress)
    real: Iterator[Tensor | None] = repeat(None)
    if made.weights is not None:
        real = float_outputs(FloatNetwork(shapes, made.weights), given.pixels())
    with progress(f"executing {shapes.name}", len(made.graph.stages)) as advance:
        reference = golden_reference(made.graph, given.values) if check else None
        (program,) = found.program.programs
        executed = execute(program, given.values, real, advance, reference)
    figures = RunFigures(
        image=given.image_name,
        image_sha256=given.image_sha256,
        image_as=given.image_as,
        contracts=given.taken_as,
        arrays=given.arrays,
        weights=made.origin,
        is_checked=check,
        least_signal_to_noise_db=LEAST_SIGNAL_TO_NOISE_DB[chosen.widths.weight_bits],
        tensors=executed.tensors,
        outputs=output_figures(made.graph),
        file_outputs=(),
        deviations=(),
    )
    return RunResult(found, figures, outputs=executed.outputs)


@dataclass(frozen=True)
class Executed:
    """The figures of every stored tensor, and the values of the network's outputs by name."""

    tensors: tuple[TensorFigures, ...]
    outputs: dict[str, NDArray[np.int8]]


def execute(
    program: Program,
    inputs: Mapping[str, NDArray[np.int8]],
    real: Iterator["Tensor | None"],
    advance: Advance,
    reference: Reference | None = None,
    on_stored: OnStored | None = None,
) -> Executed:
    """Run int8 `inputs[name][C, H, W]` through the machine; `advance` is called after every layer.

    `real` yields the float output of every layer, or None where there is none. The first element
    that differs from the `reference` raises `ComparisonError`; `on_stored` is called with what
    every layer stored.
    """
    tensors: list[TensorFigures] = []
    outputs = {tensor.name: np.zeros(0, np.int8) for tensor in program.graph.outputs}

    def on_stage(stage: Stage, stored: NDArray[np.int8]) -> None:
        if reference is not None:
            compare(stage, stored, reference(stage))
        if on_stored is not None:
            on_stored(stage, stored)
        tensors.append(tensor_figures(stage, stored, next(real)))
        if stage.output.name in outputs:
            outputs[stage.output.name] = stored.copy()
        advance()

    Machine(program, inputs, on_stage=on_stage).run()
    return Executed(tuple(tensors), outputs)


def output_figures(graph: Graph) -> tuple[OutputFigures, ...]:
    """Return the shape of every output of a quantized graph, and the meaning of its values."""
    found: list[OutputFigures] = []
    for tensor in graph.outputs:
        shape, quantization = tensor.shape, tensor.quantization
        assert quantization is not None
        found.append(
            OutputFigures(
                name=tensor.name,
                stored_channels=shape.channels,
                stored_height_pixels=shape.height,
                stored_width_pixels=shape.width,
                scale=quantization.scale,
                zero_point=quantization.zero_point,
            )
        )
    return tuple(found)


def golden_reference(graph: Graph, inputs: Mapping[str, NDArray[np.int8]]) -> Reference:
    """Return golden as a function that takes the next layer and returns its output `x[C, H, W]`.

    A layer is found by its name: the program may read an input in another layout than the graph.
    `inputs` are those of the graph by name. No tensor is kept that is not read again.
    """
    import torch

    from hwsim.golden.reference import run_stage

    tensors = {name: torch.from_numpy(values.copy())[None] for name, values in inputs.items()}
    numbers = {stage.name: number for number, stage in enumerate(graph.stages)}

    def reference(stage: Stage) -> NDArray[np.int8]:
        number = numbers[stage.name]
        y = tensors[stage.output.name] = run_stage(graph.stages[number], tensors)
        drop_unread(graph, number, tensors)
        values: NDArray[np.int8] = y[0].numpy()
        return values

    return reference


def compare(
    stage: Stage,
    found: NDArray[np.int8],
    expected: NDArray[np.int8],
    finder: str = "machine",
    judge: str = "reference",
) -> None:
    """Raise `ComparisonError` if elements differ; name the first by channel, row and column."""
    different = np.argwhere(found != expected)
    if len(different):
        channel, row, column = different[0]
        raise ComparisonError(
            f"{stage.name} differs from the {judge} in {len(different):,} of {found.size:,} "
            f"elements, first at channel {channel}, row {row}, column {column}: "
            f"{finder} {found[channel, row, column]}, {judge} {expected[channel, row, column]}"
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

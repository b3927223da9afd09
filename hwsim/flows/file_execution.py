"""Execute a quantized file bit-exactly, from its own inputs to its own outputs."""

from collections.abc import Mapping
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import Config
from hwsim.errors import ComparisonError, InputError
from hwsim.escape import quoted
from hwsim.extras import importing_extra
from hwsim.flows.estimate import price
from hwsim.flows.execution import (
    LEAST_SIGNAL_TO_NOISE_DB,
    OnStored,
    Reference,
    compare,
    execute,
    golden_reference,
    output_figures,
)
from hwsim.flows.file_inputs import FileInputs
from hwsim.flows.host_steps import Maps, run_steps
from hwsim.flows.progress import Progress
from hwsim.flows.results import RunResult
from hwsim.graph import Graph, Stage
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.graph.steps import FileNetwork
from hwsim.report.deviations import DeviationFigures, deviation
from hwsim.report.document import RunFigures, TensorFigures
from hwsim.report.file_figures import file_figures
from hwsim.report.file_outputs import file_output_figures

PURPOSE = "hwsim run"
Tensors = Mapping[str, NDArray[Any]]


def run_file(
    network: FileNetwork, config: Config, given: FileInputs, check: bool, progress: Progress
) -> RunResult:
    """Execute the steps of host and accelerator; return the network's outputs and the cost.

    With `check`, the first element that differs from golden's, or from what the file's own
    operators compute, raises `ComparisonError`. Where stages need not be equal to these, as with a
    fast rescale, what they are off is no error but figures, with `check` and without.
    """
    found = price(ProgramGraphs.of_steps(network), config, progress)
    is_exact = network.is_exact
    source = source_tensors(network, given.maps, PURPOSE) if check or not is_exact else {}
    equal = source if is_exact else {}
    stored: list[TensorFigures] = []
    deviations: list[DeviationFigures] = []

    def run_program(number: int, inputs: Maps) -> Maps:
        program = found.program.programs[number]
        reference = _reference(program.graph, inputs, equal) if check else None
        with progress(f"executing {network.name}", len(program.stages)) as advance:
            seen = None if is_exact else _layer_deviations(source, deviations)
            executed = execute(program, inputs, repeat(None), advance, reference, seen)
        stored.extend(executed.tensors)
        return executed.outputs

    tensors = run_steps(network, given.maps, run_program, PURPOSE)
    if check and is_exact:
        _compare_outputs(network, tensors, source)
    outputs = file_values(network, tensors)
    if not is_exact:
        deviations += output_deviations(outputs, file_values(network, source))
    figures = RunFigures(
        image=given.image_name,
        image_sha256=given.image_sha256,
        image_as=given.image_as,
        contracts=given.taken_as,
        arrays=given.arrays,
        weights="graph",
        is_checked=check,
        least_signal_to_noise_db=LEAST_SIGNAL_TO_NOISE_DB[config.widths.weight_bits],
        tensors=tuple(stored),
        outputs=output_figures(network.graph),
        file_outputs=file_output_figures(network, outputs),
        deviations=tuple(deviations),
    )
    return RunResult(found, figures, file_figures(network), outputs=outputs)


def source_tensors(network: FileNetwork, maps: Maps, purpose: str) -> Tensors:
    """Return every tensor as the file's own operators compute it, one after the other."""
    with importing_extra("golden", purpose):
        from hwsim.golden.interpreter import run_operators
    try:
        return run_operators(network.operators, maps, network.kernels)
    except InputError as error:
        raise InputError(f"network {quoted(network.name)}: {error}") from None


def file_values(network: FileNetwork, tensors: Tensors) -> dict[str, NDArray[Any]]:
    """Return the network's outputs under the file's names, with its axes and types."""
    names = network.output_names
    return {names[name]: tensor.from_map(tensors[name]) for name, tensor in network.outputs.items()}


def output_deviations(
    found: Mapping[str, NDArray[Any]], exact: Mapping[str, NDArray[Any]]
) -> list[DeviationFigures]:
    """Return how far outputs are from the file's own, by their names in it."""
    return [deviation("output", name, found[name], values) for name, values in exact.items()]


def _layer_deviations(source: Tensors, deviations: list[DeviationFigures]) -> OnStored:
    """Return a function that adds how far a layer is from what the file's operators leave there."""

    def on_stored(stage: Stage, stored: NDArray[np.int8]) -> None:
        if stage.output.name in source:
            exact = source[stage.output.name]
            deviations.append(deviation("layer", stage.name, stored, exact))

    return on_stored


def _reference(graph: Graph, inputs: Maps, source: Tensors) -> Reference:
    """Return golden, compared with the file's own operators wherever these leave a tensor."""
    golden = golden_reference(graph, inputs)

    def reference(stage: Stage) -> NDArray[np.int8]:
        found = golden(stage)
        if stage.output.name in source:
            compare(stage, found, source[stage.output.name], "golden", "file")
        return found

    return reference


def _compare_outputs(network: FileNetwork, tensors: Tensors, source: Tensors) -> None:
    for name, own_name in network.output_names.items():
        different = int((tensors[name] != source[name]).sum())
        if different:
            raise ComparisonError(
                f"output {quoted(own_name)} differs from what the file's operators compute in "
                f"{different:,} of {source[name].size:,} elements"
            )

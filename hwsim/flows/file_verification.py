"""Run a quantized file from its own inputs to its own outputs, with the accelerator as Verilog."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import Config
from hwsim.flows.execution import golden_reference
from hwsim.flows.file_execution import file_values, output_deviations, source_tensors
from hwsim.flows.host_steps import Maps, run_steps
from hwsim.flows.progress import Progress
from hwsim.flows.simulation import subjects_of_steps
from hwsim.flows.witnesses import verify_program
from hwsim.graph.steps import FileNetwork
from hwsim.passes.baselines import materialized_steps
from hwsim.report.deviations import DeviationFigures, deviation
from hwsim.report.verification import CHAINED, VerifiedOutput, VerifiedProgram


@dataclass(frozen=True)
class VerifiedSteps:
    """The programs of a network's steps on all witnesses, and its outputs end to end."""

    programs: tuple[VerifiedProgram, ...]
    outputs: tuple[VerifiedOutput, ...]
    deviations: tuple[DeviationFigures, ...] = ()


def verify_steps(
    network: FileNetwork, config: Config, maps: Maps, progress: Progress, purpose: str
) -> VerifiedSteps:
    """Execute the steps with the Verilog as the accelerator.

    Golden is compared with what the file's operators compute, stage by stage, and the outputs of
    Verilog and host with theirs. Each program runs on what golden computes, so that a difference is
    found where it begins. Where the steps before it left something else, it then runs on that, too.
    """
    source = source_tensors(network, maps, purpose)
    golden = dict(source)
    chosen = subjects_of_steps(network, config, progress)
    programs: list[VerifiedProgram] = []

    def run_program(number: int, inputs: Maps) -> Maps:
        subject = chosen[number]
        own = {name: golden[name] for name in inputs}
        found = verify_program(subject, own, progress, source)
        golden.update(found.expected)
        programs.append(found.figures)
        if all(np.array_equal(own[name], x) for name, x in inputs.items()):
            return found.outputs
        chained = replace(subject, name=f"{subject.name}{CHAINED}")
        found = verify_program(chained, inputs, progress)
        programs.append(found.figures)
        return found.outputs

    tensors = run_steps(network, maps, run_program, purpose)
    found, expected = file_values(network, tensors), file_values(network, source)
    return VerifiedSteps(tuple(programs), verified_outputs(found, expected))


def verify_near_steps(
    network: FileNetwork, config: Config, maps: Maps, progress: Progress, purpose: str
) -> VerifiedSteps:
    """Execute the steps of a network that need not equal its file, with the Verilog.

    Golden computes with the same factors, and its outputs are what is expected of Verilog and host.
    What it is off from the file's own operators is no failure.
    """
    source = source_tensors(network, maps, purpose)
    chosen = subjects_of_steps(network, config, progress)
    programs: list[VerifiedProgram] = []
    deviations: list[DeviationFigures] = []

    def run_on_verilog(number: int, inputs: Maps) -> Maps:
        found = verify_program(chosen[number], inputs, progress)
        programs.append(found.figures)
        return found.outputs

    def run_on_golden(number: int, inputs: Maps) -> Maps:
        graph = chosen[number].program.graph
        reference = golden_reference(graph, inputs)
        stored = {stage.output.name: reference(stage) for stage in graph.stages}
        deviations.extend(
            deviation("layer", stage.name, stored[stage.output.name], source[stage.output.name])
            for stage in graph.stages
            if stage.output.name in source
        )
        return {tensor.name: stored[tensor.name] for tensor in graph.outputs}

    found, expected, exact = (
        file_values(network, tensors)
        for tensors in (
            run_steps(network, maps, run_on_verilog, purpose),
            run_steps(network, maps, run_on_golden, purpose),
            source,
        )
    )
    deviations += output_deviations(expected, exact)
    return VerifiedSteps(tuple(programs), verified_outputs(found, expected), tuple(deviations))


def verify_baseline(
    network: FileNetwork, config: Config, maps: Maps, progress: Progress, purpose: str
) -> tuple[VerifiedProgram, ...]:
    """Execute the steps of baseline B with the Verilog as the accelerator."""
    baseline = materialized_steps(network)
    chosen = subjects_of_steps(baseline, config, progress, is_baseline=True)
    programs: list[VerifiedProgram] = []

    def run_on_verilog(number: int, inputs: Maps) -> Maps:
        found = verify_program(chosen[number], inputs, progress)
        programs.append(found.figures)
        return found.outputs

    run_steps(baseline, maps, run_on_verilog, purpose)
    return tuple(programs)


def verified_outputs(
    found: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]]
) -> tuple[VerifiedOutput, ...]:
    """Return the comparison of every output, by its name in the file."""
    return tuple(_verified(name, found[name], values) for name, values in expected.items())


def _verified(name: str, found: NDArray[Any], expected: NDArray[Any]) -> VerifiedOutput:
    different = np.argwhere(found != expected)
    place = tuple(map(int, different[0])) if len(different) else None
    return VerifiedOutput(
        name=name,
        elements=expected.size,
        different_elements=len(different),
        first_place=place,
        found=None if place is None else float(found[place]),
        expected=None if place is None else float(expected[place]),
    )

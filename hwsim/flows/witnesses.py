"""Run one program on all witnesses: golden, machine, timeline, and the Verilog in Verilator."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwsim.flows.execution import golden_reference
from hwsim.flows.progress import Progress
from hwsim.flows.simulation import Subject, named, simulate
from hwsim.graph import Stage
from hwsim.interrupts import temporary_folder
from hwsim.isa.error_codes import ErrorCode
from hwsim.machine import Machine
from hwsim.program.blocking import padding_values
from hwsim.program.traffic import ByteCounts, add_traffic
from hwsim.report.verification import (
    DifferenceFigures,
    VerifiedLayer,
    VerifiedProgram,
    error_ratio,
)

if TYPE_CHECKING:
    from hwsim.testbenches.bus_record import Attribution, Difference
    from hwsim.testbenches.network_bench import NetworkRun

Stored = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Witnessed:
    """The figures of one program, and its outputs by their names.

    `outputs` are those that the Verilog stored, `expected` those of golden.
    """

    figures: VerifiedProgram
    outputs: Mapping[str, Stored]
    expected: Mapping[str, Stored]


def verify_program(
    subject: Subject,
    inputs: Mapping[str, Stored],
    progress: Progress,
    source: Mapping[str, Stored] = MappingProxyType({}),
) -> Witnessed:
    """Run one program on all witnesses, and return their figures side by side.

    `source` has tensors as the operators of a file compute them, which golden is compared with.
    """
    from hwsim.testbenches.bus_record import attribute, load_record
    from hwsim.testbenches.network_bench import RECORD, load_run

    program = subject.program
    expected, executed, machine_bytes = _execute(subject, inputs, progress)
    with temporary_folder("hwsim-verify-") as folder:
        simulate(subject, inputs, folder, progress)
        run = load_run(folder)
        attribution = attribute(program, load_record(folder / RECORD, program.config))
    verified = figures(subject, run, attribution, expected, executed, machine_bytes, source)
    golden = {each.output.name: expected[each.name] for each in program.graph.stages}
    outputs = {tensor.name: golden[tensor.name] for tensor in program.graph.outputs}
    return Witnessed(verified, _outputs(subject, attribution), outputs)


def _outputs(subject: Subject, attribution: "Attribution") -> dict[str, Stored]:
    """Return what the Verilog stored of the outputs, without padding channels."""
    stored = {each.layer.output.name: each.stored for each in attribution.layers}
    outputs = subject.program.graph.outputs
    return {tensor.name: stored[tensor.name][: tensor.shape.channels] for tensor in outputs}


def _execute(
    subject: Subject, inputs: Mapping[str, Stored], progress: Progress
) -> tuple[dict[str, Stored], dict[str, Stored], ByteCounts]:
    """Return what golden and the machine store, by a layer's name, and the machine's bytes."""
    expected: dict[str, Stored] = {}
    executed: dict[str, Stored] = {}
    graph = subject.program.graph
    with progress(named("executing", subject), len(graph.stages)) as advance:
        reference = golden_reference(graph, inputs)

        def on_stage(stage: Stage, stored: Stored) -> None:
            expected[stage.name] = reference(stage)
            executed[stage.name] = stored.copy()
            advance()

        memory = Machine(subject.program, inputs, on_stage=on_stage).run()
    return expected, executed, memory.byte_counts()


def figures(
    subject: Subject,
    run: "NetworkRun",
    attribution: "Attribution",
    expected: Mapping[str, Stored],
    executed: Mapping[str, Stored],
    machine_bytes: ByteCounts,
    source: Mapping[str, Stored] = MappingProxyType({}),
) -> VerifiedProgram:
    """Return the figures of all witnesses for one program, side by side."""
    from hwsim.testbenches.bus_record import first_difference

    timeline = subject.timeline
    layers: list[VerifiedLayer] = []
    before = before_in_timeline = 0  # the end of the last layer that the bus shows
    for record, time in zip(attribution.layers, timeline.stages, strict=True):
        name, output = record.layer.name, record.layer.output.name
        on_chip = output in subject.program.residents
        differences = {"machine": first_difference(expected[name], executed[name])}
        if not on_chip:
            padding = padding_values(record.layer, timeline.config)
            differences["Verilog"] = first_difference(
                expected[name], record.stored, record.is_stored, padding
            )
        if output in source:
            differences["file"] = first_difference(expected[name], source[output])
        cycles = None if record.end_cycle is None else record.end_cycle - before
        timeline_cycles = time.cycles if on_chip else time.stored_cycle - before_in_timeline
        before = record.end_cycle or before
        if not on_chip:
            before_in_timeline = time.stored_cycle
        layers.append(
            VerifiedLayer(
                name=name,
                stored_bytes=record.stored.size,
                on_chip=on_chip,
                differences=_differences(differences),
                bus_bytes=record.bytes,
                timeline_bytes=time.traffic.bytes,
                verilog_cycles=cycles,
                timeline_cycles=timeline_cycles,
                error_ratio=error_ratio(timeline_cycles, cycles),
            )
        )
    return VerifiedProgram(
        name=subject.name,
        variant=subject.variant,
        description=subject.description,
        layers=tuple(layers),
        monitor_bytes=run.monitor_bytes,
        counter_bytes=run.counter_bytes,
        machine_bytes=machine_bytes,
        timeline_bytes=add_traffic([time.traffic for time in timeline.stages]).bytes,
        verilog_array_cycles=run.array_cycles,
        timeline_array_cycles=sum(time.busy_cycles for time in timeline.stages),
        verilog_cycles=run.cycles,
        timeline_cycles=timeline.cycles,
        error_ratio=error_ratio(timeline.cycles, run.cycles),
        problems=tuple(problems(subject, run, attribution)),
    )


def _differences(found: "dict[str, Difference | None]") -> tuple[DifferenceFigures, ...]:
    return tuple(
        DifferenceFigures(
            witness,
            difference.elements,
            difference.channel,
            difference.row,
            difference.column,
            difference.found,
            difference.expected,
        )
        for witness, difference in found.items()
        if difference is not None
    )


def problems(subject: Subject, run: "NetworkRun", attribution: "Attribution") -> Iterator[str]:
    """Yield the faults of a run that count whatever the other witnesses say."""
    from hwsim.testbenches.axi_memory import Violation

    if run.error != ErrorCode.NONE:
        yield f"the run ended with error {run.error.name} at {run.error_descriptor:#010x}"
    elif run.events != {"end": 1, "error": 0, "refused": 0}:
        yield f"the run ended with events {run.events}"
    if run.violation != Violation.NONE:
        yield f"the bus monitor saw {run.violation.name}"
    if not run.is_complete(subject.program.config.bus_bytes):
        yield "beats on the bus are not those that its addresses announced"
    yield from map(str, attribution.misplaced)

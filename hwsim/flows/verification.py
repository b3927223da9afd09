"""Run a network's programs on golden, machine, timeline and Verilog, and return what each says."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.metadata import version
from typing import Any

from hwsim.arch.config import Config
from hwsim.cache import tools_can_cache
from hwsim.errors import InputError
from hwsim.extras import importing_extra
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.contracts import Contract, asked_contract, check_graph_contract
from hwsim.flows.file_inputs import (
    FileInputs,
    check_image,
    check_no_weights,
    file_inputs,
)
from hwsim.flows.file_verification import verify_baseline, verify_near_steps, verify_steps
from hwsim.flows.inputs import Arrays, InputValues, check_without_arrays, input_values
from hwsim.flows.network import File, NetworkSource, loaded, optional_path, placed, program_graphs
from hwsim.flows.planning import planned
from hwsim.flows.progress import Progress, check_progress, silent, single_step
from hwsim.flows.quantized import quantized
from hwsim.flows.simulation import subjects
from hwsim.flows.witnesses import verify_program
from hwsim.graph import Graph
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.graph.steps import FileNetwork
from hwsim.passes.baselines import materialized, materialized_steps
from hwsim.report.document import network_figures
from hwsim.report.file_figures import file_figures
from hwsim.report.records import Records
from hwsim.report.result import Result
from hwsim.report.table import Table
from hwsim.report.verification import (
    SCHEMA_VERSION,
    Verification,
    VerifiedProgram,
    saving,
    verified_totals,
)
from hwsim.timeline.bounds import MEASURED, cycle_bounds

PURPOSE = "hwsim verify"
EXTRAS = {
    "golden": "hwsim.golden.reference",
    "rtl": "hwsim.rtl.accelerator",
    "verify": "hwsim.testbenches.simulator",
}


def check_tools() -> None:
    """Raise an error for a tool that is not installed, before the long work begins."""
    for extra, module in EXTRAS.items():
        with importing_extra(extra, PURPOSE):
            import_module(module)
    from hwsim.testbenches.simulator import verilator_environment

    verilator_environment()


@dataclass(frozen=True)
class VerifiedFigures:
    """The figures of one layer of one program, from all witnesses."""

    program: str
    """The program's letter: A, B or C, and its name if there are several."""
    layer: str
    """The layer's name in the network."""
    stored_bytes: int
    """Bytes of the output that were compared, padding channels included."""
    different_elements: int
    """Number of elements in which machine or Verilog differ from golden."""
    bus_bytes: int
    """Bytes that were counted on the bus."""
    timeline_bytes: int
    """Bytes on the timeline."""
    verilog_cycles: int | None
    """Cycles of the layer in the Verilog; None if it never ended there."""
    timeline_cycles: int
    """Cycles of the layer on the timeline."""
    error_ratio: float | None
    """Relative error: timeline / Verilog - 1."""


@dataclass(frozen=True, repr=False)
class VerifyResult(Result):
    """The figures of golden, machine, timeline and Verilog for one network."""

    document: Verification

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as `--json` writes it."""
        return asdict(self.document)

    @property
    def failures(self) -> tuple[str, ...]:
        """Everything that is out of bounds, a line each; empty if all witnesses agree."""
        return self.document.failures

    @property
    def layers(self) -> Records[VerifiedFigures]:
        """A row per program and layer."""
        rows = (
            VerifiedFigures(
                program=program.title,
                layer=layer.name,
                stored_bytes=layer.stored_bytes,
                different_elements=sum(each.different_elements for each in layer.differences),
                bus_bytes=layer.bus_bytes.total,
                timeline_bytes=layer.timeline_bytes.total,
                verilog_cycles=layer.verilog_cycles,
                timeline_cycles=layer.timeline_cycles,
                error_ratio=layer.error_ratio,
            )
            for program in self.document.programs
            for layer in program.layers
        )
        return Records(VerifiedFigures, rows)

    @property
    def heading(self) -> str:
        """The network, the accelerator, and the verdict: agreement or not."""
        from hwsim.report.text import heading

        verdict = f"{len(self.failures)} out of bounds" if self.failures else "all witnesses agree"
        return f"{heading(self.document)}: {verdict}"

    @property
    def tables(self) -> Sequence[Table]:
        """The tables that the command prints below the heading."""
        from hwsim.report.verification_tables import bytes_by_class, values_and_cycles

        return [
            table(program)
            for program in self.document.programs
            for table in (values_and_cycles, bytes_by_class)
        ]


def verify(
    network: NetworkSource,
    config: ConfigSource = "edge",
    *,
    image: File | None = None,
    inputs: Arrays | None = None,
    weights: File | None = None,
    contract: Contract | None = None,
    unfused: bool = False,
    progress: Progress = silent,
) -> VerifyResult:
    """Run a network's program on golden, machine, timeline and Verilog; return what each says.

    `network`, `config`, `image`, `inputs`, `weights` and `contract` are as for `run`; every
    stored element is compared, and of a `.tflite` also the outputs of host and Verilog with what
    the file's own operators compute. `unfused` runs the baseline B too, and both with all maps in
    memory. No exception is raised for witnesses that disagree: the result's `failures` names them.
    """
    check_progress(progress)
    whole = loaded(network, progress)
    shapes, chosen = placed(whole, config)
    asked = asked_contract(contract)
    if unfused:
        if not shapes.is_condensed:
            raise InputError(f"unfused: nothing in {shapes.name} is condensed, k = 1")
        chosen = chosen.without_residency  # as in the comparison of an estimate
    # Refuse what cannot run before the long work.
    if isinstance(whole, FileNetwork):
        check_no_weights(whole, weights)
        if inputs is None:
            check_image(whole, image, asked)
    else:
        check_graph_contract(asked)
        if inputs is None:
            check_without_arrays(shapes, image)
    planned(program_graphs(whole, shapes), chosen, progress)
    if unfused:
        if isinstance(whole, FileNetwork):
            graphs = ProgramGraphs.of_steps(materialized_steps(whole))
        else:
            graphs = ProgramGraphs.of(materialized(shapes))
        planned(graphs, chosen, progress)
    weights = optional_path("weights", weights)
    with tools_can_cache():
        check_tools()
        if isinstance(whole, FileNetwork):
            values = file_inputs(whole, image, inputs, asked, PURPOSE)
            return VerifyResult(_verify_file(whole, chosen, values, unfused, progress))
        given = input_values(shapes, image, inputs, asked, PURPOSE)
        found = _verify(shapes, chosen, given, weights, unfused, progress)
        return VerifyResult(found)


def _verify(
    shapes: Graph,
    config: Config,
    given: InputValues,
    weights: str | None,
    unfused: bool,
    progress: Progress,
) -> Verification:
    with single_step(progress, f"quantizing {shapes.name}"):
        made = quantized(shapes, weights, config.widths.multiplier_bits, given.values)
    programs = tuple(
        verify_program(subject, given.values, progress).figures
        for subject in subjects(made.graph, config, unfused)
    )
    return replace(
        _document(made.graph, config, given, programs),
        weights=made.origin,
        saving=saving(programs) if unfused else None,
    )


def _verify_file(
    network: FileNetwork, config: Config, given: FileInputs, unfused: bool, progress: Progress
) -> Verification:
    verify_all = verify_steps if network.is_exact else verify_near_steps
    found = verify_all(network, config, given.maps, progress, PURPOSE)
    programs = found.programs
    if unfused:
        programs += verify_baseline(network, config, given.maps, progress, PURPOSE)
    document = _document(network.graph, config, given, programs)
    failures = (line for output in found.outputs for line in output.failures())
    return replace(
        document,
        file=file_figures(network),
        file_outputs=found.outputs,
        deviations=found.deviations,
        saving=saving(programs) if unfused else None,
        failures=(*document.failures, *failures),
    )


def _document(
    graph: Graph,
    config: Config,
    given: InputValues | FileInputs,
    programs: tuple[VerifiedProgram, ...],
) -> Verification:
    """Return the document of programs of a network that has its constants from its file."""
    bounds = cycle_bounds(config)
    cycles_off = tuple(
        f"{program.title}: {line}"
        for program in programs
        for line in program.cycles_off(bounds or MEASURED)
    )
    wrong = (f"{program.title}: {line}" for program in programs for line in program.failures())
    return Verification(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="verify",
        network=network_figures(graph),
        file=None,
        config=config.model_dump(mode="json"),
        image=given.image_name,
        image_sha256=given.image_sha256,
        arrays=given.arrays,
        image_as=given.image_as,
        contracts=given.taken_as,
        weights="graph",
        layer_bound_ratio=bounds.layer if bounds else None,
        total_bound_ratio=bounds.run if bounds else None,
        totals=verified_totals(programs, config.clock.clock_hz),
        programs=programs,
        file_outputs=(),
        deviations=(),
        saving=None,
        cycles_off=cycles_off,
        failures=(*wrong, *(cycles_off if bounds else ())),
    )

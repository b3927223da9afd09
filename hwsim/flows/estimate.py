"""Compile and price a network."""

from hwsim.arch.config import Config
from hwsim.compiler import write_program
from hwsim.cost.estimate import Estimate
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.network import NetworkSource, loaded, placed, program_graphs
from hwsim.flows.planning import planned
from hwsim.flows.progress import Progress, check_progress, silent
from hwsim.flows.results import EstimateResult
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.graph.steps import FileNetwork
from hwsim.program.network_plan import NetworkPlan, NetworkProgram
from hwsim.report.file_figures import file_figures
from hwsim.timeline import joined, time_program


def estimate(
    network: NetworkSource, config: ConfigSource = "edge", *, progress: Progress = silent
) -> EstimateResult:
    """Return what a network costs on an accelerator. Shapes decide; nothing is executed.

    `network` is a built-in network's name, the path of darknet's `.cfg`, of a `.tflite` or of a
    saved graph, or what `load` returned; `config` is a preset's name, a TOML file or a `Config`.
    The host's part of a `.tflite` is listed and takes no time here. Raises `InputError` for what
    cannot run.
    """
    check_progress(progress)
    found = loaded(network, progress)
    file = file_figures(found) if isinstance(found, FileNetwork) else None
    graph, chosen = placed(found, config)
    return EstimateResult(price(program_graphs(found, graph), chosen, progress), file=file)


def price(graphs: ProgramGraphs, config: Config, progress: Progress = silent) -> Estimate:
    """Compile a network and price its programs."""
    network = compiled(graphs, config, progress)
    with progress(f"timing {network.graph.name}", len(network.graph.stages)) as advance:
        timelines = [time_program(program, advance) for program in network.programs]
    return Estimate(network, joined(timelines))


def compiled(graphs: ProgramGraphs, config: Config, progress: Progress) -> NetworkProgram:
    """Return the programs of a network. Raises `InputError` for what cannot run."""
    plan = planned(graphs, config, progress)
    with progress(f"compiling {plan.graph.name}", len(plan.graph.stages)) as advance:
        programs = tuple(write_program(program, advance) for program in plan.programs)
    sizes = plan.peak_feature_bytes, plan.least_feature_bytes
    return NetworkPlan(plan.graphs, programs, plan.tensors, *sizes)

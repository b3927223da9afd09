"""Compile and price a network."""

from hwsim.arch.config import Config
from hwsim.compiler import write_program
from hwsim.cost.estimate import Estimate
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.network import NetworkSource, loaded, placed
from hwsim.flows.planning import planned
from hwsim.flows.progress import Progress, check_progress, silent
from hwsim.flows.results import EstimateResult
from hwsim.graph import Graph
from hwsim.graph.steps import FileNetwork
from hwsim.report.file_figures import file_figures
from hwsim.timeline import time_program


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
    return EstimateResult(price(*placed(found, config), progress), file=file)


def price(graph: Graph, config: Config, progress: Progress = silent) -> Estimate:
    """Compile a graph and price its program."""
    plan = planned(graph, config, progress)
    with progress(f"compiling {graph.name}", len(graph.stages)) as advance:
        program = write_program(plan, advance)
    with progress(f"timing {graph.name}", len(graph.stages)) as advance:
        return Estimate(time_program(program, advance))

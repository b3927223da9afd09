"""Compile and price a network."""

from hwsim.arch.config import Config
from hwsim.compiler import write_program
from hwsim.cost.estimate import Estimate
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.network import NetworkSource, placed
from hwsim.flows.planning import planned
from hwsim.flows.progress import Progress, check_progress, silent
from hwsim.flows.results import EstimateResult
from hwsim.graph import Graph
from hwsim.timeline import time_program


def estimate(
    network: NetworkSource, config: ConfigSource = "edge", *, progress: Progress = silent
) -> EstimateResult:
    """Return what a network costs on an accelerator. Shapes decide; nothing is executed.

    `network` is a built-in network's name, the path of darknet's `.cfg` or of a saved graph's file,
    or a graph; `config` is a preset's
    name, a TOML file or a `Config`. Raises `InputError` for what cannot run.
    """
    check_progress(progress)
    return EstimateResult(price(*placed(network, config), progress))


def price(graph: Graph, config: Config, progress: Progress = silent) -> Estimate:
    """Compile a graph and price its program."""
    plan = planned(graph, config, progress)
    with progress(f"compiling {graph.name}", len(graph.stages)) as advance:
        program = write_program(plan, advance)
    with progress(f"timing {graph.name}", len(graph.stages)) as advance:
        return Estimate(time_program(program, advance))

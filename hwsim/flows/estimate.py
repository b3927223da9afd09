"""Compile and price a network."""

from hwsim.arch.config import Config
from hwsim.compiler import plan_graph, write_program
from hwsim.cost.estimate import Estimate
from hwsim.flows.progress import Progress, silent
from hwsim.graph import Graph
from hwsim.timeline import time_program


def estimate(graph: Graph, config: Config, progress: Progress = silent) -> Estimate:
    """Compile a graph and price its program."""
    plan = plan_graph(graph, config)
    with progress(f"compiling {graph.name}", len(graph.layers)) as advance:
        program = write_program(plan, advance)
    with progress(f"timing {graph.name}", 1):
        return Estimate(time_program(program))

"""Plan a network's program, with progress where that takes long."""

from hwsim.arch.config import Config
from hwsim.compiler import plan_graph
from hwsim.flows.progress import Progress
from hwsim.graph import Graph
from hwsim.program.program import Plan


def planned(graph: Graph, config: Config, progress: Progress) -> Plan:
    """Return the plan of a graph. Raises `InputError` for what cannot run."""
    with progress(f"planning {graph.name}", len(graph.stages)) as advance:
        return plan_graph(graph, config, advance)

"""Plan a network's program, with progress where that takes long."""

from hwsim.arch.config import Config
from hwsim.compiler import plan_network
from hwsim.flows.progress import Progress
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.program.network_plan import NetworkPlan
from hwsim.program.program import Plan


def planned(graphs: ProgramGraphs, config: Config, progress: Progress) -> NetworkPlan[Plan]:
    """Return the plan of a network. Raises `InputError` for what cannot run."""
    graph = graphs.whole
    with progress(f"planning {graph.name}", len(graph.stages)) as advance:
        return plan_network(graphs, config, advance)

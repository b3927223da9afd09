"""Simulates one built-in network's Verilog on edge at 416x416, with seeded integers."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.execute import seeded_image
from hwsim.arch.config import load_config
from hwsim.flows.progress import silent
from hwsim.flows.simulation import simulate, subjects
from hwsim.frontends.builtin import build_network
from hwsim.testbenches.cases import with_constants


def cycles_per_second(network: str) -> float:
    """Return the simulator's speed, from the host's first access to its last, without its build."""
    from hwsim.testbenches.network_bench import load_run

    config = load_config("edge")
    graph = with_constants(build_network(network, 416, 416), config, seed=0)
    (subject,) = subjects(graph, config, unfused=False)
    with TemporaryDirectory() as folder:
        simulate(subject, {graph.only_input.name: seeded_image(graph)}, Path(folder), silent)
        run = load_run(Path(folder))
    return run.cycles / run.seconds


if __name__ == "__main__":
    print(f"{cycles_per_second(sys.argv[1]):,.0f} cycles per second")

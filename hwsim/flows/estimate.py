"""Compile and price a network, alone or beside its baselines."""

from hwsim.arch.config import Config
from hwsim.compiler import plan_graph, write_program
from hwsim.cost.energy import frame_energy
from hwsim.cost.estimate import Comparison, Estimate, Variant
from hwsim.cost.gates import gate_model
from hwsim.cost.memory import on_chip_memories
from hwsim.flows.progress import Progress, silent
from hwsim.graph import Graph
from hwsim.passes.baselines import materialized, plain
from hwsim.program.program import Plan
from hwsim.program.traffic import add_traffic, planned_traffic
from hwsim.timeline import time_program


def estimate(graph: Graph, config: Config, progress: Progress = silent) -> Estimate:
    """Compile and price a graph; a condensed one beside its baselines."""
    plan = plan_graph(graph, config)
    with progress(f"compiling {graph.name}", len(graph.layers)) as advance:
        program = write_program(plan, advance)
    with progress(f"timing {graph.name}", 1):
        timeline = time_program(program)
    return Estimate(
        graph=graph,
        config=config,
        timeline=timeline,
        traffic=add_traffic([layer.traffic for layer in timeline.layers]),
        energy=frame_energy(timeline),
        gates=gate_model(config),
        memories=on_chip_memories(config),
        comparison=compare(program),
    )


def compare(plan: Plan) -> Comparison | None:
    """Totals A, B and C of a network, or None if no layer is condensed."""
    graph, config = plan.graph, plan.config
    if not graph.is_condensed:
        return None
    a, b, unpooled = (
        plan_graph(baseline, config)
        for baseline in (plain(graph), materialized(graph), materialized(graph, pooled=False))
    )
    return Comparison(
        a=_variant("A", "plain network, same stored shapes, k = 1", a),
        b=_variant("B", "k x C maps written and read back, after the spatial maximum", b),
        b_unpooled=_variant(
            "B'", "k x C maps written and read back, before the spatial maximum", unpooled
        ),
        c=_variant("C", "virtual maps: condensed before they are written", plan),
    )


def _variant(key: str, description: str, plan: Plan) -> Variant:
    layers = planned_traffic(plan)
    return Variant(
        key,
        description,
        plan.graph.macs,
        plan.peak_feature_bytes,
        tuple(part.layer.name for part in plan.layers),
        tuple(layer.bytes for layer in layers),
        add_traffic(layers).bytes,
    )

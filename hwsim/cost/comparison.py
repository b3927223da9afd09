"""The comparison of a condensed network with its baselines, in bytes."""

from dataclasses import dataclass

from hwsim.compiler import plan_of_any_size
from hwsim.passes.baselines import materialized, plain
from hwsim.program.program import Plan
from hwsim.program.traffic import ByteCounts, add_traffic, planned_traffic

PAPER_SAVING = 0.265  # arXiv 2104.14124, abstract: memory bandwidth saved by virtual feature maps


@dataclass(frozen=True)
class Variant:
    """One way of running the same detector; stages keep the graph's own names."""

    key: str
    description: str
    macs: int
    peak_feature_bytes: int
    stage_names: tuple[str, ...]
    stage_bytes: tuple[ByteCounts, ...]
    bytes: ByteCounts


@dataclass(frozen=True)
class Comparison:
    """The baselines A, B and B' of a condensed network beside C, the network itself."""

    a: Variant
    b: Variant
    b_unpooled: Variant
    c: Variant

    def feature_saving(self, baseline: Variant) -> float:
        """Return (B - C) / B of the bytes of features."""
        return 1 - self.c.bytes.features / baseline.bytes.features

    def total_saving(self, baseline: Variant) -> float:
        """Return (B - C) / B of all bytes."""
        return 1 - self.c.bytes.total / baseline.bytes.total


def compare(plan: Plan) -> Comparison | None:
    """Plan the baselines of a network; return None where no stage is condensed.

    All four write their maps to memory, so that what condensing saves is not mixed with what maps
    that stay on the chip save.
    """
    graph, config = plan.graph, plan.config.without_residency
    if not graph.is_condensed:
        return None
    a, b, unpooled = (
        plan_of_any_size(baseline, config)
        for baseline in (plain(graph), materialized(graph), materialized(graph, pooled=False))
    )
    return Comparison(
        a=_variant("A", "plain network, same stored shapes, k = 1", a),
        b=_variant("B", "k x C maps written and read back, after the spatial maximum", b),
        b_unpooled=_variant(
            "B'", "k x C maps written and read back, before the spatial maximum", unpooled
        ),
        c=_variant(
            "C",
            "virtual maps: condensed before they are written",
            plan_of_any_size(graph, config) if plan.residents else plan,
        ),
    )


def _variant(key: str, description: str, plan: Plan) -> Variant:
    stages = planned_traffic(plan)
    return Variant(
        key,
        description,
        plan.graph.macs,
        plan.peak_feature_bytes,
        tuple(part.stage.name for part in plan.stages),
        tuple(stage.bytes for stage in stages),
        add_traffic(stages).bytes,
    )

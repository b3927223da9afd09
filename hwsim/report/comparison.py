"""Totals A, B, B' and C of a condensed network, side by side."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from hwsim.cost.estimate import PAPER_SAVING, Comparison, Variant
from hwsim.program.program import Traffic
from hwsim.program.traffic import LayerTraffic
from hwsim.report.layers import STRICT

PAPER = "arXiv 2104.14124"
REDUCTION_SUFFIX = " reduction"  # B's second pass over a condensed layer


@dataclass(frozen=True)
class VariantLayerFigures:
    """Bytes of one layer over the bus."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str
    """The layer; in B, `... reduction` is the pass that reads its maps back."""
    program_bytes: int
    """Descriptors."""
    weight_bytes: int
    """Weights with bias and rescale parameters."""
    features_read_bytes: int
    """Features read."""
    features_written_bytes: int
    """Features written."""

    @property
    def condensed_layer(self) -> str:
        """The layer of the network that this one belongs to."""
        return self.name.removesuffix(REDUCTION_SUFFIX)


@dataclass(frozen=True)
class VariantFigures:
    """One way of running the same detector."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    key: str
    """A, B, B' or C."""
    description: str
    """What it is."""
    macs: int
    """Useful multiply-accumulates."""
    peak_feature_bytes: int
    """The allocator's high-water mark of feature memory."""
    program_bytes: int
    """Descriptors."""
    weight_bytes: int
    """Weights with bias and rescale parameters."""
    features_read_bytes: int
    """Features read."""
    features_written_bytes: int
    """Features written."""
    features_bytes: int
    """Features read and written."""
    total_bytes: int
    """All four classes."""
    layers: tuple[VariantLayerFigures, ...]
    """In the order of execution."""


@dataclass(frozen=True)
class ComparisonFigures:
    """The saving of virtual feature maps: (B - C) / B."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    variants: tuple[VariantFigures, ...]
    """A, B, B' and C."""
    feature_saving_ratio: float
    """(B - C) / B of feature bytes."""
    total_saving_ratio: float
    """(B - C) / B of all bytes."""
    unpooled_feature_saving_ratio: float
    """(B' - C) / B' of feature bytes."""
    unpooled_total_saving_ratio: float
    """(B' - C) / B' of all bytes."""
    condensed_weight_ratio: float
    """C's weight bytes over A's: the price of condensing, k where every layer is condensed."""
    condensed_total_ratio: float
    """C's bytes in all over A's."""
    paper_saving_ratio: float
    """What the paper states, its accounting unknown."""
    paper: str
    """Where it states it."""


def comparison_figures(comparison: Comparison) -> ComparisonFigures:
    """The variants and the savings between them."""
    b, unpooled = comparison.b, comparison.b_unpooled
    plain_weights = comparison.a.traffic.bytes[Traffic.WEIGHTS]
    return ComparisonFigures(
        variants=tuple(
            _variant_figures(variant) for variant in (comparison.a, b, unpooled, comparison.c)
        ),
        feature_saving_ratio=comparison.feature_saving(b),
        total_saving_ratio=comparison.total_saving(b),
        unpooled_feature_saving_ratio=comparison.feature_saving(unpooled),
        unpooled_total_saving_ratio=comparison.total_saving(unpooled),
        condensed_weight_ratio=comparison.c.traffic.bytes[Traffic.WEIGHTS] / plain_weights,
        condensed_total_ratio=comparison.c.traffic.total_bytes / comparison.a.traffic.total_bytes,
        paper_saving_ratio=PAPER_SAVING,
        paper=PAPER,
    )


def _variant_figures(variant: Variant) -> VariantFigures:
    return VariantFigures(
        key=variant.key,
        description=variant.description,
        macs=variant.macs,
        peak_feature_bytes=variant.peak_feature_bytes,
        **_bytes(variant.traffic),
        features_bytes=variant.traffic.feature_bytes,
        total_bytes=variant.traffic.total_bytes,
        layers=tuple(
            VariantLayerFigures(name=name, **_bytes(traffic))
            for name, traffic in zip(variant.layer_names, variant.layer_traffic, strict=True)
        ),
    )


def _bytes(traffic: LayerTraffic) -> dict[str, int]:
    return {
        "program_bytes": traffic.bytes[Traffic.PROGRAM],
        "weight_bytes": traffic.bytes[Traffic.WEIGHTS],
        "features_read_bytes": traffic.bytes[Traffic.FEATURES_READ],
        "features_written_bytes": traffic.bytes[Traffic.FEATURES_WRITTEN],
    }

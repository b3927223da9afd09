"""The totals of a condensed network C and of its baselines A, B and B', side by side."""

from dataclasses import dataclass

from hwsim.cost.comparison import PAPER_SAVING, Comparison, Variant
from hwsim.report.layers import byte_fields

PAPER = "arXiv 2104.14124"
REDUCTION_SUFFIX = " reduction"  # the layer of B that reads a condensed layer's maps back


@dataclass(frozen=True)
class VariantLayerFigures:
    """The bytes of one layer over the bus."""

    name: str
    """The layer; in B, `... reduction` is the layer that reads its maps back and pools them."""
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
    """One way of running the same network."""

    key: str
    """A, B, B' or C."""
    description: str
    """Description of the variant."""
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

    variants: tuple[VariantFigures, ...]
    """A, B, B' and C."""
    feature_saving_ratio: float
    """Saving of feature bytes: (B - C) / B."""
    total_saving_ratio: float
    """Saving of all bytes: (B - C) / B."""
    unpooled_feature_saving_ratio: float
    """Saving of feature bytes against B': (B' - C) / B'."""
    unpooled_total_saving_ratio: float
    """Saving of all bytes against B': (B' - C) / B'."""
    condensed_weight_ratio: float
    """C's weight bytes / A's: the price of condensing, equal to k if every layer is condensed."""
    condensed_total_ratio: float
    """C's bytes of all classes / A's."""
    paper_saving_ratio: float
    """The saving that the paper states. How it was counted is unknown."""
    paper: str
    """Reference of the paper."""


def comparison_figures(comparison: Comparison) -> ComparisonFigures:
    """Return the variants and the savings between them."""
    b, unpooled = comparison.b, comparison.b_unpooled
    return ComparisonFigures(
        variants=tuple(
            _variant_figures(variant) for variant in (comparison.a, b, unpooled, comparison.c)
        ),
        feature_saving_ratio=comparison.feature_saving(b),
        total_saving_ratio=comparison.total_saving(b),
        unpooled_feature_saving_ratio=comparison.feature_saving(unpooled),
        unpooled_total_saving_ratio=comparison.total_saving(unpooled),
        condensed_weight_ratio=comparison.c.bytes.weights / comparison.a.bytes.weights,
        condensed_total_ratio=comparison.c.bytes.total / comparison.a.bytes.total,
        paper_saving_ratio=PAPER_SAVING,
        paper=PAPER,
    )


def _variant_figures(variant: Variant) -> VariantFigures:
    return VariantFigures(
        key=variant.key,
        description=variant.description,
        macs=variant.macs,
        peak_feature_bytes=variant.peak_feature_bytes,
        **byte_fields(variant.bytes),
        features_bytes=variant.bytes.features,
        total_bytes=variant.bytes.total,
        layers=tuple(
            VariantLayerFigures(name=name, **byte_fields(counts))
            for name, counts in zip(variant.stage_names, variant.stage_bytes, strict=True)
        ),
    )

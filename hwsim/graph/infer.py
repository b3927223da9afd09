"""The shapes that follow from others: the one place where they are derived."""

from hwsim.graph.sources import Source
from hwsim.graph.spatial_pool import SpatialPool
from hwsim.graph.tensors import Shape


def convolved_shape(source: Source, filters: int) -> Shape:
    """Return K x P x Q, what the convolution of a source computes.

    A side is 0 or less where the kernel does not fit.
    """
    (height, width), (rows, columns), padding = source.size, source.extent, source.padding
    return Shape(
        filters,
        (height + padding.top + padding.bottom - rows) // source.stride[0] + 1,
        (width + padding.left + padding.right - columns) // source.stride[1] + 1,
    )


def pooled_shape(convolved: Shape, channel_pool: int, spatial_pool: SpatialPool) -> Shape:
    """Return what is stored of K x P x Q after both pools."""
    return Shape(
        convolved.channels // channel_pool,
        spatial_pool.pooled(convolved.height, axis=0),
        spatial_pool.pooled(convolved.width, axis=1),
    )


def stored_shape(
    source: Source,
    filters: int,
    channel_pool: int = 1,
    spatial_pool: SpatialPool = SpatialPool.NONE,
) -> Shape:
    """Return the shape that a stage stores, from any of its sources."""
    return pooled_shape(convolved_shape(source, filters), channel_pool, spatial_pool)

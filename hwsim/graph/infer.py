"""The shapes that follow from others: the one place where they are derived."""

from hwsim.graph.tensors import Shape, SpatialPool


def convolved_shape(stored: Shape, filters: int, kernel: tuple[int, int], padding: int) -> Shape:
    """Return K x P x Q, what a convolution of stride 1 computes from the stored input.

    A side is 0 or less where the kernel does not fit.
    """
    border = 2 * padding + 1
    return Shape(filters, stored.height + border - kernel[0], stored.width + border - kernel[1])


def pooled_shape(convolved: Shape, channel_pool: int, spatial_pool: SpatialPool) -> Shape:
    """Return what is stored of K x P x Q after both pools."""
    return Shape(
        convolved.channels // channel_pool,
        spatial_pool.pooled(convolved.height),
        spatial_pool.pooled(convolved.width),
    )


def stored_shape(
    stored: Shape,
    filters: int,
    kernel: tuple[int, int],
    padding: int,
    channel_pool: int = 1,
    spatial_pool: SpatialPool = SpatialPool.NONE,
) -> Shape:
    """Return the shape that a fused stage stores, from the shape that it reads."""
    convolved = convolved_shape(stored, filters, kernel, padding)
    return pooled_shape(convolved, channel_pool, spatial_pool)

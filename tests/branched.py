"""Networks of photographs that branch, with every kind of source, copy and join."""

from dataclasses import replace

from hwsim.graph import Graph, Padding, Shape, Source, SpatialPool, Stage, Tensor


def branched(height: int = 32, width: int = 48) -> Graph:
    """Return two heads over maps of two sizes: slices, upsampling, a pool of its own, a join."""
    image = Tensor("camera", Shape(3, height, width), is_image=True)
    halved = replace(Source.whole(image, (3, 3), stride=(2, 2)), padding=Padding(bottom=1, right=1))
    stem = Stage.inferred("stem", [halved], "stem maps", 16, 0.1)
    quartered = Source.whole(stem.output, (3, 3), padding=1, stride=(2, 2))
    deep = Stage.inferred("deep", [quartered], "deep maps", 24, 0.1, channel_pool=2)
    pool = copy("pool", [Source.whole(deep.output, (1, 1), groups=12)], SpatialPool.STRIDE_1)
    low = Source(pool.output, 2, 9, (1, 1), upsample=2)
    join = copy("join", [Source(stem.output, 3, 6, (1, 1)), low])
    wide = Source(stem.output, 4, 8, (3, 3), dilation=(2, 2), padding=Padding.even(2), groups=2)
    grouped = replace(Source.whole(pool.output, (2, 2)), upsample=2, padding=Padding(1, 0, 0, 1))
    mixed = Stage.inferred(
        "mixed", [wide, Source.whole(join.output, (1, 1)), grouped], "mixed maps", 16, 0.1
    )
    large = Stage.inferred("large", [Source.whole(mixed.output, (1, 1))], "large head", 5)
    both = [Source.whole(pool.output, (1, 1)), Source.whole(mixed.output, (1, 1), stride=(2, 2))]
    small = Stage.inferred("small", both, "small head", 7)
    stages = (stem, deep, pool, join, mixed, large, small)
    return Graph("branched", (image,), stages, (large.output, small.output))


def copy(name: str, sources: list[Source], spatial_pool: SpatialPool = SpatialPool.NONE) -> Stage:
    """Return a stage that passes stored channels on, through a pool."""
    filters = sum(source.channels for source in sources)
    stage = Stage.inferred(name, sources, f"{name} maps", filters, spatial_pool=spatial_pool)
    return replace(stage, is_reduction=True)


def two_cameras() -> Graph:
    """Return a network of two images, of which the second is half as large, and of two heads."""
    one = branched(64, 80)
    (image,) = one.inputs
    other = Tensor("other", Shape(3, 32, 40))
    stages = {stage.name: stage for stage in one.stages}
    small = Source.whole(other, (3, 3), padding=1)
    stem = replace(stages["stem"], sources=(*stages["stem"].sources, small))
    stages["stem"] = stem
    return replace(one, inputs=(image, other), stages=tuple(stages.values()))

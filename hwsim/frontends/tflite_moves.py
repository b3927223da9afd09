"""The operators of TFLite's that move values and compute none, or interpolate between them."""

from collections.abc import Callable, Sequence

from hwsim.errors import InputError
from hwsim.frontends.tflite_call import Call
from hwsim.graph import Padding
from hwsim.graph.host_operators import ResizeBilinear, ResizeNearest
from hwsim.graph.operators import (
    Axis,
    Concat,
    DepthToSpace,
    Operator,
    Pad,
    Reshape,
    Slice,
    SpaceToDepth,
    Upsample,
)

Maker = Callable[[Call], list[Operator]]
CHANNELS = -1  # the axis, counted from the end
AXES = {-3: Axis.ROWS, -2: Axis.COLUMNS, CHANNELS: Axis.CHANNELS}


def _concatenation(call: Call) -> list[Operator]:
    if call.option("FusedActivationFunction"):
        raise InputError("a concatenation with an activation is not supported")
    places = range(len(call.operator.inputs))
    ranks = {len(call.read(place).dims) for place in places}
    if len(ranks) != 1:
        raise InputError("it joins tensors of different numbers of axes")
    axis = call.axis(call.option("Axis"), ranks.pop())
    if axis not in AXES:
        raise InputError("it joins along the batch: not supported")
    return [Concat(axis=AXES[axis], **call.ends(*places))]


def _pad(call: Call) -> list[Operator]:
    rank, pairs = len(call.read(0).dims), call.integers(1)
    if len(pairs) != 2 * rank:
        raise InputError(f"{len(pairs)} paddings for {rank} axes: must be two of each")
    missing = (0, 0) * (4 - rank)
    batch, rows, columns, channels = zip(*[iter((*missing, *pairs))] * 2, strict=True)
    if batch != (0, 0):
        raise InputError("it pads the batch: not supported")
    padding = Padding(rows[0], columns[0], rows[1], columns[1])
    return [Pad(padding=padding, channels=channels, **call.ends(0))]


def _reshape(call: Call) -> list[Operator]:
    left = call.left
    if call.has_input(1) and call.is_constant(1):
        wanted = call.integers(1)
        fits = len(wanted) == len(left.dims) and all(
            one in (-1, other) for one, other in zip(wanted, left.dims, strict=True)
        )
        if not fits or wanted.count(-1) > 1:
            raise InputError(f"it reshapes to {list(wanted)}, its output is {list(left.dims)}")
    return [Reshape(shape=left.shape, **call.ends(0))]


def _resize_nearest(call: Call) -> list[Operator]:
    height, width = _size(call)
    shape, is_aligned = call.read(0).shape, call.option("AlignCorners")
    if (height, width) == (2 * shape.height, 2 * shape.width) and not is_aligned:
        return [Upsample(**call.ends(0))]
    return [
        ResizeNearest(
            height=height,
            width=width,
            align_corners=is_aligned,
            half_pixel_centers=call.option("HalfPixelCenters"),
            **call.ends(0),
        )
    ]


def _resize_bilinear(call: Call) -> list[Operator]:
    height, width = _size(call)
    return [
        ResizeBilinear(
            height=height,
            width=width,
            align_corners=call.option("AlignCorners"),
            half_pixel_centers=call.option("HalfPixelCenters"),
            **call.ends(0),
        )
    ]


def _size(call: Call) -> tuple[int, int]:
    size = call.integers(1)
    if len(size) != 2:
        raise InputError(f"a size of {len(size)} numbers: must be rows and columns")
    return size[0], size[1]


def _slice(call: Call) -> list[Operator]:
    dims = call.read(0).dims
    begin, size = call.integers(1), call.integers(2)
    if not len(begin) == len(size) == len(dims):
        raise InputError(f"begin and size must have {len(dims)} numbers, as its input has axes")
    ends = [
        side if count == -1 else start + count
        for side, start, count in zip(dims, begin, size, strict=True)
    ]
    return _channels(call, begin, ends)


def _strided_slice(call: Call) -> list[Operator]:
    dims = call.read(0).dims
    begin, end, strides = (list(call.integers(place)) for place in (1, 2, 3))
    if not len(begin) == len(end) == len(strides) == len(dims):
        raise InputError(f"begin, end and strides must have {len(dims)} numbers")
    for mask in ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset"):
        if call.option(mask):
            raise InputError(f"{mask} = {call.option(mask)}: must be 0")
    if set(strides) != {1}:
        raise InputError(f"strides {strides}: only 1 is supported")
    for axis, side in enumerate(dims):
        begin[axis] = 0 if call.option("BeginMask") >> axis & 1 else _from_start(begin[axis], side)
        end[axis] = side if call.option("EndMask") >> axis & 1 else _from_start(end[axis], side)
    return _channels(call, begin, end)


def _from_start(index: int, side: int) -> int:
    """Return an index that may count back from the end, held within the axis."""
    return max(0, min(index + side if index < 0 else index, side))


def _channels(call: Call, begin: Sequence[int], end: Sequence[int]) -> list[Operator]:
    dims = call.read(0).dims
    for axis, side in enumerate(dims[:-1]):
        if (begin[axis], end[axis]) != (0, side):
            raise InputError(
                f"it takes {begin[axis]} to {end[axis]} of the {side} of axis {axis}: only "
                "slices of channels are supported"
            )
    return [Slice(first_channel=begin[-1], channels=end[-1] - begin[-1], **call.ends(0))]


def _split(call: Call) -> list[Operator]:
    """Return a slice for each part."""
    axes, dims = call.integers(0), call.read(1).dims
    if len(axes) != 1 or call.axis(axes[0], len(dims)) != CHANNELS:
        raise InputError(f"it splits axis {list(axes)}: only channels are supported")
    parts = len(call.operator.outputs)
    if parts != call.option("NumSplits") or parts < 1 or dims[-1] % parts:
        raise InputError(
            f"it splits {dims[-1]} channels into {call.option('NumSplits')}, it leaves {parts} "
            "tensors"
        )
    channels = dims[-1] // parts
    return [
        Slice(first_channel=part * channels, channels=channels, **call.ends_of_part(1, part))
        for part in range(parts)
    ]


def _space_to_depth(call: Call) -> list[Operator]:
    return [SpaceToDepth(block=call.option("BlockSize"), **call.ends(0))]


def _depth_to_space(call: Call) -> list[Operator]:
    return [DepthToSpace(block=call.option("BlockSize"), **call.ends(0))]


MOVES: dict[str, Maker] = {
    "CONCATENATION": _concatenation,
    "DEPTH_TO_SPACE": _depth_to_space,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest,
    "SLICE": _slice,
    "SPACE_TO_DEPTH": _space_to_depth,
    "SPLIT": _split,
    "STRIDED_SLICE": _strided_slice,
}

MOVED_KINDS: dict[str, tuple[type[Operator], ...]] = {
    "CONCATENATION": (Concat,),
    "DEPTH_TO_SPACE": (DepthToSpace,),
    "PAD": (Pad,),
    "RESHAPE": (Reshape,),
    "RESIZE_BILINEAR": (ResizeBilinear,),
    "RESIZE_NEAREST_NEIGHBOR": (Upsample, ResizeNearest),
    "SLICE": (Slice,),
    "SPACE_TO_DEPTH": (SpaceToDepth,),
    "SPLIT": (Slice,),
    "STRIDED_SLICE": (Slice,),
}

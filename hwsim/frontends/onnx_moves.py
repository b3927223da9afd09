"""The nodes of an `.onnx` that move values, most of which are only another view of a map."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hwsim.errors import InputError
from hwsim.frontends.onnx_call import Call
from hwsim.frontends.onnx_values import (
    Dequantized,
    Draft,
    Integers,
    JoinedDraft,
    Reals,
    Value,
)
from hwsim.frontends.onnx_views import Part, View
from hwsim.graph import Padding
from hwsim.graph.check import LARGEST_SIDE as MOST_SIDE
from hwsim.graph.host_operators import ResizeNearest
from hwsim.graph.operators import (
    Axis,
    Concat,
    DepthToSpace,
    Maximum,
    Operator,
    Pad,
    Slice,
    SpaceToDepth,
    Upsample,
)

Maker = Callable[[Call], list[Value]]


def with_view(value: Value, view: View) -> Value:
    """Return the same values in other axes."""
    match value:
        case Dequantized(integers):
            return Dequantized(replace(integers, view=view))
        case Integers() | Reals() | Draft():
            return replace(value, view=view)
    raise InputError("it reads what has no axes yet")


def _reshape(call: Call) -> list[Value]:
    view, sizes = call.view(0), list(call.sizes(1))
    own = view.sizes
    keeps_zero = bool(call.integer("allowzero", 0))
    for place, size in enumerate(sizes):
        if size == 0 and not keeps_zero:
            if place >= len(own):
                raise InputError(f"shape {sizes} keeps axis {place} of {list(own)}")
            sizes[place] = own[place]
    return [_reshaped(call, _without_open(sizes, view))]


def _without_open(sizes: list[int], view: View) -> list[int]:
    """Return lengths of axes in which -1 is what the others leave."""
    if sizes.count(-1) > 1 or min(sizes, default=1) < -1:
        raise InputError(f"shape {sizes}: at most one of its axes may be open")
    if -1 in sizes:
        rest = 1
        for size in sizes:
            rest *= size if size != -1 else 1
        if rest < 1 or view.shape.elements % rest:
            raise InputError(f"shape {sizes} for {view.shape.elements} values")
        sizes = [view.shape.elements // rest if size == -1 else size for size in sizes]
    return sizes


def _reshaped(call: Call, sizes: list[int]) -> Value:
    return with_view(call.value(0), call.view(0).reshaped(sizes))


def _flatten(call: Call) -> list[Value]:
    own = call.view(0).sizes
    axis = call.integer("axis", 1)
    if not -len(own) <= axis <= len(own):
        raise InputError(f"axis {axis} of a tensor of {len(own)} axes")
    axis = axis + len(own) if axis < 0 else axis
    sizes = [1, 1]
    for place, size in enumerate(own):
        sizes[int(place >= axis)] *= size
    return [_reshaped(call, sizes)]


def _transpose(call: Call) -> list[Value]:
    view = call.view(0)
    order = call.integers("perm", range(len(view.dims))[::-1])
    return [with_view(call.value(0), view.transposed(order))]


def _squeeze(call: Call) -> list[Value]:
    own = call.view(0).sizes
    given = call.sizes(1) if call.has(1) else call.integers("axes", ())
    axes = {call.axis(axis, len(own)) for axis in given}
    if not axes:
        axes = {place for place, size in enumerate(own) if size == 1}
    if any(own[axis] != 1 for axis in axes):
        raise InputError(f"axes {sorted(axes)} of {list(own)}: each must be one value long")
    return [_reshaped(call, [size for place, size in enumerate(own) if place not in axes])]


def _unsqueeze(call: Call) -> list[Value]:
    own = list(call.view(0).sizes)
    given = call.sizes(1) if call.has(1) else call.integers("axes", ())
    rank = len(own) + len(given)
    axes = {call.axis(axis, rank) for axis in given}
    if len(axes) != len(given):
        raise InputError(f"axes {list(given)}: each must stand once")
    rest = iter(own)
    return [_reshaped(call, [1 if place in axes else next(rest) for place in range(rank)])]


def _split(call: Call) -> list[Value]:
    """Return the parts of channels one behind the other."""
    read, axis = _sliced(call, call.integer("axis", 0))
    given = call.sizes(1) if call.has(1) else call.integers("split", ())
    total = read.view.sizes[axis]
    if not given:
        count = call.integer("num_outputs", len(call.node.outputs))
        if not 1 <= count <= total:
            raise InputError(f"{count} parts of {total} channels")
        size = -(-total // count)
        given = (*(size,) * (count - 1), total - size * (count - 1))
    if sum(given) != total or min(given) < 1 or len(given) != len(call.node.outputs):
        raise InputError(f"parts of {list(given)} of {total} channels")
    firsts = [sum(given[:place]) for place in range(len(given))]
    return [
        _part(call, read, axis, (first, size), call.node.outputs[place])
        for place, (first, size) in enumerate(zip(firsts, given, strict=True))
    ]


def _slice(call: Call) -> list[Value]:
    """Return some channels behind each other."""
    starts, ends = call.sizes(1), call.sizes(2)
    view = call.view(0)
    axes = call.sizes(3) if call.has(3) else tuple(range(len(starts)))
    steps = call.sizes(4) if call.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or any(s != 1 for s in steps):
        raise InputError(f"steps {list(steps)}: must be 1, one for each axis")
    value = call.value(0)
    cut: tuple[int, int, int] | None = None
    for start, end, number in zip(starts, ends, axes, strict=True):
        axis = call.axis(number, len(view.dims))
        size = view.sizes[axis]
        first, last = (
            min(max(each + size if each < 0 else each, 0), size) for each in (start, end)
        )
        if (first, last) == (0, size):
            continue
        if cut is not None or first >= last:
            raise InputError(f"it keeps {first} to {last} of axis {axis}: some channels are wanted")
        cut = axis, first, last - first
    if cut is None:
        return [value]
    read, axis = _sliced(call, cut[0])
    return [_part(call, read, axis, cut[1:], call.left)]


def _sliced(call: Call, number: int) -> tuple[Integers, int]:
    """Return what a node takes channels of, and the file's axis that counts them."""
    read = call.integers_of(call.value(0))
    axis = call.axis(number, len(read.view.dims))
    if read.view.axes[axis] is not Axis.CHANNELS:
        raise InputError(f"axis {axis} of {list(read.view.sizes)}: must be channels of a map")
    return read, axis


def _part(call: Call, read: Integers, axis: int, cut: tuple[int, int], left: str) -> Value:
    """Return channels of integers, from the first on."""
    first, size = cut
    operator = Slice(first_channel=first, channels=size, **call.ends(read.tensor))
    view = read.view.with_side(axis, Axis.CHANNELS, size)
    tensor = call.graph.add(operator, left, view, read.steps)
    return call.like(0, Integers(tensor, view, read.steps))


def _concat(call: Call) -> list[Value]:
    """Return maps one behind the other; where their steps differ, each is quantized before."""
    parts = [call.integers_of(call.value(place)) for place in range(len(call.node.inputs))]
    if not parts:
        raise InputError("it joins nothing")
    first = parts[0].view
    axis = call.axis(call.integer("axis", 0), len(first.dims))
    along = first.axes[axis]
    if along is None or any(part.view.axes[axis] is not along for part in parts):
        raise InputError(f"axis {axis} of {list(first.sizes)}: must be one axis of a map")
    operator = Concat(axis=along, **call.ends(*(part.tensor for part in parts)))
    if len({(part.view.dims[:axis], part.view.dims[axis + 1 :]) for part in parts}) > 1:
        raise InputError("its inputs have their axes in other orders")
    sizes = [part.view.sizes[axis] for part in parts]
    view = first.with_side(axis, along, sum(sizes))
    return [_on_one_grid(call, operator, parts, view)]


def _maximum(call: Call) -> list[Value]:
    """Return the larger one of two maps."""
    if len(call.node.inputs) != 2:
        raise InputError(f"the maximum of {len(call.node.inputs)} tensors: must be two")
    parts = [call.integers_of(call.value(place)) for place in (0, 1)]
    if parts[0].view != parts[1].view:
        raise InputError("its inputs must have the same axes")
    operator = Maximum(**call.ends(*(part.tensor for part in parts)))
    return [_on_one_grid(call, operator, parts, parts[0].view)]


def _on_one_grid(
    call: Call, operator: Concat | Maximum, parts: list[Integers], view: View
) -> Value:
    """Return what an operator leaves that moves integers of one scale and zero point."""
    if len({part.steps for part in parts}) > 1:
        return JoinedDraft(operator, tuple(parts), view)
    steps = parts[0].steps
    tensor = call.graph.add(operator, call.left, view, steps)
    return call.like(0, Integers(tensor, view, steps))


def _largest(call: Call) -> list[Value]:
    """Return the maximum over two halves of the channels."""
    read = call.integers_of(call.value(0))
    view = read.view
    axes = call.sizes(1) if call.has(1) else call.integers("axes", ())
    if len(axes) != 1:
        raise InputError(f"maximum over axes {list(axes)}: must be one")
    axis = call.axis(axes[0], len(view.dims))
    half = view.shape.channels // 2
    if view.dims[axis] != (Part(Axis.CHANNELS, half, 2),):
        raise InputError(
            f"maximum over axis {axis} of {list(view.sizes)}: must be two halves of channels"
        )
    rest = view.dims[axis + 1 :] if view.dims[:axis] == ((),) * axis else ()
    shape = replace(view.shape, channels=half)
    kept = (*view.dims[:axis], *(((),) if call.integer("keepdims", 1) else ()), *rest)
    left = View(shape, kept)
    slices = [
        Slice(first_channel=first, channels=half, **call.ends(read.tensor)) for first in (0, half)
    ]
    own = View.of_map((1, half, shape.height, shape.width))
    names = [call.graph.add(each, f"{call.left}.half", own, read.steps) for each in slices]
    operator = Maximum(**call.ends(*names))
    parts = [Integers(name, left, read.steps) for name in names]
    return [_on_one_grid(call, operator, parts, left)]


def _pad(call: Call) -> list[Value]:
    """Return a map with zeros around it, and with channels of zeros."""
    read = call.map(0)
    word = call.attribute("mode", "constant")
    value = call.constant(2) if call.has(2) else np.zeros(1, np.float32)
    if word != "constant" or value.size != 1 or float(value.reshape(-1)[0]) != 0:
        raise InputError(f"mode {word}, value {value.tolist()}: must be constant, and 0")
    if isinstance(call.value(0), Integers):
        raise InputError("it pads integers: real numbers are wanted")
    pads = call.sizes(1) if call.has(1) else call.integers("pads", ())
    if len(pads) != 8 or min(pads) < 0 or pads[0] or pads[4]:
        raise InputError(f"pads {list(pads)}: must be eight, of at least 0 and 0 of the batch")
    frame = Padding(pads[2], pads[3], pads[6], pads[7])
    operator = Pad(padding=frame, channels=(pads[1], pads[5]), **call.ends(read.tensor))
    return [_moved(call, operator, read)]


def _resize(call: Call) -> list[Value]:
    """Return a map of another size, of the nearest pixels."""
    read = call.map(0)
    if call.attribute("mode", "nearest") != "nearest":
        raise InputError(f"mode {call.attribute('mode')}: only nearest is supported")
    stored = call.stored.get(call.left)
    shape = read.view.shape
    if stored is None or len(stored.dims) != 4 or stored.dims[:2] != (1, shape.channels):
        raise InputError("what it leaves has no known size")
    size = stored.dims[2:]
    places = [_nearest(call, *pair) for pair in zip((shape.height, shape.width), size, strict=True)]
    doubled = [[each // 2 for each in range(2 * side)] for side in (shape.height, shape.width)]
    if places == doubled:
        return [_moved(call, Upsample(**call.ends(read.tensor)), read)]
    resize = ResizeNearest(height=size[0], width=size[1], **call.ends(read.tensor))
    whole = [
        [place * side // length for place in range(length)]
        for side, length in zip((shape.height, shape.width), size, strict=True)
    ]
    if places != whole:
        raise InputError("its nearest pixels are not those of whole steps: not supported")
    return [_moved(call, resize, read)]


def _nearest(call: Call, size: int, resized: int) -> list[int]:
    """Return the place of the pixel that each new one is, along one axis."""
    scale = resized / size
    word = call.attribute("coordinate_transformation_mode", "half_pixel")
    rounding = call.attribute("nearest_mode", "round_prefer_floor")
    if word not in ("asymmetric", "half_pixel", "pytorch_half_pixel"):
        raise InputError(f"coordinates {word}: must be asymmetric or half_pixel")
    if resized > MOST_SIDE:
        raise InputError(f"a side of {resized}: at most {MOST_SIDE}")
    half = 0.0 if word == "asymmetric" else 0.5
    found = []
    for place in range(resized):
        at = (place + half) / scale - half
        if word == "pytorch_half_pixel" and resized == 1:
            at = 0.0
        near = {
            "floor": math.floor(at),
            "ceil": math.ceil(at),
            "round_prefer_floor": math.ceil(at - 0.5),
            "round_prefer_ceil": math.floor(at + 0.5),
        }.get(rounding)
        if near is None:
            raise InputError(f"nearest mode {rounding}: not supported")
        found.append(min(max(near, 0), size - 1))
    return found


def _cells(kind: type[DepthToSpace] | type[SpaceToDepth]) -> Maker:
    def make(call: Call) -> list[Value]:
        read = call.map(0)
        if call.attribute("mode", "DCR") != "DCR":
            raise InputError(f"mode {call.attribute('mode')}: must be DCR")
        block = call.integer("blocksize", 0)
        if not 1 <= block <= MOST_SIDE:
            raise InputError(f"block of {block}: must be at least 1")
        return [_moved(call, kind(block=block, **call.ends(read.tensor)), read)]

    return make


def _moved(call: Call, operator: Operator, read: Integers) -> Value:
    """Return what an operator leaves that keeps the integers' steps."""
    left = call.graph.left_by(operator)
    view = View.of_map((1, left.channels, left.height, left.width))
    tensor = call.graph.add(operator, call.left, view, read.steps)
    return call.like(0, Integers(tensor, view, read.steps))


def _same(call: Call) -> list[Value]:
    return [call.value(0)]


MOVES: dict[str, Maker] = {
    "Concat": _concat,
    "DepthToSpace": _cells(DepthToSpace),
    "Dropout": _same,
    "Flatten": _flatten,
    "Identity": _same,
    "Max": _maximum,
    "Pad": _pad,
    "ReduceMax": _largest,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "SpaceToDepth": _cells(SpaceToDepth),
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}

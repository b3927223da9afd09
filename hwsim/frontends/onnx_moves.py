"""The nodes of an `.onnx` that move values, most of which are only another view of a map."""

from collections.abc import Callable
from dataclasses import replace

from hwsim.errors import InputError
from hwsim.frontends.onnx_call import Call
from hwsim.frontends.onnx_values import (
    Dequantized,
    Draft,
    Integers,
    Reals,
    Value,
)
from hwsim.frontends.onnx_views import View

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


def _same(call: Call) -> list[Value]:
    return [call.value(0)]


MOVES: dict[str, Maker] = {
    "Dropout": _same,
    "Flatten": _flatten,
    "Identity": _same,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}

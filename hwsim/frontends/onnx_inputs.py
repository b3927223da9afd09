"""Finds the map that an input of an `.onnx` is: the one that the first operator wants to read.

A file may move the axes of an input before anything computes with it, as those do that were
converted from channels-last ones. What is moved is then only the way in which the host writes the
map.
"""

from collections.abc import Sequence

from hwsim.errors import InputError
from hwsim.frontends.onnx_file import StoredNetwork, StoredNode
from hwsim.frontends.onnx_views import View

QUANTIZERS = ("QuantizeLinear", "DequantizeLinear", "Identity")
RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


def input_view(stored: StoredNetwork, name: str) -> View:
    """Return the axes of an input by what they are in its map.

    Raises `InputError` for one that is no map in a batch of 1.
    """
    dims = stored.values[name].dims
    if not dims or any(side < 1 for side in dims):
        raise InputError(f"shape {list(dims)}: each axis must be at least 1")
    moves = _moves(stored, name)
    if moves:
        try:
            view = View.of_map(stored.values[moves[-1].outputs[0]].dims)
            for node in reversed(moves):
                view = _before(view, node, stored.values[node.inputs[0]].dims)
        except InputError:
            pass
        else:
            return view
    return View.of_map(dims)


def _moves(stored: StoredNetwork, name: str) -> Sequence[StoredNode]:
    """Return the nodes one behind the other that alone read an input, up to the last that moves."""
    way: list[StoredNode] = []
    last_move = 0
    while True:
        readers = [node for node in stored.nodes if name in node.inputs]
        if len(readers) != 1 or readers[0].inputs[0] != name or name in stored.outputs:
            return way[:last_move]
        (node,) = readers
        is_move = node.word in RESHAPES or node.word == "Transpose"
        if not is_move and node.word not in QUANTIZERS:
            return way[:last_move]
        if not node.outputs or node.outputs[0] not in stored.values or len(way) > len(stored.nodes):
            return way[:last_move]
        way.append(node)
        last_move = len(way) if is_move else last_move
        name = node.outputs[0]


def _before(view: View, node: StoredNode, dims: Sequence[int]) -> View:
    """Return the view of what a node reads, from that of what it leaves."""
    if node.word in RESHAPES:
        return view.reshaped(dims)
    if node.word != "Transpose":
        return view
    order = node.attributes.get("perm", list(range(len(dims)))[::-1])
    if sorted(order) != list(range(len(dims))):
        raise InputError(f"order {order} of {len(dims)} axes")
    return view.transposed([order.index(place) for place in range(len(dims))])

"""Spoils the cleaned networks of `.onnx` files in every way in which a file may be spoilt."""

import random
from dataclasses import replace
from typing import Any

import numpy as np

from hwsim.frontends.onnx_file import StoredNetwork, StoredNode, StoredValue
from hwsim.frontends.onnx_operators import MAKERS

NUMBERS = (-(1 << 63), -129, -2, -1, 0, 1, 2, 3, 7, 64, 255, 1 << 31, (1 << 63) - 1)
OTHERS: tuple[Any, ...] = (None, "", "SAME_UPPER", "reflect", 0.5, float("nan"), 1e300, [], [1.5])
KINDS = ("int8", "uint8", "int32", "int64", "float32", "float64", "float16", "bool")


def spoilt(stored: StoredNetwork, drawn: random.Random) -> StoredNetwork:
    """Return a network with a few things that are not as they were."""
    for _ in range(drawn.randint(1, 3)):
        way = drawn.choice((_node, _node, _constant, _constant, _value, _ends))
        stored = way(stored, drawn)
    return stored


def _name(stored: StoredNetwork, drawn: random.Random) -> str:
    return drawn.choice((*stored.values, "", "nobody's"))


def _node(stored: StoredNetwork, drawn: random.Random) -> StoredNetwork:
    nodes = list(stored.nodes)
    place = drawn.randrange(len(nodes))
    node = nodes[place]
    match drawn.randrange(6):
        case 0:
            inputs = list(node.inputs)
            inputs[drawn.randrange(len(inputs)) if inputs else 0 :] = [_name(stored, drawn)]
            node = replace(node, inputs=tuple(inputs))
        case 1:
            node = replace(node, inputs=node.inputs[: drawn.randint(0, len(node.inputs))])
        case 2:
            outputs = (*node.outputs, _name(stored, drawn))[drawn.randint(0, 1) :]
            node = replace(node, outputs=outputs[: drawn.randint(0, len(outputs))])
        case 3:
            node = replace(node, word=drawn.choice(sorted(MAKERS)))
        case 4:
            node = _attribute(node, drawn)
        case 5:
            nodes.insert(drawn.randrange(len(nodes)), node)
    nodes[place] = node
    return replace(stored, nodes=tuple(nodes))


def _attribute(node: StoredNode, drawn: random.Random) -> StoredNode:
    names = [*node.attributes, "axis", "group", "strides", "pads", "perm", "dilations", "keepdims"]
    value: Any = drawn.choice((*NUMBERS, *OTHERS))
    if drawn.random() < 0.5:
        value = [drawn.choice(NUMBERS) for _ in range(drawn.randint(0, 5))]
    return replace(node, attributes={**node.attributes, drawn.choice(names): value})


def _constant(stored: StoredNetwork, drawn: random.Random) -> StoredNetwork:
    names = [name for name, value in stored.values.items() if value.data is not None]
    if not names:
        return stored
    name = drawn.choice(names)
    data = stored.values[name].data
    assert data is not None
    match drawn.randrange(4):
        case 0:
            with np.errstate(all="ignore"):
                data = data.astype(drawn.choice(KINDS))
        case 1:
            data = data.reshape(-1)[: drawn.randint(0, data.size)]
        case 2:
            data = data.copy()
            if data.size:
                odd = drawn.choice((0, -1, 127, 1 << 20, float("nan"), float("inf"), -1e-30))
                with np.errstate(all="ignore"):
                    data.reshape(-1)[drawn.randrange(data.size)] = np.array(odd).astype(data.dtype)
        case 3:
            data = data.reshape((*data.shape, 1) if drawn.random() < 0.5 else (1, *data.shape))
    value = StoredValue(name, str(data.dtype), data.shape, data)
    return replace(stored, values={**stored.values, name: value})


def _value(stored: StoredNetwork, drawn: random.Random) -> StoredNetwork:
    name = drawn.choice(list(stored.values))
    value = stored.values[name]
    match drawn.randrange(3):
        case 0:
            dims = tuple(drawn.choice(NUMBERS) for _ in range(drawn.randint(0, 5)))
            value = replace(value, dims=dims)
        case 1:
            value = replace(value, type=drawn.choice((*KINDS, "string", "type 99")))
        case 2:
            rest = {key: each for key, each in stored.values.items() if key != name}
            return replace(stored, values=rest)
    return replace(stored, values={**stored.values, name: value})


def _ends(stored: StoredNetwork, drawn: random.Random) -> StoredNetwork:
    names = tuple(_name(stored, drawn) for _ in range(drawn.randint(0, 2)))
    if drawn.random() < 0.5:
        return replace(stored, inputs=names)
    return replace(stored, outputs=names)

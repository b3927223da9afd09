"""Small drawn float networks as `.onnx`, for tests."""

from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

SIDE = 12
CHANNELS = 8


def float_network(
    operator_set: int = 11, sides: tuple[int | str, int | str] = (SIDE, SIDE)
) -> ModelProto:
    """Return convolution, batch norm, rectifier and a 1x1 convolution to two outputs.

    The filters of the first convolution differ a hundredfold, so that one scale for all of them
    leaves little of the small ones.
    """
    random = np.random.default_rng(7)
    spread = np.logspace(0, -2, CHANNELS).reshape(-1, 1, 1, 1)
    arrays = {
        "w": random.normal(0, 0.3, (CHANNELS, 3, 3, 3)) * spread,
        "b": random.normal(0, 0.01, CHANNELS),
        "scale": random.uniform(0.5, 2, CHANNELS) / spread.ravel(),
        "shift": random.normal(0, 0.5, CHANNELS),
        "mean": random.normal(0, 0.01, CHANNELS),
        "variance": random.uniform(0.5, 2, CHANNELS),
        "v": random.normal(0, 0.3, (4, CHANNELS, 1, 1)),
    }
    constants = [numpy_helper.from_array(x.astype(np.float32), name) for name, x in arrays.items()]
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["c"], "stem", pads=[1, 1, 1, 1]),
        helper.make_node(
            "BatchNormalization", ["c", "scale", "shift", "mean", "variance"], ["n"], "norm"
        ),
        helper.make_node("Relu", ["n"], ["features"], "relu"),
        helper.make_node("Conv", ["features", "v"], ["boxes"], "head"),
        helper.make_node("Sigmoid", ["boxes"], ["scores"], "sigmoid"),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ("batch", 3, *sides))
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ("batch", 4, *sides))
        for name in ("boxes", "scores")
    ]
    graph = helper.make_graph(nodes, "small", [image], outputs, constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_operatorsetid("", operator_set)], ir_version=7
    )
    checker.check_model(model)
    return model


def branching() -> ModelProto:
    """Return a float network with a sum of two maps, and a matrix product behind them."""
    random = np.random.default_rng(3)
    arrays = {
        "w": random.normal(0, 0.3, (8, 3, 3, 3)),
        "v": random.normal(0, 0.1, (8, 8, 3, 3)),
        "m": random.normal(0, 0.1, (8 * SIDE * SIDE, 5)),
        "b": random.normal(0, 0.1, 8),
        "c": random.normal(0, 0.1, 5),
    }
    constants = [numpy_helper.from_array(x.astype(np.float32), name) for name, x in arrays.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["stem"], pads=[1] * 4),
        helper.make_node("Relu", ["stem"], ["first"]),
        helper.make_node("Conv", ["first", "v", "b"], ["second"], pads=[1] * 4),
        helper.make_node("Add", ["first", "second"], ["sum"]),
        helper.make_node("Flatten", ["sum"], ["flat"]),
        helper.make_node("Gemm", ["flat", "m", "c"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, SIDE, SIDE))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 5))
    graph = helper.make_graph(nodes, "branching", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def bomb() -> ModelProto:
    """Return a network of some hundred bytes whose constant takes 16 GB."""
    size = numpy_helper.from_array(np.array([1, 3, 65536, 20000], np.int64), "size")
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["huge"]),
        helper.make_node("ReduceMean", ["huge"], ["mean"], keepdims=1),
        helper.make_node("Add", ["image", "mean"], ["y"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, SIDE, SIDE))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, SIDE, SIDE))
    graph = helper.make_graph(nodes, "bomb", [image], [y], [size])
    return helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 11)], ir_version=7)


def written(model: ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path

"""The source interpreter says where a runtime's 32 bits overflow, instead of guessing."""

from pathlib import Path

import numpy as np
import pytest

from hwsim.errors import InputError

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from hwsim.frontends.tflite import read_network
from hwsim.graph.kernels import Kernels
from tests.tflite_judges import outputs_of
from tests.tflite_writer import File


def product(bias: int, scale: float, left: float) -> File:
    """Return a product with a matrix of 1 and a bias; its factor is `scale` / `left`."""
    file = File()
    x = file.tensor((1, 1), "int8", [1.0], [0])
    weights = file.constant(np.ones((1, 1), np.int8), scales=[scale], zero_points=[0])
    constant = file.constant(np.array([bias], np.int32), scales=[scale], zero_points=[0])
    out = file.tensor((1, 1), "int8", [left], [0])
    file.operator("FULLY_CONNECTED", [x, weights, constant], out)
    file.inputs, file.outputs = [x], [out]
    return file


@pytest.mark.parametrize(
    ("file", "kernels", "reason"),
    [
        (product((1 << 31) - 1, 1.0, 1.0), Kernels.LITERT, "a sum of 2147483748 on the way to"),
        (product((1 << 31) - 1, 1.0, 1.0), Kernels.TFLM, "a sum of 4294967496 on the way to the"),
        (product(1 << 29, 4.0, 1.0), Kernels.TFLM, "a sum of 4294968104 on the way to the output"),
        (product(0, 1e20, 1e-18), Kernels.TFLM, "a factor of 1e+38 between scales: must be at"),
        (product(0, 1e30, 1e-30), Kernels.TFLM, "a factor of 1e+60 between scales: must be at"),
    ],
)
def test_what_overflows_is_told(file: File, kernels: Kernels, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "overflow.tflite"
    path.write_bytes(file.content())
    graph = read_network(path, kernels)
    with pytest.raises(InputError) as caught:
        outputs_of(graph, [np.full((1, 1), 101, np.int8)], kernels)
    assert str(caught.value).startswith(f"operator 0 FULLY_CONNECTED: {reason}")


def test_limits_of_tiny_scales_are_those_of_int8(tmp_path: Path) -> None:
    file = File()
    x, out = (file.tensor((1, 4), "int8", [1e-44], [0]) for _ in range(2))
    file.operator("RELU6", [x], out)
    file.inputs, file.outputs = [x], [out]
    path = tmp_path / "tiny.tflite"
    path.write_bytes(file.content())
    values = np.array([[-128, -1, 5, 127]], np.int8)
    (found,) = outputs_of(read_network(path), [values], Kernels.LITERT)
    assert found.tolist() == [[0, 0, 5, 127]]


def test_a_sum_of_exponentials_that_overflows_is_told(tmp_path: Path) -> None:
    file = File()
    dims = (1, 5000)
    x = file.tensor(dims, "int8", [0.5], [0])
    out = file.tensor(dims, "int8", [1 / 256], [-128])
    file.operator("SOFTMAX", [x], out, Beta=1.0)
    file.inputs, file.outputs = [x], [out]
    path = tmp_path / "wide.tflite"
    path.write_bytes(file.content())
    with pytest.raises(InputError, match=r"operator 0 SOFTMAX: a sum of \d+ on the way"):
        outputs_of(read_network(path), [np.zeros(dims, np.int8)], Kernels.LITERT)

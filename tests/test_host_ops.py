"""The host's operators in C that move, round and spread values, beside the interpreter's."""

import ctypes
import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hwsim.golden.tflite import moves
from hwsim.golden.tflite.pointwise import dequantize, quantize
from hwsim.golden.tflite.softmax import softmax
from hwsim.graph import Shape
from hwsim.graph.file_tensors import Element
from hwsim.graph.host_operators import ResizeBilinear, Softmax
from hwsim.graph.operators import (
    Axis,
    Concat,
    DepthToSpace,
)
from hwsim.rtl.deliver.example import example_files
from tests.in_c import (
    MapInC,
    arranged,
    pointer,
    tensor,
)


@pytest.mark.parametrize("beta", [1.0, 0.3, 7.0])
@pytest.mark.parametrize("scale", [1e-12, 1e-7, 0.004, 0.1, 0.7, 3.0, 40.0])
def test_softmax_is_the_interpreter_s(library: ctypes.CDLL, scale: float, beta: float) -> None:
    rng = np.random.default_rng(1)
    pixels, channels = 200, 23
    x = rng.integers(-128, 128, (channels, pixels, 1)).astype(np.int8)
    x[:, ::3] //= 16
    operator = Softmax(name="s", inputs=("x",), outputs=("s",), beta=beta)
    expected = softmax(operator, x, tensor(scale, 5, channels, pixels))
    read = np.ascontiguousarray(x[:, :, 0].T)
    left = np.empty_like(read)
    sizes = ctypes.c_uint32(pixels), ctypes.c_uint32(channels)
    factors = ctypes.c_float(scale), ctypes.c_float(beta)
    assert library.accelerator_softmax(pointer(read), pointer(left), *sizes, *factors) == 0
    np.testing.assert_array_equal(left, expected[:, :, 0].T)


def test_constants_are_the_nearest_integers() -> None:
    """No output shows the last bits of most of them."""
    text = example_files()["host_ops.c"]
    found = {name: int(x) for name, x in re.findall(r"#define (\w+) +\(?(-?\d{6,})", text)}
    thirds = {"EIGHTH": (1 / 8, 0), "THIRD": (1 / 3, 0), "ONE_IN_Q2": (1.0, 2)}
    newton = {"NEWTON_FIRST": (48 / 17, 2), "NEWTON_SLOPE": (-32 / 17, 2)}
    reals = {**thirds, **newton, "EXP_OF_MINUS_EIGHTH": (math.exp(-1 / 8), 0)}
    assert found == {
        name: math.floor(real * 2.0 ** (31 - bits) + 0.5) for name, (real, bits) in reals.items()
    }
    (listed,) = re.findall(r"exponentials\[\] = \{(.*?)\}", text, re.DOTALL)
    expected = [math.floor(math.exp(-(2.0**n)) * 2**31 + 0.5) for n in range(-2, 5)]
    assert [int(number) for number in listed.split(",")] == expected


def test_a_sum_that_does_not_fit_is_told(library: ctypes.CDLL) -> None:
    x = np.zeros(4096, np.int8)
    arguments = ctypes.c_uint32(1), ctypes.c_uint32(x.size), ctypes.c_float(1), ctypes.c_float(1)
    assert library.accelerator_softmax(pointer(x), pointer(x.copy()), *arguments) == -1


@pytest.mark.parametrize(("scale", "zero_point"), [(0.5, 0), (0.0123, -128), (3e-5, 127)])
def test_real_values_are_the_interpreter_s(
    library: ctypes.CDLL, scale: float, zero_point: int
) -> None:
    rng = np.random.default_rng(2)
    halves = rng.integers(-600, 601, 3000) / 2 * np.float32(scale)
    x = np.concatenate([halves, rng.normal(0, 200 * scale, 3000), [3e38, -3e38, 0]])
    real = x.astype(np.float32).reshape(1, -1, 1)
    left = np.empty(real.shape, np.int8)
    step = ctypes.c_float(scale), ctypes.c_int32(zero_point)
    library.accelerator_quantize(pointer(real), pointer(left), ctypes.c_uint32(real.size), *step)
    given = tensor(scale, zero_point)
    np.testing.assert_array_equal(left, quantize(real, given))
    again = np.empty(real.shape, np.float32)
    library.accelerator_dequantize(pointer(left), pointer(again), ctypes.c_uint32(left.size), *step)
    np.testing.assert_array_equal(again, dequantize(left, given))


@pytest.mark.parametrize("block", [1, 2, 3])
def test_pixels_of_channels_are_the_interpreter_s(library: ctypes.CDLL, block: int) -> None:
    x = np.random.default_rng(block).integers(-128, 128, (2 * block**2, 3, 5)).astype(np.int8)
    operator = DepthToSpace(name="d", inputs=("x",), outputs=("d",), block=block)
    expected = moves.depth_to_space(operator, x)
    read, size = arranged(x)
    left = np.empty(expected.transpose(1, 2, 0).shape, np.int8)
    library.accelerator_depth_to_space(pointer(read), pointer(left), size, ctypes.c_uint32(block))
    np.testing.assert_array_equal(left, expected.transpose(1, 2, 0))


@pytest.mark.parametrize("manner", ["", "align_corners", "half_pixel_centers"])
def test_pixels_between_others_are_the_interpreter_s(library: ctypes.CDLL, manner: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        (rows, columns, height, width), channels = rng.integers(1, 24, 4), rng.integers(1, 4)
        x = rng.integers(-128, 128, (channels, rows, columns)).astype(np.int8)
        x[rng.random(x.shape) < 0.3] = rng.choice([-128, 127])
        operator = ResizeBilinear(
            name="r", inputs=("x",), outputs=("r",), height=int(height), width=int(width),
            align_corners=manner == "align_corners",
            half_pixel_centers=manner == "half_pixel_centers",
        )  # fmt: skip
        expected = moves.resize_bilinear(operator, x, Element.INT8)
        read, size = arranged(x)
        left = np.empty((height, width, channels), np.int8)
        sides = ctypes.c_uint32(operator.height), ctypes.c_uint32(operator.width)
        flags = operator.align_corners, operator.half_pixel_centers
        library.accelerator_resize_bilinear(pointer(read), pointer(left), size, *sides, *flags)
        np.testing.assert_array_equal(left, expected.transpose(1, 2, 0))


@pytest.mark.parametrize("axis", Axis)
def test_joined_maps_are_the_interpreter_s(library: ctypes.CDLL, axis: Axis) -> None:
    rng = np.random.default_rng(9)
    sides = [[5, 3, 4] for _ in range(3)]  # channels, rows, columns
    for shape, length in zip(sides, (2, 1, 7), strict=True):
        shape[moves.AXES[axis]] = length
    maps = [rng.integers(-128, 128, shape).astype(np.int8) for shape in sides]
    operator = Concat(name="c", inputs=("x",), outputs=("c",), axis=axis)
    expected = moves.concat(operator, maps).transpose(1, 2, 0)
    dense = [arranged(x) for x in maps]
    pointers = (ctypes.c_void_p * 3)(*(x.ctypes.data for x, _ in dense))
    sizes, left = (MapInC * 3)(*(size for _, size in dense)), np.empty(expected.shape, np.int8)
    number = ctypes.c_int(list(Axis).index(axis))
    library.accelerator_concatenate(pointers, sizes, ctypes.c_uint32(3), pointer(left), number)
    np.testing.assert_array_equal(left, expected)


def test_a_reshape_leaves_a_dense_array_as_it_is() -> None:
    x = np.arange(24).astype(np.int8).reshape(4, 3, 2)
    dense, _ = arranged(moves.reshape(x, Shape(2, 4, 3)))
    assert dense.tobytes() == arranged(x)[0].tobytes()


def test_operators_compile_without_warnings(tmp_path: Path) -> None:
    for path, text in example_files().items():
        (tmp_path / path).write_text(text)
    strict = ("-O2", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic")
    for language, standard in (("c", "c99"), ("c++", "c++17")):
        command = ["cc", "-x", language, f"-std={standard}", *strict, "-c", "host_ops.c"]
        subprocess.run([*command, "-o", "/dev/null"], cwd=tmp_path, check=True)

"""The host's part of a `.tflite` in C: its operators, and the driver that takes the steps."""

import ctypes
import math
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hwsim
from hwsim.arch.config import load_config
from hwsim.golden.tflite import elementwise, moves, pools
from hwsim.golden.tflite.convolution import transpose_convolution
from hwsim.golden.tflite.pointwise import dequantize, quantize
from hwsim.golden.tflite.quantities import limits, quantization
from hwsim.golden.tflite.softmax import softmax
from hwsim.graph import Quantization, Shape, Tensor
from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.file_tensors import Element
from hwsim.graph.host_operators import ResizeBilinear, Softmax, TransposeConvolution
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import (
    Activation,
    Add,
    Arithmetic,
    AveragePool,
    Axis,
    Concat,
    DepthToSpace,
    Multiply,
    Subtract,
)
from hwsim.graph.sources import Padding
from hwsim.rtl.deliver.example import example_files
from hwsim.rtl.deliver.system_rdl import write_manual
from hwsim.testbenches.driver import FLAGS, Status

QUANTIZED = tuple(each for each in Activation if each is not Activation.LEAKY)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("host_ops")
    for path, text in example_files().items():
        (folder / path).write_text(text)
    built = folder / "host_ops.so"
    subprocess.run(["cc", "-O2", *FLAGS, folder / "host_ops.c", "-o", built], check=True)
    return ctypes.CDLL(str(built))


def pointer(x: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.ctypes.data)


def tensor(scale: float, zero_point: int, channels: int = 1, pixels: int = 1) -> Tensor:
    shape = Shape(channels, pixels, 1)
    return Tensor("x", shape, quantization=Quantization(float(np.float32(scale)), zero_point))


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


class _Map(ctypes.Structure):
    _fields_ = (
        ("rows", ctypes.c_uint32),
        ("columns", ctypes.c_uint32),
        ("channels", ctypes.c_uint32),
    )


def arranged(x: NDArray[np.int8]) -> tuple[NDArray[np.int8], _Map]:
    """Return a map `x[C, H, W]` as C has it, channels innermost, and its size."""
    channels, rows, columns = x.shape
    return np.ascontiguousarray(x.transpose(1, 2, 0)), _Map(rows, columns, channels)


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


class _Read(ctypes.Structure):
    _fields_ = (
        ("values", ctypes.c_void_p),
        ("of", _Map),
        ("scale", ctypes.c_float),
        ("zero_point", ctypes.c_int32),
    )


class _Left(ctypes.Structure):
    _fields_ = (*_Read._fields_, ("least", ctypes.c_int32), ("most", ctypes.c_int32))


class _Window(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32)
        for name in ("rows", "columns", "stride_rows", "stride_columns", "top", "left")
    )


def read_by_c(x: NDArray[np.int8], of: Tensor) -> tuple[NDArray[np.int8], _Read]:
    """Return a map as C reads it, and what keeps its memory."""
    own, (dense, size) = quantization(of), arranged(x)
    return dense, _Read(pointer(dense), size, own.scale, own.zero_point)


def left_by_c(
    shape: tuple[int, ...], of: Tensor, activation: Activation
) -> tuple[NDArray[np.int8], _Left]:
    """Return the array `[H, W, C]` that C fills, and its description."""
    own, (channels, rows, columns) = quantization(of), shape
    dense = np.full((rows, columns, channels), 77, np.int8)
    size, ends = _Map(rows, columns, channels), limits(activation, own)
    return dense, _Left(pointer(dense), size, own.scale, own.zero_point, *ends)


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("kind", [Add, Subtract, Multiply])
def test_two_maps_are_the_interpreter_s(
    library: ctypes.CDLL, kind: type[Arithmetic], kernels: Kernels
) -> None:
    rng = np.random.default_rng(6)
    words: dict[type[Arithmetic], str] = {Add: "add", Subtract: "subtract", Multiply: "multiply"}
    for turn in range(60):
        whole = tuple(int(side) for side in rng.integers(1, 9, 3))
        part = tuple(side if rng.random() < 0.5 else 1 for side in whole)
        shapes = [(whole, part), (part, whole), (whole, whole)][turn % 3]
        maps = [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]
        scales, zeros = np.exp(rng.uniform(-5, 0, 3)), rng.integers(-128, 128, 3)
        if turn % 4 == 0:  # halves: sums and products lie between two steps
            scales, zeros = np.array([0.5, 0.5, 1.0]), zeros // 2 * 2
        ends = [tensor(float(s), int(z)) for s, z in zip(scales, zeros, strict=True)]
        activation = list(QUANTIZED)[turn % len(QUANTIZED)]
        operator = kind(name="o", inputs=("a", "b"), outputs=("o",), activation=activation)
        expected = elementwise.arithmetic(operator, maps, ends[:2], ends[2], kernels)
        (_a, first), (_b, second) = (read_by_c(x, of) for x, of in zip(maps, ends[:2], strict=True))
        dense, left = left_by_c(expected.shape, ends[2], activation)
        more = (kernels is Kernels.TFLM,) if kind is Multiply else ()
        function = getattr(library, f"accelerator_{words[kind]}")
        assert function(*map(ctypes.byref, (first, second, left)), *more) == 0
        np.testing.assert_array_equal(dense, expected.transpose(1, 2, 0))


def test_sums_of_all_pairs_are_the_interpreter_s(library: ctypes.CDLL) -> None:
    """Sums lie next to the middle between two codes, where the last bits of both operands count."""
    codes, rng = np.arange(-128, 128).astype(np.int8), np.random.default_rng(12)
    maps = codes.reshape(1, 256, 1), codes.reshape(1, 1, 256)
    operator = Add(name="o", inputs=("a", "b"), outputs=("o",))
    for _ in range(40):
        third = float(np.float32(1 / rng.integers(3, 40)))
        ends = tensor(1.0, 0), tensor(third, 0), tensor(2 * third, 0)
        expected = elementwise.arithmetic(operator, [*maps], [*ends[:2]], ends[2], Kernels.LITERT)
        (_a, one), (_b, two) = (read_by_c(x, of) for x, of in zip(maps, ends[:2], strict=True))
        dense, left = left_by_c(expected.shape, ends[2], Activation.LINEAR)
        assert library.accelerator_add(*map(ctypes.byref, (one, two, left))) == 0
        np.testing.assert_array_equal(dense, expected.transpose(1, 2, 0))


def test_kernels_round_the_factor_of_a_product_differently(library: ctypes.CDLL) -> None:
    """Products lie next to the middle between two codes, on either side of it."""
    found: dict[Kernels, list[bytes]] = {kernels: [] for kernels in Kernels}
    x = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16)
    ones = np.full((1, 1, 1), 127, np.int8)
    for kernels in Kernels:
        rng = np.random.default_rng(8)
        for _ in range(200):
            odd = 2 * int(rng.integers(64, 126)) + 1  # a factor of 1/2 to 1, which is not shifted
            first = float(np.float32(rng.uniform(0.01, 0.1)))
            ends = tensor(first, 0), tensor(0.01, 0), tensor(first * 0.01 * 254 / odd, 0)
            operator = Multiply(name="o", inputs=("a", "b"), outputs=("o",))
            expected = elementwise.arithmetic(operator, [x, ones], list(ends[:2]), ends[2], kernels)
            (_a, one), (_b, two) = read_by_c(x, ends[0]), read_by_c(ones, ends[1])
            dense, left = left_by_c(expected.shape, ends[2], Activation.LINEAR)
            given = map(ctypes.byref, (one, two, left))
            assert library.accelerator_multiply(*given, kernels is Kernels.TFLM) == 0
            np.testing.assert_array_equal(dense, expected.transpose(1, 2, 0))
            found[kernels].append(dense.tobytes())
    assert found[Kernels.LITERT] != found[Kernels.TFLM]


def test_a_value_that_does_not_fit_is_told(library: ctypes.CDLL) -> None:
    x = np.full((1, 1, 1), 127, np.int8)
    for scale in (1e-8, 1e-30):
        (_a, one), (_b, two) = (read_by_c(x, tensor(1.0, -128)) for _ in range(2))
        _, left = left_by_c((1, 1, 1), tensor(scale, 0), Activation.LINEAR)
        given = [ctypes.byref(each) for each in (one, two, left)]
        assert library.accelerator_add(*given) == -1
        assert library.accelerator_subtract(*given[:2], given[2]) == (0 if scale == 1e-8 else -1)
        assert library.accelerator_multiply(*given, 0) == -1


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
    sizes, left = (_Map * 3)(*(size for _, size in dense)), np.empty(expected.shape, np.int8)
    number = ctypes.c_int(list(Axis).index(axis))
    library.accelerator_concatenate(pointers, sizes, ctypes.c_uint32(3), pointer(left), number)
    np.testing.assert_array_equal(left, expected)


def test_a_reshape_leaves_a_dense_array_as_it_is() -> None:
    x = np.arange(24).astype(np.int8).reshape(4, 3, 2)
    dense, _ = arranged(moves.reshape(x, Shape(2, 4, 3)))
    assert dense.tobytes() == arranged(x)[0].tobytes()


@pytest.mark.parametrize("element", [Element.INT8, Element.UINT8])
def test_means_of_windows_are_the_interpreter_s(library: ctypes.CDLL, element: Element) -> None:
    rng = np.random.default_rng(10)
    for turn in range(80):
        (rows, columns), channels = rng.integers(3, 12, 2), rng.integers(1, 4)
        x = rng.integers(-128, 128, (channels, rows, columns)).astype(np.int8)
        x = x // 32 if turn % 2 else x  # some means are halves
        window, stride = ((int(a), int(b)) for a, b in rng.integers(1, 4, (2, 2)))
        sides = [int(rng.integers(0, side)) for side in (*window, *window)]
        pool = AveragePool(
            name="p", inputs=("x",), outputs=("p",), window=window, stride=stride,
            padding=Padding(*sides), activation=list(QUANTIZED)[turn % len(QUANTIZED)],
        )  # fmt: skip
        own = tensor(0.05, int(rng.integers(-128, 128)))
        expected = pools.average_pool(pool, x, own, element)
        _x, read = read_by_c(x, own)
        dense, left = left_by_c(expected.shape, own, pool.activation)
        shape = _Window(*window, *stride, pool.padding.top, pool.padding.left)
        given = (ctypes.byref(each) for each in (read, left, shape))
        library.accelerator_average_pool(*given, ctypes.c_int32(element.offset))
        np.testing.assert_array_equal(dense, expected.transpose(1, 2, 0))


class _Weights(ctypes.Structure):
    _fields_ = (
        ("values", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("scales_count", ctypes.c_uint32),
        ("bias", ctypes.c_void_p),
        ("zero_point", ctypes.c_int32),
    )


@pytest.mark.parametrize("element", [Element.INT8, Element.UINT8])
def test_transposed_convolutions_are_the_interpreter_s(
    library: ctypes.CDLL, element: Element
) -> None:
    rng = np.random.default_rng(13)
    for turn in range(60):
        filters, channels, rows, columns = (int(n) for n in rng.integers(1, 7, 4))
        kernel, stride = ((int(a), int(b)) for a, b in rng.integers(1, 5, (2, 2)))
        top, first = (int(rng.integers(0, side)) for side in kernel)
        zero = int(rng.integers(-128, 128)) if element is Element.UINT8 else 0
        count = 1 if element is Element.UINT8 or turn % 2 else filters
        constants = QuantizedWeights(
            rng.integers(-128, 128, (filters, channels, *kernel)).astype(np.int8),
            rng.uniform(0.001, 0.01, count).astype(np.float32),
            zero,
            rng.integers(-9000, 9000, filters).astype(np.int32),
        )
        operator = TransposeConvolution(
            name="t", inputs=("x",), outputs=("t",), filters=filters, kernel=kernel, stride=stride,
            height=rows * stride[0], width=columns * stride[1], padding=Padding(top, first, 0, 0),
            activation=list(QUANTIZED)[turn % len(QUANTIZED)], constants=constants,
        )  # fmt: skip
        x = rng.integers(-128, 128, (channels, rows, columns)).astype(np.int8)
        ours, own = tensor(0.05, int(rng.integers(-128, 128))), tensor(0.07, -20)
        expected = transpose_convolution(operator, x, ours, own, element)
        _x, read = read_by_c(x, ours)
        dense, left = left_by_c(expected.shape, own, operator.activation)
        last = np.ascontiguousarray(constants.weights.transpose(0, 2, 3, 1))
        arrays = pointer(last), pointer(constants.scales), count, pointer(constants.bias), zero
        window = _Window(*kernel, *stride, top, first)
        given = [ctypes.byref(each) for each in (read, left, _Weights(*arrays), window)]
        offset = ctypes.c_int32(element.offset)
        assert library.accelerator_transpose_convolution(*given, offset) == 0
        np.testing.assert_array_equal(dense, expected.transpose(1, 2, 0))


def test_files_of_uint8_round_the_factor_of_a_filter_differently(library: ctypes.CDLL) -> None:
    """The one sum, 128, lies next to the middle between two codes, on either side of it."""
    x, bias = np.full((1, 1, 1), 64, np.int8), np.zeros(1, np.int32)
    found: dict[Element, list[bytes]] = {Element.INT8: [], Element.UINT8: []}
    for element, results in found.items():
        rng = np.random.default_rng(14)
        for _ in range(200):
            scales = rng.uniform(0.001, 0.01, 1).astype(np.float32)
            ours = tensor(float(rng.uniform(0.01, 0.1)), 0)
            product = quantization(ours).scale * float(scales[0])
            own = tensor(product * 256 / (2 * int(rng.integers(64, 126)) + 1), 0)
            weights = np.full((1, 1, 1, 1), 2, np.int8)
            operator = TransposeConvolution(
                name="t", inputs=("x",), outputs=("t",), filters=1, kernel=(1, 1), stride=(1, 1),
                height=1, width=1, constants=QuantizedWeights(weights, scales, 0, bias),
            )  # fmt: skip
            expected = transpose_convolution(operator, x, ours, own, element)
            (_x, read), window = read_by_c(x, ours), _Window(1, 1, 1, 1, 0, 0)
            dense, left = left_by_c((1, 1, 1), own, Activation.LINEAR)
            arrays = _Weights(pointer(weights), pointer(scales), 1, pointer(bias), 0)
            given = map(ctypes.byref, (read, left, arrays, window))
            assert library.accelerator_transpose_convolution(*given, element.offset) == 0
            assert dense.tobytes() == expected.tobytes()
            results.append(dense.tobytes())
    assert found[Element.INT8] != found[Element.UINT8]


def test_operators_compile_without_warnings(tmp_path: Path) -> None:
    for path, text in example_files().items():
        (tmp_path / path).write_text(text)
    strict = ("-O2", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic")
    for language, standard in (("c", "c99"), ("c++", "c++17")):
        command = ["cc", "-x", language, f"-std={standard}", *strict, "-c", "host_ops.c"]
        subprocess.run([*command, "-o", "/dev/null"], cwd=tmp_path, check=True)


MAIN = r"""
#include <stdio.h>
#include <string.h>
#include "accelerator.h"
#include "accelerator_driver.h"
#include "accelerator_host_ops.h"
#include "memory.h"

static unsigned char memory[MEMORY_BYTES];
static const struct accelerator_tensor inputs[MEMORY_INPUTS_COUNT] = MEMORY_INPUTS;
static const struct accelerator_tensor outputs[MEMORY_OUTPUTS_COUNT] = MEMORY_OUTPUTS;
struct values { float image[6 * 6 * 3]; signed char scores[5]; float real_scores[5]; };

static signed char *at(const struct accelerator_tensor *tensor, uint32_t c, uint32_t y, uint32_t x)
{
    uint32_t address = accelerator_element_address(tensor, c, y, x);
    return (signed char *)memory + (address - MEMORY_BASE);
}

int memory_host_op_0(void *context)
{
    struct values *values = context;
    signed char image[6 * 6 * 3];

    accelerator_quantize(values->image, image, sizeof image, (float)inputs[0].scale,
                         inputs[0].zero_point);
    for (uint32_t i = 0; i < sizeof image; ++i)
        *at(inputs, i % 3, i / 18, i / 3 % 6) = image[i];
    return values->image[0] > 1e9f;
}

int memory_host_op_2(void *context)
{
    struct values *values = context;
    signed char logits[5];

    for (uint32_t c = 0; c < 5; ++c)
        logits[c] = *at(outputs, c, 0, 0);
    return accelerator_softmax(logits, values->scores, 1, 5, (float)outputs[0].scale, 1.0f);
}

#ifndef WITHOUT_LAST
int memory_host_op_3(void *context)
{
    struct values *values = context;

    accelerator_dequantize(values->scores, values->real_scores, 5, 0.00390625f, -128);
    return 0;
}
#endif

/* An accelerator that compares memory with what it must find, and leaves what it must leave. */
static uint32_t read32(void *context, uint32_t offset)
{
    (void)context;
    if (offset == 0)
        return ACCELERATOR__IDENTITY__VALUE_reset;
    return offset == MEMORY_OFFSET_BUILD         ? MEMORY_BUILD
           : offset == MEMORY_OFFSET_FINGERPRINT ? MEMORY_FINGERPRINT
           : offset == MEMORY_OFFSET_STATUS      ? ACCELERATOR__INTERRUPT_STATUS__END_bm
                                                 : 0;
}

static void write32(void *context, uint32_t offset, uint32_t value)
{
    static unsigned char expected[MEMORY_BYTES];
    FILE *file;

    (void)context;
    if (offset != MEMORY_OFFSET_CONTROL || value != ACCELERATOR__CONTROL__START_bm)
        return;
    file = fopen("memory.bin", "rb");
    if (!file || fread(expected, 1, MEMORY_BYTES, file) != MEMORY_BYTES || fclose(file))
        return;
    if (memcmp(expected, memory, MEMORY_BYTES))
        return;
    file = fopen("expected.bin", "rb");
    if (!file || !fread(at(outputs, 0, 0, 0), 1, outputs[0].size_bytes, file) || fclose(file))
        return;
}

static int patience(void *context) { (void)context; return 0; }

int main(int argc, char **argv)
{
    const struct accelerator_bus bus = {read32, write32, patience, NULL};
    const struct accelerator_job job = MEMORY_JOB;
    const struct accelerator_step steps[MEMORY_STEPS_COUNT] = MEMORY_STEPS;
    struct accelerator_report report;
    static struct values values;
    uint32_t failed;
    int status;
    FILE *file = fopen("memory.bin", "rb");

    if (!file || fread(memory, 1, MEMORY_BYTES, file) != MEMORY_BYTES || fclose(file))
        return 9;
    memset(at(inputs, 0, 0, 0), 0, inputs[0].size_bytes); /* the first step writes it */
    file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (!file || fread(values.image, sizeof values.image, 1, file) != 1 || fclose(file))
        return 9;
    status = accelerator_run_steps(&bus, &job, steps, MEMORY_STEPS_COUNT, &values, &report,
                                   &failed);
    printf("%d %u", status, (unsigned)failed);
    for (int i = 0; i < 5; ++i)
        printf(" %.9g", values.real_scores[i]);
    printf("\n");
    return 0;
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all files of the network and of the accelerator."""
    pytest.importorskip("tflite", reason="the schema of .tflite is not installed")
    from tests.tflite_small import DIMS, classifier

    folder = tmp_path_factory.mktemp("steps")
    (folder / "small.tflite").write_bytes(classifier("float32").content())
    x = np.random.default_rng(4).normal(0, 1, DIMS).astype(np.float32)
    (folder / "x").write_bytes(x.tobytes())
    np.save(folder / "x.npy", x)
    found = hwsim.compile(folder / "small.tflite", "edge", inputs={"real_image": x})
    contents = {**found.files, **example_files(), "main.c": _main()}
    contents["accelerator.h"] = write_manual(load_config("edge"), "accelerator").header
    for name, content in contents.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    return folder


def run(folder: Path, image: str) -> tuple[int, int, NDArray[np.float32]]:
    command = [str(folder / "main"), image]
    ended = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    status, failed, *scores = ended.stdout.split()
    return int(status), int(failed), np.array(scores, np.float32)


def test_the_outputs_are_those_of_a_run(folder: Path) -> None:
    _build(folder)
    status, failed, scores = run(folder, "x")
    assert (status, failed) == (Status.OK, 4)
    given = {"real_image": np.load(folder / "x.npy")}
    expected = hwsim.run(folder / "small.tflite", "edge", inputs=given).outputs["real_scores"]
    np.testing.assert_array_equal(scores, expected[0])


def test_a_step_that_fails_ends_the_run(folder: Path) -> None:
    _build(folder)
    far = np.full(108, 2e9, np.float32)
    (folder / "far").write_bytes(far.tobytes())
    status, failed, _ = run(folder, "far")
    assert (status, failed) == (Status.HOST_FAILED, 0)


def test_a_missing_operator_does_not_link(folder: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _build(folder, "-DWITHOUT_LAST")
    assert "memory_host_op_3" in caught.value.stderr


def test_names_of_a_file_stay_in_comments(tmp_path: Path) -> None:
    pytest.importorskip("tflite", reason="the schema of .tflite is not installed")
    from tests.tflite_small import classifier

    file = classifier("float32")
    for tensor in file.tensors:
        tensor.name = f"*/ #error {tensor.name} \\\n// /* \u202e"
    (tmp_path / "small.tflite").write_bytes(file.content())
    header = str(hwsim.compile(tmp_path / "small.tflite").files["memory.h"])
    (tmp_path / "memory.h").write_text(header, "utf-8")
    for language, standard in (("c", "c99"), ("c++", "c++17")):
        command = ["cc", "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror"]
        source = tmp_path / "memory.h"
        subprocess.run([*command, "-fsyntax-only", source], check=True, capture_output=True)


def _build(folder: Path, *flags: str) -> None:
    sources = ("main.c", "example.c", "host_ops.c")
    warnings = [flag for flag in FLAGS if flag.startswith(("-W", "-std", "-pedantic"))]
    quiet = [flag for flag in warnings if flag != "-Wmissing-prototypes"]
    command = ["cc", *quiet, *flags, *sources, "-o", "main"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


def _main() -> str:
    """Return the program, with the offsets of registers that its accelerator answers."""
    from hwsim.isa.registers import register

    names = {"BUILD": "BUILD", "FINGERPRINT": "FINGERPRINT", "CONTROL": "CONTROL"}
    names["STATUS"] = "INTERRUPT_STATUS"
    lines = [
        f"#define MEMORY_OFFSET_{short} {register(name).offset}u" for short, name in names.items()
    ]
    return "\n".join([*lines, MAIN])

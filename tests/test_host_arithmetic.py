"""The host's operators in C that add and multiply, beside the interpreter's."""

import ctypes

import numpy as np
import pytest

from hwsim.golden.tflite import elementwise, pools
from hwsim.golden.tflite.convolution import transpose_convolution
from hwsim.golden.tflite.quantities import quantization
from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.file_tensors import Element
from hwsim.graph.host_operators import TransposeConvolution
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import (
    Activation,
    Add,
    Arithmetic,
    AveragePool,
    Multiply,
    Subtract,
)
from hwsim.graph.sources import Padding
from tests.in_c import (
    QUANTIZED,
    WeightsInC,
    WindowInC,
    left_by_c,
    pointer,
    read_by_c,
    tensor,
)


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
        shape = WindowInC(*window, *stride, pool.padding.top, pool.padding.left)
        given = (ctypes.byref(each) for each in (read, left, shape))
        library.accelerator_average_pool(*given, ctypes.c_int32(element.offset))
        np.testing.assert_array_equal(dense, expected.transpose(1, 2, 0))


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
        window = WindowInC(*kernel, *stride, top, first)
        given = [ctypes.byref(each) for each in (read, left, WeightsInC(*arrays), window)]
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
            (_x, read), window = read_by_c(x, ours), WindowInC(1, 1, 1, 1, 0, 0)
            dense, left = left_by_c((1, 1, 1), own, Activation.LINEAR)
            arrays = WeightsInC(pointer(weights), pointer(scales), 1, pointer(bias), 0)
            given = map(ctypes.byref, (read, left, arrays, window))
            assert library.accelerator_transpose_convolution(*given, element.offset) == 0
            assert dense.tobytes() == expected.tobytes()
            results.append(dense.tobytes())
    assert found[Element.INT8] != found[Element.UINT8]

"""Draws `.tflite` files of one operator each, with extreme factors, windows and values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.tflite_writer import File

Values = NDArray[Any]


@dataclass
class Draw:
    """The choices of one file, and the file and its inputs so far."""

    rng: np.random.Generator
    type: str = "int8"

    def __post_init__(self) -> None:
        self.file = File()
        self.inputs: list[Values] = []

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def scale(self) -> float:
        return float(np.float32(np.exp(self.rng.uniform(np.log(1e-3), np.log(0.5)))))

    def edge(self, real: float, most: int = 127) -> float:
        """Return a scale in whose steps a real value lies next to where its code changes."""
        return float(np.float32(real / (self.integer(0, most) + 0.5)))

    def zero_point(self) -> int:
        low = 0 if self.type == "uint8" else -128
        return low + int(self.rng.choice([0, 255, self.integer(0, 255), self.integer(0, 255)]))

    def values(self, dims: tuple[int, ...]) -> Values:
        """Return values of which many are the least and the largest."""
        low = 0 if self.type == "uint8" else -128
        drawn = self.rng.integers(low, low + 256, dims)
        ends = self.rng.choice([low, low + 255], dims)
        return np.where(self.rng.random(dims) < self.rng.choice([0.0, 0.3]), ends, drawn).astype(
            self.type
        )

    def input(self, dims: tuple[int, ...], scale: float | None = None, zero: Any = None) -> int:
        """Add an input with values."""
        scale = self.scale() if scale is None else scale
        zero = self.zero_point() if zero is None else zero
        number = self.file.tensor(dims, self.type, [scale], [zero])
        self.file.inputs = [*self.file.inputs, number]
        self.inputs.append(self.values(dims))
        return number

    def output(self, dims: tuple[int, ...], scale: float, zero: Any = None) -> int:
        zero = self.zero_point() if zero is None else zero
        number = self.file.tensor(dims, self.type, [scale], [zero])
        self.file.outputs = [*self.file.outputs, number]
        return number

    def like(self, number: int, dims: tuple[int, ...]) -> int:
        """Add an output of the scale and zero point of another tensor."""
        other = self.file.tensors[number]
        return self.output(dims, other.scales[0], other.zero_points[0])

    def scale_of(self, number: int) -> float:
        return float(self.file.tensors[number].scales[0])

    def map(self, most: int = 12, channels: int = 12) -> tuple[int, ...]:
        return (1, self.integer(1, most), self.integer(1, most), self.integer(1, channels))

    def activation(self) -> int:
        return int(self.rng.choice([0, 0, 1, 2, 3]))


def _resized(size: int, reach: int, stride: int, word: int) -> int:
    return -(-size // stride) if word == 0 else (size - reach) // stride + 1


def _geometry(draw: Draw, dims: tuple[int, ...], dilated: bool) -> tuple[dict[str, int], Any]:
    """Return options of a kernel that fits, with the kernel and the size that follow."""
    word = draw.integer(0, 1)
    options: dict[str, int] = {}
    kernel, size = [], []
    for axis, side in (("H", dims[1]), ("W", dims[2])):
        stride = draw.integer(1, 3)
        dilation = draw.integer(1, 2) if dilated and draw.chance(0.3) else 1
        most = min(5, (side - 1) // dilation + 1) if word == 1 else 5
        length = draw.integer(1, most)
        options |= {f"Stride{axis}": stride}
        if dilated:
            options |= {f"Dilation{axis}Factor": dilation}
        kernel.append(length)
        size.append(_resized(side, (length - 1) * dilation + 1, stride, word))
    return options | {"Padding": word}, (kernel, size)


def _weights(
    draw: Draw, dims: tuple[int, ...], axis: int, given: int, out: float, bare: float = 0.1
) -> list[int]:
    """Add weights whose factors lie between 2**-24 and 8, or below any, and mostly a bias."""
    filters, own = dims[axis], draw.scale_of(given)
    is_single = draw.type == "uint8" or draw.chance(0.3)
    count = 1 if is_single else filters
    low, high = ((-12, 3), (-12, -4), (-24, -12))[draw.integer(0, 2)]
    factors = np.exp2(draw.rng.uniform(low, high, count))
    if draw.chance(0.2):
        factors[0] = 2.0**-34
    scales = (factors * out / own).astype(np.float32)
    values = draw.values(dims)
    has_zero_point = draw.type == "uint8" or (is_single and len(dims) == 2)
    zero = draw.zero_point() if has_zero_point else 0
    bias = draw.rng.integers(-(1 << 14), 1 << 14, filters)
    if low == -24:  # some filters leave what their bias says, next to where the code changes
        alone = np.flatnonzero(draw.rng.random(filters) < 0.5)
        np.moveaxis(values, axis, 0)[alone] = zero
        codes = draw.rng.integers(-256, 256, filters) + 0.5
        edges = codes / np.broadcast_to(np.maximum(factors, 2.0**-22), filters)
        bias[alone] = (edges + draw.rng.integers(-3, 4, filters))[alone]
    weights = draw.file.constant(
        values, scales=scales, zero_points=[zero] * count, quantized_dimension=axis
    )
    if draw.chance(bare):
        return [weights]
    steps = (scales * np.float32(own)).astype(np.float32)
    stored = draw.file.constant(bias.astype(np.int32), scales=steps, zero_points=[0] * count)
    return [weights, stored]


def convolution(draw: Draw) -> None:
    """Draw a dense convolution, or one in groups."""
    dims = draw.map()
    given, out = draw.input(dims), draw.scale()
    options, (kernel, size) = _geometry(draw, dims, dilated=True)
    groups = 2 if dims[3] % 2 == 0 and draw.chance(0.2) else 1
    filters = draw.integer(1, 12) * groups
    weights_dims = (filters, *kernel, dims[3] // groups)
    constants = _weights(draw, weights_dims, 0, given, out, bare=0)  # LiteRT wants a bias
    left = draw.output((1, *size, filters), out)
    options |= {"FusedActivationFunction": draw.activation()}
    draw.file.operator("CONV_2D", [given, *constants], left, **options)


def depthwise(draw: Draw) -> None:
    """Draw a depthwise convolution of any multiplier."""
    dims = draw.map()
    given, out = draw.input(dims), draw.scale()
    options, (kernel, size) = _geometry(draw, dims, dilated=True)
    multiplier = draw.integer(1, 3)
    filters = dims[3] * multiplier
    constants = _weights(draw, (1, *kernel, filters), 3, given, out)
    left = draw.output((1, *size, filters), out)
    options |= {"FusedActivationFunction": draw.activation(), "DepthMultiplier": multiplier}
    draw.file.operator("DEPTHWISE_CONV_2D", [given, *constants], left, **options)


def fully_connected(draw: Draw) -> None:
    """Draw a product with a matrix."""
    filters = draw.integer(1, 400)
    dims = [(1, draw.integer(1, 300)), draw.map(5, 8)][draw.integer(0, 1)]
    length = int(np.prod(dims))
    given, out = draw.input(dims), draw.scale()
    constants = _weights(draw, (filters, length), 0, given, out)
    left = draw.output((1, filters), out)
    activation = draw.activation()
    draw.file.operator(
        "FULLY_CONNECTED", [given, *constants], left, FusedActivationFunction=activation
    )


def transpose_convolution(draw: Draw) -> None:
    """Draw a transposed convolution."""
    dims, word = draw.map(6), draw.integer(0, 1)
    strides = draw.integer(1, 3), draw.integer(1, 3)
    kernel = draw.integer(1, 4), draw.integer(1, 4)
    size = [
        side * step if word == 0 else (side - 1) * step + length
        for side, step, length in zip(dims[1:3], strides, kernel, strict=True)
    ]
    filters = draw.integer(1, 6)
    shape = draw.file.constant(np.array([1, *size, filters], np.int32))
    given, out = draw.input(dims), draw.scale()
    weights, *bias = _weights(draw, (filters, *kernel, dims[3]), 0, given, out)
    left = draw.output((1, *size, filters), out)
    options = {"Padding": word, "StrideH": strides[0], "StrideW": strides[1]}
    inputs = [shape, weights, given, *bias]
    draw.file.operator("TRANSPOSE_CONV", inputs, left, **options)


def pool(word: str) -> Callable[[Draw], None]:
    """Return what draws a pool."""

    def drawn(draw: Draw) -> None:
        dims = draw.map()
        given = draw.input(dims)
        options, (kernel, size) = _geometry(draw, dims, dilated=False)
        left = draw.like(given, (1, *size, dims[3]))
        options |= {"FilterHeight": kernel[0], "FilterWidth": kernel[1]}
        options |= {"FusedActivationFunction": draw.activation()}
        draw.file.operator(word, [given], left, **options)

    return drawn


def mean(draw: Draw) -> None:
    """Draw a mean over rows, columns or both, of many pixels or of few."""
    dims = draw.map(int(draw.rng.choice([3, 16, 40])), 64)
    axes = [(1, 2), (1, 2), (1,), (2,), (3,)][draw.integer(0, 4)]
    kept = tuple(1 if axis in axes else side for axis, side in enumerate(dims))
    given = draw.input(dims)
    scale = draw.scale_of(given) * float(draw.rng.choice([1.0, 1.0, draw.rng.uniform(0.1, 2)]))
    if draw.chance(0.3):
        scale = draw.edge(draw.scale_of(given) * draw.integer(64, 128))
    left = draw.output(kept, float(np.float32(scale)))
    if axes == (1, 2) and draw.chance(0.5):  # sums next to where the code changes
        count, out = dims[1] * dims[2], draw.file.tensors[left].scales[0]
        codes = draw.rng.integers(-128, 128, dims[3]) + 0.5
        zero = draw.file.tensors[given].zero_points[0]
        sums = (codes * count * out / draw.scale_of(given) + zero * count).astype(np.int64)
        sums += draw.rng.integers(-1, 2, dims[3])
        extra = np.arange(count).reshape(dims[1], dims[2], 1) < sums % count
        low = 0 if draw.type == "uint8" else -128
        pixels = np.clip(sums // count + extra, low, low + 255)
        draw.inputs[0] = pixels.astype(draw.type).reshape(dims)
    places = draw.file.constant(np.array(axes, np.int32))
    draw.file.operator("MEAN", [given, places], left, KeepDims=True)


def arithmetic(word: str) -> Callable[[Draw], None]:
    """Return what draws an operator on two maps, one of them perhaps a constant."""

    def drawn(draw: Draw) -> None:
        kind = draw.integer(0, 3)
        dims = (1, 256, 256, 1) if kind == 3 else draw.map()
        first = draw.input(dims)
        small = (1, 1, 1, dims[3])
        if kind == 0:
            second = draw.file.constant(
                draw.values(small), scales=[draw.scale()], zero_points=[draw.zero_point()]
            )
        else:
            second = draw.input(dims if kind > 1 else small)
        if kind == 3:  # all pairs of values
            low = 0 if draw.type == "uint8" else -128
            pairs = np.meshgrid(*[np.arange(low, low + 256)] * 2, indexing="ij")
            draw.inputs = [each.astype(draw.type).reshape(dims) for each in pairs]
        own = draw.scale_of(first), draw.scale_of(second)
        product = own[0] * own[1] * 100
        scale = (product if word == "MUL" else max(own)) * draw.rng.uniform(0.6, 3)
        if word == "MUL" and draw.chance(0.6):
            scale = draw.edge(own[0] * own[1] * draw.integer(1, 255) * draw.integer(1, 255))
        left = draw.output(dims, float(np.float32(scale)))
        operands = [first, second] if draw.chance(0.7) else [second, first]
        draw.file.operator(word, operands, left, FusedActivationFunction=draw.activation())

    return drawn


def function(word: str, scale: float | None = None, zero: int = 0) -> Callable[[Draw], None]:
    """Return what draws a function of each value, with all 256 values and a scale of its own."""

    def drawn(draw: Draw) -> None:
        dims = (1, 16, 16, 1)
        given = draw.input(dims, float(np.float32(np.exp(draw.rng.uniform(-6, -1.5)))))
        low = 0 if draw.type == "uint8" else -128
        draw.inputs[0] = np.arange(low, low + 256).astype(draw.type).reshape(dims)
        alpha = float(np.float32(draw.rng.uniform(0.05, 1.5))) if word == "LEAKY_RELU" else 1.0
        if scale is None:
            step = draw.scale_of(given) * draw.rng.uniform(0.3, 2)
            if draw.chance(0.6):
                step = draw.edge(draw.scale_of(given) * draw.integer(1, 255) * alpha)
            left = draw.output(dims, float(np.float32(step)))
        else:
            own = zero + (128 if draw.type == "uint8" else 0)
            left = draw.output(dims, scale, own)
        options = {"Alpha": alpha} if word == "LEAKY_RELU" else {}
        draw.file.operator(word, [given], left, **options)

    return drawn


def prelu(draw: Draw) -> None:
    """Draw a parametric ReLU with a slope of either sign for each channel."""
    is_whole = draw.chance(0.3)
    dims = (1, 1, 256, 256) if is_whole else draw.map()
    given = draw.input(dims)
    learned = draw.values((1, 1, dims[3]))
    if is_whole:  # all pairs of a value and a slope
        low = 0 if draw.type == "uint8" else -128
        learned = np.arange(low, low + 256).astype(draw.type).reshape(1, 1, 256)
        draw.inputs[0] = np.repeat(learned.reshape(256, 1), 256, 1).reshape(dims)
    slopes = draw.file.constant(learned, scales=[draw.scale()], zero_points=[draw.zero_point()])
    step = float(np.float32(draw.scale_of(given) * draw.rng.uniform(0.5, 2)))
    if draw.chance(0.4):
        step = draw.edge(draw.scale_of(given) * draw.integer(1, 255))
    elif draw.chance(0.7):
        product = draw.scale_of(given) * draw.scale_of(slopes)
        step = draw.edge(product * draw.integer(1, 255) * draw.integer(1, 255))
    left = draw.output(dims, step)
    draw.file.operator("PRELU", [given, slopes], left)


def softmax(draw: Draw) -> None:
    """Draw a softmax."""
    dims = (1, draw.integer(1, 40), draw.integer(2, 300))
    given = draw.input(dims)
    left = draw.output(dims, 1 / 256, 0 if draw.type == "uint8" else -128)
    beta = float(draw.rng.choice([1.0, 0.5, 2.0]))
    draw.file.operator("SOFTMAX", [given], left, Beta=beta)


def quantize(draw: Draw) -> None:
    """Draw a change of scale, or of real values into integers."""
    dims = draw.map()
    if draw.chance(0.5):
        given = draw.input(dims)
        step = float(np.float32(draw.scale_of(given) * draw.rng.uniform(0.3, 3)))
        if draw.chance(0.5):
            step = draw.edge(draw.scale_of(given) * draw.integer(1, 255))
        left = draw.output(dims, step)
    else:
        given = draw.file.tensor(dims, "float32")
        draw.file.inputs = [given]
        scale = draw.scale()
        steps = draw.rng.integers(-300, 300, dims) / 2
        draw.inputs.append((steps * scale).astype(np.float32))
        left = draw.output(dims, scale)
    draw.file.operator("QUANTIZE", [given], left)


def dequantize(draw: Draw) -> None:
    """Draw real values of integers."""
    dims = draw.map()
    given = draw.input(dims)
    left = draw.file.tensor(dims, "float32")
    draw.file.outputs = [left]
    draw.file.operator("DEQUANTIZE", [given], left)


def concatenation(draw: Draw) -> None:
    """Draw a concatenation along any axis but the batch."""
    dims, axis = draw.map(), draw.integer(1, 3)
    given = [draw.input(dims)]
    for _ in range(draw.integer(1, 3)):
        other = list(dims)
        other[axis] = draw.integer(1, 8)
        quantization = draw.file.tensors[given[0]]
        given.append(draw.input(tuple(other), quantization.scales[0], quantization.zero_points[0]))
    joined = list(dims)
    joined[axis] = sum(draw.file.tensors[number].dims[axis] for number in given)
    left = draw.like(given[0], tuple(joined))
    draw.file.operator("CONCATENATION", given, left, Axis=int(draw.rng.choice([axis, axis - 4])))


def pad(draw: Draw) -> None:
    """Draw a frame, and channels before and behind."""
    dims = draw.map()
    pairs = np.array([(0, 0), *((draw.integer(0, 3), draw.integer(0, 3)) for _ in range(3))])
    given = draw.input(dims)
    frame = draw.file.constant(pairs.astype(np.int32))
    padded = tuple(int(side + sum(pair)) for side, pair in zip(dims, pairs, strict=True))
    left = draw.like(given, padded)
    draw.file.operator("PAD", [given, frame], left)


def reshape(draw: Draw) -> None:
    """Draw a reshape."""
    dims = draw.map()
    given = draw.input(dims)
    wanted = [(1, dims[1] * dims[2], dims[3]), (1, int(np.prod(dims))), (1, *dims[:0:-1])]
    shape = wanted[draw.integer(0, 2)]
    numbers = draw.file.constant(np.array(shape, np.int32))
    draw.file.operator("RESHAPE", [given, numbers], draw.like(given, shape))


def resize(word: str) -> Callable[[Draw], None]:
    """Return what draws another size, in each of the three manners of its pixels."""

    def drawn(draw: Draw) -> None:
        dims = draw.map()
        size = draw.integer(1, 20), draw.integer(1, 20)
        if draw.chance(0.3):
            size = 2 * dims[1], 2 * dims[2]
        given = draw.input(dims)
        numbers = draw.file.constant(np.array(size, np.int32))
        left = draw.like(given, (1, *size, dims[3]))
        manner = [{}, {"AlignCorners": True}, {"HalfPixelCenters": True}][draw.integer(0, 2)]
        draw.file.operator(word, [given, numbers], left, **manner)

    return drawn


def strided_slice(draw: Draw) -> None:
    """Draw some channels."""
    dims = draw.map()
    first = draw.integer(0, dims[3] - 1)
    last = draw.integer(first + 1, dims[3])
    given = draw.input(dims)
    numbers = [
        draw.file.constant(np.array(each, np.int32))
        for each in ((0, 0, 0, first), (0, 0, 0, last), (1, 1, 1, 1))
    ]
    left = draw.like(given, (*dims[:3], last - first))
    draw.file.operator("STRIDED_SLICE", [given, *numbers], left, BeginMask=7, EndMask=7)


def split(draw: Draw) -> None:
    """Draw channels in equal parts."""
    parts, rows, columns = draw.integer(1, 4), draw.integer(1, 9), draw.integer(1, 9)
    dims = (1, rows, columns, parts * draw.integer(1, 5))
    axis = draw.file.constant(np.array(3, np.int32))
    given = draw.input(dims)
    outputs = [draw.like(given, (*dims[:3], dims[3] // parts)) for _ in range(parts)]
    draw.file.operator("SPLIT", [axis, given], outputs[0], NumSplits=parts)
    draw.file.operators[0].outputs = outputs


def block(word: str) -> Callable[[Draw], None]:
    """Return what draws a move between pixels and channels."""

    def drawn(draw: Draw) -> None:
        size, (_, rows, columns, channels) = draw.integer(1, 3), draw.map(4)
        large = (1, rows * size, columns * size, channels)
        deep = (1, rows, columns, channels * size**2)
        dims, moved = (large, deep) if word == "SPACE_TO_DEPTH" else (deep, large)
        given = draw.input(dims)
        draw.file.operator(word, [given], draw.like(given, moved), BlockSize=size)

    return drawn


DRAWN: dict[str, Callable[[Draw], None]] = {
    "ADD": arithmetic("ADD"),
    "AVERAGE_POOL_2D": pool("AVERAGE_POOL_2D"),
    "CONCATENATION": concatenation,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "DEPTH_TO_SPACE": block("DEPTH_TO_SPACE"),
    "DEQUANTIZE": dequantize,
    "FULLY_CONNECTED": fully_connected,
    "HARD_SWISH": function("HARD_SWISH"),
    "LEAKY_RELU": function("LEAKY_RELU"),
    "LOGISTIC": function("LOGISTIC", 1 / 256, -128),
    "MAX_POOL_2D": pool("MAX_POOL_2D"),
    "MEAN": mean,
    "MUL": arithmetic("MUL"),
    "PAD": pad,
    "PRELU": prelu,
    "QUANTIZE": quantize,
    "RELU": function("RELU"),
    "RELU6": function("RELU6"),
    "RELU_N1_TO_1": function("RELU_N1_TO_1"),
    "RESHAPE": reshape,
    "RESIZE_BILINEAR": resize("RESIZE_BILINEAR"),
    "RESIZE_NEAREST_NEIGHBOR": resize("RESIZE_NEAREST_NEIGHBOR"),
    "SOFTMAX": softmax,
    "SPACE_TO_DEPTH": block("SPACE_TO_DEPTH"),
    "SPLIT": split,
    "STRIDED_SLICE": strided_slice,
    "SUB": arithmetic("SUB"),
    "TANH": function("TANH", 1 / 128, 0),
    "TRANSPOSE_CONV": transpose_convolution,
}


def drawn_file(word: str, kind: str, seed: int) -> tuple[bytes, list[Values]]:
    """Return a file of one operator of int8 or uint8, and its inputs."""
    draw = Draw(np.random.default_rng(seed), kind)
    DRAWN[word](draw)
    return draw.file.content(), draw.inputs

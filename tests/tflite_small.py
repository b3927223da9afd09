"""Small `.tflite` files with work for the host at their ends."""

from collections.abc import Sequence

import numpy as np

from tests.tflite_writer import File

SIDE, CLASSES = 6, 5
DIMS = (1, SIDE, SIDE, 3)


def classifier(ends: str, channels: int = 3) -> File:
    """Return a convolution, a matrix and a softmax between ends of one type.

    Real values are quantized and dequantized inside, and `uint8 to int8` changes the input's type;
    `int8` and `uint8` files are of one type throughout.
    """
    rng = np.random.default_rng(5)
    inner = "uint8" if ends == "uint8" else "int8"
    zero = 128 if inner == "uint8" else 0
    file = File()
    x = file.tensor((1, SIDE, SIDE, channels), inner, [0.02], [zero - 5], name="image")
    kernel = rng.integers(-90, 91, (4, 3, 3, channels))
    matrix = rng.integers(-90, 91, (CLASSES, 4 * SIDE * SIDE))
    w, m = (
        file.constant((values + zero).astype(inner), scales=[scale], zero_points=[zero])
        for values, scale in ((kernel, 0.01), (matrix, 0.001))
    )
    b = file.constant(np.zeros(4, np.int32), scales=[0.0002], zero_points=[0])
    c = file.constant(np.zeros(CLASSES, np.int32), scales=[0.00003], zero_points=[0])
    y = file.tensor((1, SIDE, SIDE, 4), inner, [0.03], [zero + 7])
    z = file.tensor((1, CLASSES), inner, [0.1], [zero + 3])
    out = file.tensor((1, CLASSES), inner, [1 / 256], [zero - 128], name="scores")
    file.inputs, file.outputs = [x], [out]
    if ends == "float32":
        real = file.tensor((1, SIDE, SIDE, channels), ends, name="real_image")
        file.operator("QUANTIZE", [real], x)
        file.inputs = [real]
    if ends == "uint8 to int8":
        pixels = file.tensor((1, SIDE, SIDE, channels), "uint8", [0.02], [123], name="pixels")
        file.operator("QUANTIZE", [pixels], x)
        file.inputs = [pixels]
    file.operator("CONV_2D", [x, w, b], y, StrideH=1, StrideW=1, FusedActivationFunction=1)
    file.operator("FULLY_CONNECTED", [y, m, c], z)
    file.operator("SOFTMAX", [z], out, Beta=1.0)
    if ends == "float32":
        real = file.tensor((1, CLASSES), ends, name="real_scores")
        file.operator("DEQUANTIZE", [out], real)
        file.outputs = [real]
    return file


def residual() -> File:
    """Return a convolution, the sum of its input and its output, and a softmax."""
    file = File()
    x = file.tensor((1, 4, 4, 2), "int8", [0.5], [3], name="x")
    y = file.tensor((1, 4, 4, 2), "int8", [0.25], [-1])
    z = file.tensor((1, 4, 4, 2), "int8", [0.4], [2])
    out = file.tensor((1, 4, 4, 2), "int8", [1 / 256], [-128])
    file.inputs, file.outputs = [x], [out]
    file.operator("CONV_2D", [x, *_pixelwise(file, 2, 2)], y, StrideH=1, StrideW=1)
    file.operator("ADD", [x, y], z)
    file.operator("SOFTMAX", [z], out, Beta=1.0)
    return file


def rearranged() -> File:
    """Return three convolutions between which channels become pixels."""
    file = File()
    x = file.tensor((1, 2, 2, 4), "int8", [0.5], [3])
    file.inputs = [x]
    side = 2
    for channels in (4, 1):
        filtered = file.tensor((1, side, side, 4), "int8", [0.5], [3])
        file.operator(
            "CONV_2D", [x, *_pixelwise(file, 4, channels)], filtered, StrideH=1, StrideW=1
        )
        side *= 2
        x = file.tensor((1, side, side, 1), "int8", [0.5], [3])
        file.operator("DEPTH_TO_SPACE", [filtered], x, BlockSize=2)
    out = file.tensor((1, side, side, 1), "int8", [0.5], [3])
    file.operator("CONV_2D", [x, *_pixelwise(file, 1, 1)], out, StrideH=1, StrideW=1)
    file.outputs = [out]
    return file


def braided() -> File:
    """Return convolutions between which the host works twice, while others go past it.

    The host moves pixels of `a` for `c`, and makes `s` smaller; `p` waits for neither, and `a` is
    read again behind both.
    """
    file = File()
    sizes = {"x": (4, 4), "a": (4, 4), "d": (8, 1), "c": (8, 4), "u": (8, 4), "s": (8, 4),
             "r": (4, 4), "p": (4, 4), "j": (4, 12), "out": (4, 2)}  # fmt: skip
    maps = {
        name: file.tensor((1, side, side, channels), "int8", [0.5], [3], name=name)
        for name, (side, channels) in sizes.items()
    }

    def convolve(read: str, left: str) -> None:
        filters, channels = sizes[left][1], sizes[read][1]
        weights = _pixelwise(file, filters, channels, 1.2 / (filters * channels**2))
        operands = maps[read], *weights
        file.operator("CONV_2D", operands, maps[left], StrideH=1, StrideW=1)

    def resize(word: str, read: str, left: str) -> None:
        size = file.constant(np.array((sizes[left][0],) * 2, np.int32))
        file.operator(word, [maps[read], size], maps[left])

    convolve("x", "a")
    file.operator("DEPTH_TO_SPACE", [maps["a"]], maps["d"], BlockSize=2)
    convolve("d", "c")
    resize("RESIZE_NEAREST_NEIGHBOR", "a", "u")
    file.operator("ADD", [maps["c"], maps["u"]], maps["s"])
    resize("RESIZE_BILINEAR", "s", "r")
    convolve("x", "p")
    file.operator("CONCATENATION", [maps["r"], maps["p"], maps["a"]], maps["j"], Axis=3)
    convolve("j", "out")
    file.inputs, file.outputs = [maps["x"]], [maps["out"]]
    return file


def with_host_tail(kind: str = "int8") -> File:
    """Return a convolution, and behind it operators that the host computes: with constants first.

    A transposed convolution, a difference from a constant, a padded average pool, slopes, a mean
    over the columns, and another shape.
    """
    file, offset = File(), 128 if kind == "uint8" else 0
    rng = np.random.default_rng(11)

    def stored(*dims: int, scale: float = 0.02, zero: int = 0) -> int:
        values = rng.integers(-90, 91, dims) + offset
        return file.constant(values.astype(kind), scales=[scale], zero_points=[zero + offset])

    def bias(filters: int, scale: float) -> int:
        values = rng.integers(-900, 900, filters).astype(np.int32)
        return file.constant(values, scales=[scale], zero_points=[0])

    sizes = ((4, 3, 2), (4, 3, 6), (8, 6, 3), (8, 6, 3), (4, 3, 3), (4, 3, 3), (4, 1, 3), (2, 2, 3))
    steps = ((0.5, 3), (0.25, -1), (0.1, 2), (0.125, -9), (0.125, -9), (0.2, 1), (0.2, 1), (0.2, 1))
    x, y, enlarged, less, pooled, bent_map, means, last = (
        file.tensor((1, *size), kind, [scale], [zero + offset])
        for size, (scale, zero) in zip(sizes, steps, strict=True)
    )
    file.inputs, file.outputs = [x], [last]
    file.operator("CONV_2D", [x, stored(6, 3, 3, 2), bias(6, 0.01)], y, StrideH=1, StrideW=1)
    size = file.constant(np.array([1, 8, 6, 3], np.int32))
    weights = stored(3, 3, 2, 6)
    operands = [size, weights, y, bias(3, 0.25 * 0.02)]
    file.operator("TRANSPOSE_CONV", operands, enlarged, Padding=0, StrideH=2, StrideW=2)
    learned = stored(1, 1, 3, scale=0.03, zero=-4)
    file.operator("SUB", [learned, enlarged], less, FusedActivationFunction=3)
    windows = {"FilterHeight": 3, "FilterWidth": 2, "StrideH": 2, "StrideW": 2}
    file.operator("AVERAGE_POOL_2D", [less], pooled, Padding=0, **windows)
    file.operator("LEAKY_RELU", [pooled], bent_map, Alpha=0.25)
    axes = file.constant(np.array([2], np.int32))
    file.operator("MEAN", [bent_map, axes], means, KeepDims=True)
    dims = file.constant(np.array([1, 2, 2, 3], np.int32))
    file.operator("RESHAPE", [means, dims], last)
    return file


def enlarged() -> File:
    """Return a convolution whose channels become pixels at the network's end."""
    file = File()
    x = file.tensor((1, 3, 5, 2), "int8", [0.5], [3])
    y = file.tensor((1, 3, 5, 4), "int8", [0.5], [3])
    z = file.tensor((1, 6, 10, 1), "int8", [0.5], [3])
    file.inputs, file.outputs = [x], [z]
    file.operator("CONV_2D", [x, *_pixelwise(file, 4, 2)], y, StrideH=1, StrideW=1)
    file.operator("DEPTH_TO_SPACE", [y], z, BlockSize=2)
    return file


def bent() -> File:
    """Return convolutions with a clamp at both ends, each followed by a function of one value."""
    rng = np.random.default_rng(7)
    file = File()
    x = file.tensor((1, 9, 10, 5), "int8", [0.05], [3], name="x")
    maps = [
        file.tensor((1, 9, 10, channels), "int8", [scale], [zero])
        for channels, scale, zero in (
            (12, 0.06, -20), (12, 0.05, 40), (20, 0.012, 30), (20, 1 / 256, -128)
        )
    ]  # fmt: skip
    file.inputs, file.outputs = [x], [maps[-1]]
    for read, left, scale, clamp in ((x, maps[0], 0.004, 3), (maps[1], maps[2], 0.003, 2)):
        filters, channels = file.tensors[left].dims[3], file.tensors[read].dims[3]
        w = file.constant(
            rng.integers(-90, 91, (filters, 3, 3, channels)).astype(np.int8),
            scales=[scale],
            zero_points=[0],
        )
        b = file.constant(
            rng.integers(-900, 900, filters).astype(np.int32),
            scales=[file.tensors[read].scales[0] * scale],
            zero_points=[0],
        )
        options = {"StrideH": 1, "StrideW": 1, "FusedActivationFunction": clamp}
        file.operator("CONV_2D", [read, w, b], left, **options)
        word = "HARD_SWISH" if left == maps[0] else "LOGISTIC"
        file.operator(word, [left], maps[maps.index(left) + 1])
    return file


def sloped(
    slopes: Sequence[int],
    kind: str = "int8",
    dims: Sequence[int] | None = None,
    zero_point: int = 0,
    size: tuple[int, int] = (16, 16),
) -> File:
    """Return a PRELU alone, of channels with these slopes less their zero point, as int8."""
    offset = 128 if kind == "uint8" else 0
    file, channels = File(), len(slopes)
    read = file.tensor((1, *size, channels), kind, [0.05], [3 + offset])
    left = file.tensor((1, *size, channels), kind, [0.043], [-20 + offset])
    stored = (np.array(slopes) + offset).astype(kind).reshape(dims or (1, 1, channels))
    learned = file.constant(stored, scales=[0.011], zero_points=[zero_point + offset])
    file.inputs, file.outputs = [read], [left]
    file.operator("PRELU", [read, learned], left)
    return file


def sloped_network() -> File:
    """Return a convolution, a PRELU with slopes of both signs, its maximum pool, and another."""
    rng = np.random.default_rng(9)
    file = File()
    x = file.tensor((1, 8, 10, 5), "int8", [0.05], [3], name="x")
    sizes = ((8, 10, 20), (8, 10, 20), (4, 5, 20), (4, 5, 20))
    steps = ((0.06, -20), (0.05, 4), (0.05, 4), (0.07, -100))
    y, bent_maps, pooled, last = (
        file.tensor((1, *size), "int8", [scale], [zero])
        for size, (scale, zero) in zip(sizes, steps, strict=True)
    )
    file.inputs, file.outputs = [x], [last]
    w = file.constant(
        rng.integers(-90, 91, (20, 3, 3, 5)).astype(np.int8), scales=[0.004], zero_points=[0]
    )
    bias = rng.integers(-900, 900, 20).astype(np.int32)
    b = file.constant(bias, scales=[0.05 * 0.004], zero_points=[0])
    file.operator("CONV_2D", [x, w, b], y, StrideH=1, StrideW=1)
    for read, left in ((y, bent_maps), (pooled, last)):
        learned = rng.integers(-128, 128, (1, 1, 20)).astype(np.int8)
        slopes = file.constant(learned, scales=[0.012], zero_points=[-30])
        file.operator("PRELU", [read, slopes], left)
        if left == bent_maps:
            halves = {"StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2}
            file.operator("MAX_POOL_2D", [left], pooled, Padding=1, **halves)
    return file


def _pixelwise(file: File, filters: int, channels: int, scale: float = 0.1) -> tuple[int, int]:
    """Return weights and bias of a convolution that looks at single pixels."""
    weights = np.arange(1, 1 + filters * channels, dtype=np.int8)
    shaped = weights.reshape(filters, 1, 1, channels)
    w = file.constant(shaped, scales=[scale], zero_points=[0])
    b = file.constant(np.zeros(filters, np.int32), scales=[scale / 2], zero_points=[0])
    return w, b

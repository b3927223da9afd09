"""Draws `.tflite` files of several operators, chained as they come, with forks and joins."""

from collections.abc import Callable

import numpy as np

from tests.tflite_drawn import Draw, Values

SIDES, CHANNELS, MOST_ELEMENTS = (1, 2, 3, 4, 5, 6, 8, 12, 13), (1, 1, 2, 3, 4, 5, 8, 16), 6000
Dims = tuple[int, ...]


class Chain(Draw):
    """A file whose operators read what is there, and leave more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.there: list[int] = []  # tensors that an operator may read

    def dims(self, number: int) -> Dims:
        return tuple(self.file.tensors[number].dims)

    def zero_of(self, number: int) -> int:
        return int(self.file.tensors[number].zero_points[0])

    def begin(self) -> None:
        """Add an input, or an input of another type that is quantized first."""
        sides = self.rng.choice(SIDES, 2)
        dims = (1, int(sides[0]), int(sides[1]), int(self.rng.choice(CHANNELS)))
        if self.chance(0.9):
            self.there.append(self.input(dims))
            return
        scale = self.scale()
        real = self.file.tensor(dims, "float32")
        self.file.inputs = [*self.file.inputs, real]
        self.inputs.append((self.rng.integers(-300, 300, dims) * scale / 2).astype(np.float32))
        self.file.operator("QUANTIZE", [real], self.made(dims, scale))

    def pick(self, rank: int = 4) -> int | None:
        """Return a tensor of so many axes, the latest ones more often."""
        fitting = [number for number in self.there if len(self.dims(number)) == rank]
        if not fitting:
            return None
        unread = [each for each in fitting if each in self.file.inputs and not self.is_read(each)]
        if unread:
            return unread[0]
        return fitting[-1] if self.chance(0.5) else int(self.rng.choice(fitting))

    def is_read(self, number: int) -> bool:
        return any(number in operator.inputs for operator in self.file.operators)

    def made(self, dims: Dims, scale: float, zero: int | None = None) -> int:
        """Add a tensor that an operator leaves."""
        zero = self.zero_point() if zero is None else zero
        number = self.file.tensor(dims, self.type, [float(np.float32(scale))], [zero])
        self.there.append(number)
        return number

    def same(self, number: int, dims: Dims) -> int:
        """Add a tensor with the scale and zero point of another."""
        return self.made(dims, self.scale_of(number), self.zero_of(number))

    def constants(self, dims: Dims, axis: int, given: int) -> tuple[list[int], float]:
        """Add weights and bias; return them, and a scale that suits what they leave."""
        filters, terms = dims[axis], float(np.prod(dims)) / dims[axis]
        count = 1 if self.type == "uint8" or self.chance(0.3) else filters
        scales = np.exp(self.rng.uniform(-7, -4, count)).astype(np.float32)
        zero = self.zero_point() if self.type == "uint8" else 0
        weights = self.file.constant(
            self.values(dims), scales=scales, zero_points=[zero] * count, quantized_dimension=axis
        )
        own = self.scale_of(given)
        bias = self.rng.integers(-(1 << 12), 1 << 12, filters).astype(np.int32)
        steps = (scales * np.float32(own)).astype(np.float32)
        stored = self.file.constant(bias, scales=steps, zero_points=[0] * count)
        out = float(scales.mean()) * own * 100 * np.sqrt(terms) * float(self.rng.uniform(0.5, 3))
        return [weights, stored], out

    def content(self) -> bytes:
        """Return the file; what nobody reads is an output, and sometimes what others read."""
        read = {number for operator in self.file.operators for number in operator.inputs}
        left = [number for operator in self.file.operators for number in operator.outputs]
        kept = [number for number in left if number not in read or self.chance(0.1)]
        self.rng.shuffle(kept)
        self.file.outputs = kept
        return self.file.content()


def _convolved(chain: Chain, is_depthwise: bool) -> None:
    given = chain.pick()
    if given is None:
        return
    dims = chain.dims(given)
    word = chain.integer(0, 1)
    options: dict[str, int] = {"Padding": word, "FusedActivationFunction": chain.activation()}
    kernel, size = [], []
    for axis, side in (("H", dims[1]), ("W", dims[2])):
        stride = int(chain.rng.choice([1, 1, 1, 2, 2, 3, 4, 8]))
        dilation = chain.integer(1, 2) if chain.chance(0.2) else 1
        most = min(5, (side - 1) // dilation + 1) if word == 1 else 5
        length = chain.integer(1, most)
        reach = (length - 1) * dilation + 1
        options |= {f"Stride{axis}": stride, f"Dilation{axis}Factor": dilation}
        kernel.append(length)
        size.append(-(-side // stride) if word == 0 else (side - reach) // stride + 1)
    if is_depthwise:
        multiplier = int(chain.rng.choice([1, 1, 2, 3]))
        filters = dims[3] * multiplier
        options |= {"DepthMultiplier": multiplier}
        constants, out = chain.constants((1, *kernel, filters), 3, given)
    else:
        groups = 2 if dims[3] % 2 == 0 and chain.chance(0.15) else 1
        filters = int(chain.rng.choice(CHANNELS)) * groups
        constants, out = chain.constants((filters, *kernel, dims[3] // groups), 0, given)
    name = "DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D"
    chain.file.operator(name, [given, *constants], chain.made((1, *size, filters), out), **options)


def _fully_connected(chain: Chain) -> None:
    given = chain.pick(2 if chain.chance(0.3) else 4)
    if given is None:
        return
    filters = chain.integer(1, 20)
    constants, out = chain.constants((filters, int(np.prod(chain.dims(given)))), 0, given)
    chain.file.operator(
        "FULLY_CONNECTED",
        [given, *constants],
        chain.made((1, filters), out),
        FusedActivationFunction=chain.activation(),
    )


def _reshape(chain: Chain) -> None:
    given = chain.pick(chain.integer(2, 4))
    if given is None:
        return
    dims = chain.dims(given)
    shapes = [(1, int(np.prod(dims))), (1, 1, 1, int(np.prod(dims)))]
    if len(dims) == 4:
        shapes += [(1, dims[2], dims[1], dims[3]), (1, dims[1] * dims[2], dims[3])]
    shape = shapes[chain.integer(0, len(shapes) - 1)]
    numbers = chain.file.constant(np.array(shape, np.int32))
    chain.file.operator("RESHAPE", [given, numbers], chain.same(given, shape))


def _sum(chain: Chain, word: str) -> None:
    given = chain.pick()
    if given is None:
        return
    dims = chain.dims(given)
    alike = [number for number in chain.there if chain.dims(number) == dims]
    other = int(chain.rng.choice(alike))
    if chain.chance(0.6 if word == "MUL" else 0.25):
        count = dims[3] if chain.chance(0.7) else 1
        other = chain.file.constant(
            chain.values((1, 1, 1, count)), scales=[chain.scale()], zero_points=[chain.zero_point()]
        )
    scales = chain.scale_of(given), chain.scale_of(other)
    out = scales[0] * scales[1] * 100 if word == "MUL" else max(scales)
    pair = [given, other] if chain.chance(0.7) else [other, given]
    left = chain.made(dims, out * chain.rng.uniform(0.8, 2.5))
    chain.file.operator(word, pair, left, FusedActivationFunction=chain.activation())


def _pool(chain: Chain, word: str) -> None:
    given = chain.pick()
    if given is None:
        return
    dims = chain.dims(given)
    window = [chain.integer(1, side) for side in dims[1:3]]
    stride = [chain.integer(1, 4) for _ in range(2)]
    if word == "MAX_POOL_2D" and chain.chance(0.5):
        window = stride = [min(side, 2) for side in dims[1:3]]
    is_padded = word == "MAX_POOL_2D" and chain.chance(0.5)
    size = [
        -(-n // s) if is_padded else (n - w) // s + 1
        for n, w, s in zip(dims[1:3], window, stride, strict=True)
    ]
    left = chain.same(given, (1, *size, dims[3]))
    options = {"FilterHeight": window[0], "FilterWidth": window[1], "Padding": int(not is_padded)}
    options |= {"StrideH": stride[0], "StrideW": stride[1]}
    options |= {"FusedActivationFunction": chain.activation()}
    chain.file.operator(word, [given], left, **options)


def _mean(chain: Chain) -> None:
    given = chain.pick()
    if given is None:
        return
    dims, keeps = chain.dims(given), chain.chance(0.7)
    axes = chain.file.constant(np.array([1, 2], np.int32))
    scale = chain.scale_of(given) * float(chain.rng.choice([1.0, 1.0, 0.4, 1.7]))
    left = chain.made((1, 1, 1, dims[3]) if keeps else (1, dims[3]), scale)
    chain.file.operator("MEAN", [given, axes], left, KeepDims=keeps)


def _concatenation(chain: Chain) -> None:
    given = chain.pick()
    if given is None:
        return
    key = chain.dims(given)[:3], chain.scale_of(given), chain.zero_of(given)
    alike = [
        number
        for number in chain.there
        if len(chain.dims(number)) == 4
        and (chain.dims(number)[:3], chain.scale_of(number), chain.zero_of(number)) == key
    ]
    parts = [given, *(int(each) for each in chain.rng.choice(alike, chain.integer(1, 3)))]
    channels = sum(chain.dims(number)[3] for number in parts)
    left = chain.same(given, (*key[0], channels))
    chain.file.operator("CONCATENATION", parts, left, Axis=int(chain.rng.choice([3, -1])))


def _requantized_alike(chain: Chain) -> None:
    """Bring a map to the scale of another of the same size, so that both can be joined."""
    given = chain.pick()
    if given is None:
        return
    size = chain.dims(given)[:3]
    alike = [number for number in chain.there if chain.dims(number)[:3] == size]
    other = int(chain.rng.choice(alike))
    if len(chain.dims(other)) == 4:
        chain.file.operator("QUANTIZE", [given], chain.same(other, chain.dims(given)))


def _quantize(chain: Chain) -> None:
    given = chain.pick(int(chain.rng.choice([2, 4, 4])))
    if given is not None:
        scale = chain.scale_of(given) * float(chain.rng.uniform(0.5, 2))
        chain.file.operator("QUANTIZE", [given], chain.made(chain.dims(given), scale))


def _pad(chain: Chain) -> None:
    given = chain.pick()
    if given is None:
        return
    dims = chain.dims(given)
    of_channels = (chain.integer(0, 2), chain.integer(0, 2)) if chain.chance(0.4) else (0, 0)
    frame = [(0, 0), *((chain.integer(0, 2), chain.integer(0, 2)) for _ in range(2)), of_channels]
    padded = tuple(side + sum(pair) for side, pair in zip(dims, frame, strict=True))
    numbers = chain.file.constant(np.array(frame, np.int32))
    chain.file.operator("PAD", [given, numbers], chain.same(given, padded))


def _slice(chain: Chain) -> None:
    given = chain.pick()
    if given is None:
        return
    dims = chain.dims(given)
    first = chain.integer(0, dims[3] - 1)
    last = chain.integer(first + 1, dims[3])
    numbers = [
        chain.file.constant(np.array(each, np.int32))
        for each in ((0, 0, 0, first), (0, 0, 0, last), (1, 1, 1, 1))
    ]
    left = chain.same(given, (*dims[:3], last - first))
    chain.file.operator("STRIDED_SLICE", [given, *numbers], left, BeginMask=7, EndMask=7)


def _split(chain: Chain) -> None:
    given = chain.pick()
    if given is None:
        return
    dims = chain.dims(given)
    parts = 2 if dims[3] % 2 == 0 else 3
    if dims[3] % parts:
        return
    axis = chain.file.constant(np.array(3, np.int32))
    outputs = [chain.same(given, (*dims[:3], dims[3] // parts)) for _ in range(parts)]
    chain.file.operator("SPLIT", [axis, given], outputs[0], NumSplits=parts)
    chain.file.operators[-1].outputs = outputs


def _doubled(chain: Chain) -> None:
    given = chain.pick()
    if given is None:
        return
    dims = chain.dims(given)
    size = 2 * dims[1], 2 * dims[2]
    numbers = chain.file.constant(np.array(size, np.int32))
    manner = {"HalfPixelCenters": True} if chain.chance(0.5) else {}
    left = chain.same(given, (1, *size, dims[3]))
    chain.file.operator("RESIZE_NEAREST_NEIGHBOR", [given, numbers], left, **manner)


def _block(chain: Chain) -> None:
    given = chain.pick()
    if given is None:
        return
    _, rows, columns, channels = chain.dims(given)
    size = chain.integer(1, 3)
    if rows % size or columns % size:
        return
    left = chain.same(given, (1, rows // size, columns // size, channels * size**2))
    chain.file.operator("SPACE_TO_DEPTH", [given], left, BlockSize=size)


def _moved_by_host(chain: Chain) -> None:
    """Leave pixels that only the host moves or interpolates."""
    given = chain.pick()
    if given is None:
        return
    _, rows, columns, channels = chain.dims(given)
    if channels % 4 == 0 and chain.chance(0.5):
        left = chain.same(given, (1, rows * 2, columns * 2, channels // 4))
        chain.file.operator("DEPTH_TO_SPACE", [given], left, BlockSize=2)
        return
    size = chain.integer(1, 8), chain.integer(1, 8)
    numbers = chain.file.constant(np.array(size, np.int32))
    left = chain.same(given, (1, *size, channels))
    chain.file.operator("RESIZE_BILINEAR", [given, numbers], left)


def _clamp(chain: Chain) -> None:
    given = chain.pick()
    if given is None:
        return
    word = str(chain.rng.choice(["RELU", "RELU6"]))
    scale = chain.scale_of(given) * float(chain.rng.choice([1.0, 0.7]))
    own = chain.zero_of(given) if scale == chain.scale_of(given) else None
    chain.file.operator(word, [given], chain.made(chain.dims(given), scale, own))


def _function(chain: Chain) -> None:
    """Leave a function of each value, or the host's work: a softmax or real values."""
    given = chain.pick(chain.integer(2, 4))
    if given is None:
        return
    word = str(
        chain.rng.choice(["SOFTMAX", "LOGISTIC", "TANH", "LEAKY_RELU", "HARD_SWISH", "DEQUANTIZE"])
    )
    dims = chain.dims(given)
    low = 0 if chain.type == "uint8" else -128
    if word == "DEQUANTIZE":
        left = chain.file.tensor(dims, "float32")
    elif word in ("LEAKY_RELU", "HARD_SWISH"):
        left = chain.made(dims, chain.scale_of(given))
    else:
        left = chain.made(dims, *((1 / 128, low + 128) if word == "TANH" else (1 / 256, low)))
    options = {"SOFTMAX": {"Beta": 1.0}, "LEAKY_RELU": {"Alpha": 0.3}}.get(word, {})
    chain.file.operator(word, [given], left, **options)


def _slopes(chain: Chain) -> None:
    """Leave a parametric ReLU with a slope for each channel."""
    given = chain.pick()
    if given is None:
        return
    dims = chain.dims(given)
    learned = chain.file.constant(
        chain.values((1, 1, dims[3])),
        scales=[float(np.float32(chain.rng.uniform(1e-3, 2e-2)))],
        zero_points=[chain.zero_point()],
    )
    left = chain.made(dims, chain.scale_of(given) * float(chain.rng.uniform(0.7, 2)))
    chain.file.operator("PRELU", [given, learned], left)


OPERATORS: dict[Callable[[Chain], None], int] = {
    lambda chain: _convolved(chain, is_depthwise=False): 5,
    lambda chain: _convolved(chain, is_depthwise=True): 3,
    _fully_connected: 1,
    _reshape: 1,
    lambda chain: _sum(chain, "ADD"): 4,
    lambda chain: _sum(chain, "SUB"): 2,
    lambda chain: _sum(chain, "MUL"): 2,
    lambda chain: _pool(chain, "AVERAGE_POOL_2D"): 2,
    lambda chain: _pool(chain, "MAX_POOL_2D"): 1,
    _mean: 1,
    _concatenation: 4,
    _requantized_alike: 2,
    _quantize: 1,
    _pad: 3,
    _slice: 3,
    _split: 2,
    _doubled: 2,
    _block: 1,
    _moved_by_host: 6,
    _clamp: 2,
    _function: 2,
    _slopes: 3,
}


def chained_file(kind: str, seed: int, operators: int = 7) -> tuple[bytes, list[Values]]:
    """Return a file of some operators of int8 or uint8, and its inputs."""
    chain = Chain(np.random.default_rng(seed), kind)
    for _ in range(chain.integer(1, 2)):
        chain.begin()
    weights = np.array(list(OPERATORS.values())) / sum(OPERATORS.values())
    words = list(OPERATORS)
    count = chain.integer(2, operators)
    while len(chain.file.operators) < count:
        before = len(chain.there)
        words[chain.rng.choice(len(words), p=weights)](chain)
        new = chain.there[before:]
        if any(np.prod(chain.dims(number)) > MOST_ELEMENTS for number in new):
            chain.there = chain.there[:before]  # large enough: nothing reads it
    return chain.content(), chain.inputs

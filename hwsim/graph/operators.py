"""The operators of a network as its file has them, typed, with named tensors between them.

They say what is computed, not how: `hwsim/passes/` rewrites a graph of operators into stages. Two
operators are met in no file, only between two passes: a `Convolution` with a pool, and a `Copy`.
Those of single values are in `hwsim/graph/pointwise.py`, most of the host's in
`hwsim/graph/host_operators.py`. An operator of a quantized file carries the file's constants.
"""

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from hwsim.graph.file_constants import ConstantOperand, QuantizedWeights
from hwsim.graph.sources import NO_PADDING, Padding
from hwsim.graph.spatial_pool import SpatialPool
from hwsim.graph.tensors import Shape


class Activation(Enum):
    """The function of each value that follows another operator, as a part of that."""

    LINEAR = "linear"
    LEAKY = "leaky"
    RELU = "relu"
    RELU6 = "relu6"
    RELU_N1_TO_1 = "relu -1 to 1"

    @property
    def leaky_slope(self) -> float | None:
        """The factor of values below 0; None where they stay as they are."""
        return {Activation.LINEAR: None, Activation.LEAKY: 0.1, Activation.RELU: 0.0}[self]

    @property
    def limits(self) -> tuple[float, float]:
        """The real values to which a quantized file clamps."""
        return {
            Activation.RELU: (0.0, math.inf),
            Activation.RELU6: (0.0, 6.0),
            Activation.RELU_N1_TO_1: (-1.0, 1.0),
        }.get(self, (-math.inf, math.inf))


class Axis(Enum):
    """An axis of a map, in the order of a file that stores channels last."""

    ROWS = "rows"
    COLUMNS = "columns"
    CHANNELS = "channels"


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator, which reads and leaves tensors by their names.

    `place` says where its file has it, for example "line 25". A pass that makes new operators
    notes in `origins` the names of those of the file that they compute.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    place: str = ""
    origins: tuple[str, ...] = ()

    KIND: ClassVar[str]
    IS_ADDRESS: ClassVar[bool] = False  # it moves values and computes none
    IS_ON_HOST: ClassVar[bool] = False
    KEEPS_QUANTIZATION: ClassVar[bool] = False  # it leaves the scale and zero point that it reads

    @property
    def computes(self) -> tuple[str, ...]:
        """The names of the file's operators that this one computes."""
        return self.origins or (self.name,)


@dataclass(frozen=True, kw_only=True)
class Convolution(Operator):
    """Convolution, batch normalisation if `is_normalised`, bias, activation.

    `spatial_pool` is the maximum pool that a pass has fused into it, and so is the maximum of every
    `channel_pool` filters. `constants` is None where another file has the weights.
    """

    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    groups: int = 1
    is_normalised: bool = False
    activation: Activation = Activation.LINEAR
    spatial_pool: SpatialPool = SpatialPool.NONE
    channel_pool: int = 1
    constants: QuantizedWeights | None = field(default=None, repr=False)

    KIND: ClassVar[str] = "convolution"


@dataclass(frozen=True, kw_only=True)
class FullyConnected(Operator):
    """A convolution whose kernel is the whole map, so that it leaves one pixel.

    `channel_pool` is as for convolutions.
    """

    filters: int
    activation: Activation = Activation.LINEAR
    channel_pool: int = 1
    constants: QuantizedWeights = field(repr=False)

    KIND: ClassVar[str] = "fully connected"


@dataclass(frozen=True, kw_only=True)
class Pool(Operator):
    """One value for each window of each channel; padding is part of no window."""

    window: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding = NO_PADDING
    activation: Activation = Activation.LINEAR


@dataclass(frozen=True, kw_only=True)
class MaxPool(Pool):
    """The maximum of every window."""

    KIND: ClassVar[str] = "max pool"
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class AveragePool(Pool):
    """The mean of every window, which is as small as the part of it inside the map."""

    KIND: ClassVar[str] = "average pool"
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class ScaledAveragePool(AveragePool):
    """An average pool that leaves steps of its own, as ONNX has it."""

    KEEPS_QUANTIZATION: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class Mean(Operator):
    """The mean over whole axes, each of which is one value long behind it."""

    axes: frozenset[Axis]

    KIND: ClassVar[str] = "mean"


@dataclass(frozen=True, kw_only=True)
class Arithmetic(Operator):
    """Two operands, value by value; an axis of length 1 is repeated.

    An operand that the file has as a constant is `constant` instead of an input;
    `is_constant_first` tells where it stands.
    """

    activation: Activation = Activation.LINEAR
    constant: ConstantOperand | None = None
    is_constant_first: bool = False


@dataclass(frozen=True, kw_only=True)
class Add(Arithmetic):
    """The sum of two operands."""

    KIND: ClassVar[str] = "add"


@dataclass(frozen=True, kw_only=True)
class Subtract(Arithmetic):
    """The first operand less the second."""

    KIND: ClassVar[str] = "subtract"


@dataclass(frozen=True, kw_only=True)
class Multiply(Arithmetic):
    """The product of two operands."""

    KIND: ClassVar[str] = "multiply"


@dataclass(frozen=True, kw_only=True)
class Maximum(Arithmetic):
    """The larger one of two operands."""

    KIND: ClassVar[str] = "maximum"
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Concat(Operator):
    """Its inputs one after the other along an axis; an input may stand twice."""

    axis: Axis = Axis.CHANNELS

    KIND: ClassVar[str] = "concat"
    IS_ADDRESS: ClassVar[bool] = True
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Pad(Operator):
    """A frame of zeros around a map, and channels of zeros before and behind its own."""

    padding: Padding = NO_PADDING
    channels: tuple[int, int] = (0, 0)

    KIND: ClassVar[str] = "pad"
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Reshape(Operator):
    """The same values in the same order, row by row, column by column, channel by channel."""

    shape: Shape

    KIND: ClassVar[str] = "reshape"
    IS_ADDRESS: ClassVar[bool] = True
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class SpaceToDepth(Operator):
    """The `block` x `block` pixels of a square one after the other in the channels of one pixel."""

    block: int

    KIND: ClassVar[str] = "space to depth"
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class DepthToSpace(Operator):
    """The channels of one pixel as a square of `block` x `block` pixels."""

    block: int

    KIND: ClassVar[str] = "depth to space"
    IS_ADDRESS: ClassVar[bool] = True
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Shuffle(Operator):
    """The channels of its input in another order, each of them once."""

    order: tuple[int, ...]

    KIND: ClassVar[str] = "shuffle"
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Slice(Operator):
    """The channels of its input from `first_channel` on."""

    first_channel: int
    channels: int

    KIND: ClassVar[str] = "slice"
    IS_ADDRESS: ClassVar[bool] = True
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Upsample(Operator):
    """Every pixel twice in each row, and every row twice."""

    KIND: ClassVar[str] = "upsample"
    IS_ADDRESS: ClassVar[bool] = True
    KEEPS_QUANTIZATION: ClassVar[bool] = True
    TIMES: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class Copy(Operator):
    """Its input as a tensor of its own, pooled."""

    spatial_pool: SpatialPool = SpatialPool.NONE

    KIND: ClassVar[str] = "copy"
    KEEPS_QUANTIZATION: ClassVar[bool] = True

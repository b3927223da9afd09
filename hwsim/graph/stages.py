"""The quantized network: what every witness computes, with no word of tiles, buffers or buses.

A `Graph` is a chain of fused stages. Each stage is, in this order,

    convolution -> bias -> rescale + leaky -> channel pool -> spatial pool

Axes are always named: activations `x[C, H, W]`, weights `w[K, C, R, S]`, convolution output
`[K, P, Q]`. A graph without constants has only shapes: enough to price it, not to execute it.

No stage and no graph exists that breaks a rule of `hwsim/graph/check.py`: whoever makes one, by
whatever way, gets an `InputError` with one line.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwsim.graph.check import check_graph, check_stage
from hwsim.graph.infer import convolved_shape
from hwsim.graph.tensors import Shape, SpatialPool, Tensor


@dataclass(frozen=True, eq=False)
class Constants:
    """The integers that define one stage. See `docs/numerics.md`.

    weights              int8  [K, C / groups, R, S], within the stage's `weight_bits`
    bias                 int32 [K], without the input's zero point, which the compiler folds in
    multiplier           int32 [K], >= 0, applied where accumulator + bias >= 0
    negative_multiplier  int32 [K], >= 0, applied where it is < 0 (equal to `multiplier` if linear)
    shift                int32 [K], 2 to 62
    """

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    multiplier: NDArray[np.int32]
    negative_multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]


@dataclass(frozen=True)
class Stage:
    """One fused stage.

    `filters` is K, the convolution's output channels; `output` stores K / `channel_pool` of them.
    `groups` is 1 (dense) or the number of channels and of filters (depthwise: each filter sees its
    own channel only). `is_reduction` marks a baseline's second pass, which only reads maps back to
    condense them: its products are no MACs of the network.

    Raises `InputError` for what breaks a rule of `hwsim/graph/check.py`.
    """

    name: str
    input: Tensor
    output: Tensor
    filters: int
    kernel: tuple[int, int]
    padding: int
    leaky_slope: float | None
    channel_pool: int = 1
    spatial_pool: SpatialPool = SpatialPool.NONE
    groups: int = 1
    weight_bits: int = 8
    constants: Constants | None = None
    is_reduction: bool = False

    def __post_init__(self) -> None:
        check_stage(self)

    @cached_property
    def convolution_shape(self) -> Shape:
        """K x P x Q: what the convolution computes, before either pool."""
        return convolved_shape(self.input.shape, self.filters, self.kernel, self.padding)

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def weights_shape(self) -> tuple[int, int, int, int]:
        """[K, C / groups, R, S]."""
        return (self.filters, self.input.shape.channels // self.groups, *self.kernel)

    @property
    def weight_count(self) -> int:
        return math.prod(self.weights_shape)

    @property
    def macs(self) -> int:
        """Useful multiply-accumulates of one frame; none in a reduction."""
        shape = self.convolution_shape
        return 0 if self.is_reduction else shape.height * shape.width * self.weight_count

    @property
    def is_condensed(self) -> bool:
        """True where k filters are condensed into a stored channel before anything is written."""
        return self.channel_pool > 1 and not self.is_reduction


@dataclass(frozen=True)
class Graph:
    """A chain: every stage reads what the one before it stores.

    Raises `InputError` for what breaks a rule of `hwsim/graph/check.py`.
    """

    name: str
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        check_graph(self)

    @property
    def input(self) -> Tensor:
        return self.stages[0].input

    @property
    def output(self) -> Tensor:
        return self.stages[-1].output

    @cached_property
    def macs(self) -> int:
        """Useful multiply-accumulates of one frame."""
        return sum(stage.macs for stage in self.stages)

    @property
    def is_condensed(self) -> bool:
        """True if some stage's maps are virtual."""
        return any(stage.is_condensed for stage in self.stages)

    @property
    def is_quantized(self) -> bool:
        return self.stages[0].constants is not None

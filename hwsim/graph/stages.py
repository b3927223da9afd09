"""The quantized network: what every witness computes, with no word of tiles, buffers or buses.

A `Graph` is made of stages, each of which the accelerator computes in one go. A stage is

    sum of convolutions -> bias -> rescale + leaky -> clamp -> table -> pools

in this order, with one convolution for each of its sources. Under a spatial pool no step decreases
with the sum, so that the hardware may pool the sums instead. Axes are always named: activations
`x[C, H, W]`, weights `w[K, C, R, S]`, convolution output `[K, P, Q]`. A graph without constants has
only shapes: enough to price it, not to execute it.

No stage and no graph exists that breaks a rule of `hwsim/graph/check.py` or of
`hwsim/graph/check_graph.py`: whoever makes one, by whatever way, gets an `InputError` with one
line.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.fixed_point import Rounding
from hwsim.graph.check import ACTIVATION_RANGE, check_convolution, check_stage
from hwsim.graph.check_graph import check_graph
from hwsim.graph.infer import convolved_shape, stored_shape
from hwsim.graph.short_repr import short_repr
from hwsim.graph.sources import Source
from hwsim.graph.spatial_pool import SpatialPool
from hwsim.graph.tensors import Shape, Tensor

if TYPE_CHECKING:
    from hwsim.graph.operator_graph import OperatorGraph


@dataclass(frozen=True, eq=False)
class Constants:
    """The integers that define one stage. See `docs/numerics.md`.

    weights              int8  [K, C / groups, R, S] of each source, within `weight_bits`;
                         int16 where the stage's weights have two limbs
    bias                 int32 [K], without the sources' zero points, which the compiler folds in
    multiplier           int32 [K], >= 0, applied where accumulator + bias >= 0
    negative_multiplier  int32 [K], applied where it is < 0 (equal to `multiplier` if linear)
    shift                int32 [K], 2 to 62
    negative_shift       int32 [K], that of `negative_multiplier`; None if it is `shift` everywhere
    """

    weights: tuple[NDArray[np.int8] | NDArray[np.int16], ...]
    bias: NDArray[np.int32]
    multiplier: NDArray[np.int32]
    negative_multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]
    negative_shift: NDArray[np.int32] | None = None

    @property
    def shift_below_0(self) -> NDArray[np.int32]:
        """The shift of `negative_multiplier`."""
        return self.shift if self.negative_shift is None else self.negative_shift


@dataclass(frozen=True)
class Stage:
    """One stored tensor, which the accelerator computes in one go from one or several sources.

    `filters` is K, the output channels of every source's convolution; `output` stores
    K / `channel_pool` of them. `is_reduction` marks a stage that only reads stored maps, to
    condense, pool, copy, scale or add them: its products are no MACs of the network. Where it has
    no constants, its weights are 1 or 0, and if it reads one tensor, quantization keeps the scale
    and the zero point of that.

    With `weight_limbs` 2, weights are too wide for `weight_bits` and are read in two parts of so
    many bits, each a signed integer: `high * 2**weight_bits + low`. It doubles the array's work.
    `offset` is added behind the rescale; it is the output's zero point unless it is given.
    `clamp` is the least and the largest value that leaves the rescale, where these are not those of
    int8. `table` has the value that is stored in place of each, from -128 to 127. Under a pool
    it must not fall anywhere, as the pool is taken before it.

    Raises `InputError` for what breaks a rule of `hwsim/graph/check.py`.
    """

    name: str
    sources: tuple[Source, ...]
    output: Tensor
    filters: int
    leaky_slope: float | None
    channel_pool: int = 1
    spatial_pool: SpatialPool = SpatialPool.NONE
    weight_bits: int = 8
    constants: Constants | None = field(default=None, repr=False)
    is_reduction: bool = False
    rounding: Rounding = Rounding.ONCE
    weight_limbs: int = 1
    offset: int | None = None
    clamp: tuple[int, int] | None = None
    table: tuple[int, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_stage(self)

    @classmethod
    def inferred(
        cls,
        name: str,
        sources: Sequence[Source],
        output: str,
        filters: int,
        leaky_slope: float | None = None,
        channel_pool: int = 1,
        spatial_pool: SpatialPool = SpatialPool.NONE,
        weight_bits: int = 8,
    ) -> "Stage":
        """Return a stage that stores a tensor named `output`, of the shape that follows."""
        check_convolution(name, sources, filters, channel_pool, spatial_pool)
        shape = stored_shape(sources[0], filters, channel_pool, spatial_pool)
        return cls(
            name,
            tuple(sources),
            Tensor(output, shape),
            filters,
            leaky_slope,
            channel_pool,
            spatial_pool,
            weight_bits,
        )

    @cached_property
    def convolution_shape(self) -> Shape:
        """K x P x Q: what the convolution of each source computes, before either pool."""
        return convolved_shape(self.sources[0], self.filters)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that the stage reads, each once."""
        return tuple({source.tensor.name: source.tensor for source in self.sources}.values())

    @property
    def added_offset(self) -> int:
        """The integer that is added behind the rescale."""
        return self.output.zero_point if self.offset is None else self.offset

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest value that leaves the rescale."""
        return ACTIVATION_RANGE if self.clamp is None else self.clamp

    @property
    def padding_value(self) -> int:
        """The value that a sum of 0 is stored as where its offset is 0, as in a padding lane."""
        low, high = self.limits
        value = min(max(0, low), high)
        return value if self.table is None else self.table[value - ACTIVATION_RANGE[0]]

    @property
    def weights_shapes(self) -> tuple[tuple[int, int, int, int], ...]:
        """[K, C / groups, R, S] of each source."""
        return tuple(source.weights_shape(self.filters) for source in self.sources)

    @property
    def weight_count(self) -> int:
        """The weights of the network's own kernels."""
        shapes = (source.outer.weights_shape(self.filters) for source in self.sources)
        return sum(map(math.prod, shapes))

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
    """Stages in the order in which they are computed, with what they read and leave.

    A stage reads inputs and outputs of stages before it; any number of stages may read a tensor.
    `origin` is the network of the file that the stages were made of. It is no part of the graph's
    content: comparisons, files and hashes leave it out.

    Raises `InputError` for what breaks a rule of `hwsim/graph/check_graph.py`.
    """

    name: str
    inputs: tuple[Tensor, ...]
    stages: tuple[Stage, ...]
    outputs: tuple[Tensor, ...]
    origin: "OperatorGraph | None" = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_graph(self)

    def __repr__(self) -> str:
        inputs, outputs = (
            {tensor.name: str(tensor.shape) for tensor in ends}
            for ends in (self.inputs, self.outputs)
        )
        return short_repr(self, self.name, inputs, outputs, f"{len(self.stages)} stages")

    @classmethod
    def chain(cls, name: str, stages: Sequence[Stage]) -> "Graph":
        """Return the graph that takes the first stage's tensor and leaves the last one's output."""
        inputs = tuple(source.tensor for stage in stages[:1] for source in stage.sources[:1])
        return cls(name, inputs, tuple(stages), tuple(stage.output for stage in stages[-1:]))

    @property
    def is_chain(self) -> bool:
        """True if every stage has one source, which is of the tensor before it."""
        read = tuple(stage.sources[0].tensor for stage in self.stages if len(stage.sources) == 1)
        return read == self.tensors[:-1] and self.outputs == self.tensors[-1:]

    @property
    def only_input(self) -> Tensor:
        """The input of a graph that has one. Raises `InputError` for a graph of several."""
        return self._only("inputs", self.inputs)

    @property
    def only_output(self) -> Tensor:
        """The output of a graph that has one. Raises `InputError` for a graph of several."""
        return self._only("outputs", self.outputs)

    def _only(self, name: str, tensors: tuple[Tensor, ...]) -> Tensor:
        if len(tensors) > 1:
            raise InputError(
                f"graph {self.name}: {len(tensors)} {name}: only one is supported here"
            )
        return tensors[0]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor that lies in memory at some time: the inputs, then each stage's output."""
        return (*self.inputs, *(stage.output for stage in self.stages))

    def with_tensors(self, tensors: Iterable[Tensor]) -> "Graph":
        """Return the graph with these tensors in the place of those that have their names."""
        new = {tensor.name: tensor for tensor in tensors}

        def renewed(tensor: Tensor) -> Tensor:
            return new.get(tensor.name, tensor)

        stages = tuple(
            replace(
                stage,
                sources=tuple(
                    replace(source, tensor=renewed(source.tensor)) for source in stage.sources
                ),
                output=renewed(stage.output),
            )
            for stage in self.stages
        )
        inputs, outputs = (tuple(map(renewed, ends)) for ends in (self.inputs, self.outputs))
        return Graph(self.name, inputs, stages, outputs, self.origin)

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

"""The operators of a network as its file has them, typed, with named tensors between them.

They say what is computed, not how: `hwsim/passes/` rewrites a graph of operators into stages. Two
operators are met in no file, only between two passes: a `Convolution` with a pool, and a `Copy`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from hwsim.graph.sources import NO_PADDING, Padding
from hwsim.graph.tensors import SpatialPool


class Activation(Enum):
    """The function of each value that follows a convolution."""

    LINEAR = "linear"
    LEAKY = "leaky"
    RELU = "relu"

    @property
    def leaky_slope(self) -> float | None:
        """The factor of values below 0; None where they stay as they are."""
        return {Activation.LINEAR: None, Activation.LEAKY: 0.1, Activation.RELU: 0.0}[self]


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

    @property
    def computes(self) -> tuple[str, ...]:
        """The names of the file's operators that this one computes."""
        return self.origins or (self.name,)


@dataclass(frozen=True, kw_only=True)
class Convolution(Operator):
    """Convolution, batch normalisation if `is_normalised`, bias, activation.

    `spatial_pool` is the maximum pool that a pass has fused into it.
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

    KIND: ClassVar[str] = "convolution"


@dataclass(frozen=True, kw_only=True)
class MaxPool(Operator):
    """The maximum over windows of `size` x `size`, with darknet's padding: see `SpatialPool`."""

    size: int
    stride: int

    KIND: ClassVar[str] = "max pool"

    @property
    def spatial_pool(self) -> SpatialPool:
        return SpatialPool.STRIDE_1 if self.stride == 1 else SpatialPool.STRIDE_2


@dataclass(frozen=True, kw_only=True)
class Concat(Operator):
    """The channels of its inputs one after the other; an input may stand twice."""

    KIND: ClassVar[str] = "concat"
    IS_ADDRESS: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Slice(Operator):
    """The channels of its input from `first_channel` on."""

    first_channel: int
    channels: int

    KIND: ClassVar[str] = "slice"
    IS_ADDRESS: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Upsample(Operator):
    """Every pixel twice in each row, and every row twice."""

    KIND: ClassVar[str] = "upsample"
    IS_ADDRESS: ClassVar[bool] = True
    TIMES: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class Copy(Operator):
    """Its input as a tensor of its own, pooled."""

    spatial_pool: SpatialPool = SpatialPool.NONE

    KIND: ClassVar[str] = "copy"


@dataclass(frozen=True, kw_only=True)
class DetectionHead(Operator):
    """Boxes and classes from a map with `boxes` x (4 + 1 + `classes`) channels, by the host.

    Anchors are pairs of width and height, those of the boxes of this head.
    """

    boxes: int
    classes: int
    anchors: tuple[tuple[float, float], ...]

    IS_ON_HOST: ClassVar[bool] = True
    COORDINATES: ClassVar[int] = 4

    @property
    def channels(self) -> int:
        """The channels that its input must have; one of each box says how sure it is."""
        return self.boxes * (self.COORDINATES + 1 + self.classes)


@dataclass(frozen=True, kw_only=True)
class Region(DetectionHead):
    """The head of YOLOv2, with anchors in cells of the map."""

    has_softmax: bool = False

    KIND: ClassVar[str] = "region"


@dataclass(frozen=True, kw_only=True)
class Yolo(DetectionHead):
    """The head of YOLOv3 and YOLOv4, with anchors in pixels of the image."""

    scale_x_y: float = 1.0

    KIND: ClassVar[str] = "yolo"

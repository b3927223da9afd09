"""Operators that the accelerator leaves to the host."""

from dataclasses import dataclass
from typing import ClassVar

from hwsim.graph.file_constants import Anchors, QuantizedWeights
from hwsim.graph.operators import Activation, Operator
from hwsim.graph.sources import NO_PADDING, Padding


@dataclass(frozen=True, kw_only=True)
class Softmax(Operator):
    """exp(beta x) of every channel over the sum of all channels of the pixel."""

    beta: float

    KIND: ClassVar[str] = "softmax"
    IS_ON_HOST: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class ScaledSoftmax(Softmax):
    """A softmax that leaves steps of its own, or real values, as ONNX has it."""


@dataclass(frozen=True, kw_only=True)
class Resize(Operator):
    """A map of another size, `height` x `width`."""

    height: int
    width: int
    align_corners: bool = False
    half_pixel_centers: bool = False

    IS_ON_HOST: ClassVar[bool] = True
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class ResizeNearest(Resize):
    """Each pixel is the nearest one; twice the size is an `Upsample` where that is the same."""

    KIND: ClassVar[str] = "resize nearest"


@dataclass(frozen=True, kw_only=True)
class ResizeBilinear(Resize):
    """Each pixel is interpolated between the four around it."""

    KIND: ClassVar[str] = "resize bilinear"


@dataclass(frozen=True, kw_only=True)
class TransposeConvolution(Operator):
    """Every input pixel adds its multiple of the kernel to the output, `stride` apart.

    `padding` is what is cut off the sum's top and left; the output is `height` x `width`.
    """

    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    height: int
    width: int
    padding: Padding = NO_PADDING
    activation: Activation = Activation.LINEAR
    constants: QuantizedWeights

    KIND: ClassVar[str] = "transpose convolution"
    IS_ON_HOST: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class DetectionPostProcess(Operator):
    """The best boxes of an SSD, of those that cover each other much only the best one.

    It reads the encodings of boxes and the scores of their classes. It leaves boxes, classes,
    scores and how many detections there are: four outputs of the network. `scales` are those of y,
    x, height and width. A detection keeps the best `max_classes_per_detection` of its classes;
    with `is_regular` a box is told for each class that it is good for, at most
    `detections_per_class` each.
    """

    classes: int
    max_detections: int
    max_classes_per_detection: int
    detections_per_class: int
    is_regular: bool
    score_threshold: float
    overlap_threshold: float
    scales: tuple[float, float, float, float]
    anchors: Anchors

    KIND: ClassVar[str] = "detection post-processing"
    IS_ON_HOST: ClassVar[bool] = True
    OUTPUTS: ClassVar[int] = 4
    COORDINATES: ClassVar[int] = 4

    @property
    def places(self) -> int:
        """The detections that its outputs have places for."""
        return self.max_detections * self.max_classes_per_detection


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

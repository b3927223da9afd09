"""Makes detection post-processing of TFLite's custom operator, under the names of its options."""

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.frontends.tflite_call import Call, scale_of
from hwsim.frontends.tflite_custom import integer, real, truth
from hwsim.graph.file_constants import Anchors
from hwsim.graph.file_tensors import Element
from hwsim.graph.host_operators import DetectionPostProcess
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import Operator

BOXES, SCORES, ANCHORS = range(3)  # its inputs
DETECTIONS_PER_CLASS = 100  # where a file does not say
COORDINATES = ("y", "x", "h", "w")


def detection_post_process(call: Call) -> list[Operator]:
    """Return the one operator, with the anchors as real values."""
    count = len(call.operator.inputs)
    if count != 3:
        raise InputError(f"it reads {count} tensors: must be boxes, scores and anchors")
    for place, rank in ((BOXES, 3), (SCORES, 3), (ANCHORS, 2)):
        if len(call.input(place).dims) != rank:
            raise InputError(
                f"input {place} of {list(call.input(place).dims)}: must have {rank} axes"
            )
    for place in (BOXES, SCORES):
        _check_element(call.read(place).element, place, call.kernels)
    options = call.operator.options or {}
    is_regular = truth(options, "use_regular_nms", False)
    most_classes = integer(options, "max_classes_per_detection")
    if call.kernels is Kernels.TFLM and not is_regular and most_classes > 1:
        raise InputError(
            f"option max_classes_per_detection = {most_classes}: without regular NMS, TFLM leaves "
            "its outputs above 1, --kernels litert does not"
        )
    scales = [_float32(real(options, f"{name}_scale")) for name in COORDINATES]
    return [
        DetectionPostProcess(
            classes=integer(options, "num_classes"),
            max_detections=integer(options, "max_detections"),
            max_classes_per_detection=most_classes,
            detections_per_class=integer(options, "detections_per_class", DETECTIONS_PER_CLASS),
            is_regular=is_regular,
            score_threshold=_float32(real(options, "nms_score_threshold")),
            overlap_threshold=_float32(real(options, "nms_iou_threshold")),
            scales=(scales[0], scales[1], scales[2], scales[3]),
            anchors=Anchors(_anchors(call)),
            **call.ends_of_all((BOXES, SCORES), DetectionPostProcess.OUTPUTS),
        )
    ]


def _check_element(element: Element, place: int, kernels: Kernels) -> None:
    """Refuse what the runtimes' kernels do not read."""
    if element is Element.INT8:
        raise InputError(f"input {place} of int8: no runtime computes it, in float32 they do")
    if element is Element.UINT8 and kernels is Kernels.TFLM:
        raise InputError("TFLM does not compute it in uint8, --kernels litert does")


def _anchors(call: Call) -> NDArray[np.float32]:
    """Return the anchors, which are of the type of the encodings of boxes."""
    kind = call.input(BOXES).type
    values = call.values(ANCHORS, (kind,))
    if kind == "float32":
        return values.astype(np.float32)
    own = scale_of(call.input(ANCHORS))
    return (values.astype(np.float32) - np.float32(own.zero_point)) * np.float32(own.scale)


def _float32(value: float) -> float:
    """Return a number as the kernel has it; one that is too large is infinite."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))

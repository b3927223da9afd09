"""The rules of detection post-processing."""

from collections.abc import Iterator, Sequence

import numpy as np

from hwsim.errors import shown
from hwsim.graph.file_constants import Anchors
from hwsim.graph.host_operators import DetectionPostProcess
from hwsim.graph.rules import is_a, is_integer, is_real
from hwsim.graph.tensors import Shape

MOST_CLASSES = 10_000
MOST_DETECTIONS = 1 << 15
MOST_COMPARISONS = 1 << 29  # of boxes, for one frame
LEAST_COUNTED = 256  # boxes: a comparison of few costs as much as one of so many


def broken_detections(operator: DetectionPostProcess, inputs: Sequence[Shape]) -> Iterator[str]:
    """Yield the rules that an operator breaks by itself or by the shapes that it reads."""
    yield from _broken_options(operator)
    yield from _broken_anchors(operator.anchors)
    for what, count, wanted in (
        ("reads", len(inputs), 2),
        ("leaves", len(operator.outputs), operator.OUTPUTS),
    ):
        if count != wanted:
            yield f"{what} {count} tensors: it must be {wanted}"
    boxes, predictions = inputs
    if boxes.channels < operator.COORDINATES or boxes.height != 1:
        yield f"encodings of {boxes}: each box must have at least {operator.COORDINATES} numbers"
    count = len(operator.anchors.values)
    if boxes.width != count or (predictions.height, predictions.width) != (1, count):
        yield (
            f"{boxes.width} encodings and {predictions.height * predictions.width} scores for "
            f"{count} anchors: one of each"
        )
    if predictions.channels - operator.classes not in (0, 1):
        yield (
            f"{predictions.channels} scores of a box for num_classes {operator.classes}: must be "
            "one of each, and perhaps one of the background before them"
        )
    comparisons = _comparisons(operator, count)
    if comparisons > MOST_COMPARISONS:
        yield f"compares up to {comparisons:,} pairs of boxes: at most {MOST_COMPARISONS:,}"


def _comparisons(operator: DetectionPostProcess, boxes: int) -> int:
    found = operator.max_detections
    if operator.is_regular:
        found = operator.classes * (found + min(operator.detections_per_class, boxes))
    return found * max(boxes, LEAST_COUNTED)


def _broken_options(operator: DetectionPostProcess) -> Iterator[str]:
    for name, value, most in (
        ("num_classes", operator.classes, MOST_CLASSES),
        ("max_detections", operator.max_detections, MOST_DETECTIONS),
        ("max_classes_per_detection", operator.max_classes_per_detection, MOST_DETECTIONS),
        ("detections_per_class", operator.detections_per_class, MOST_DETECTIONS),
    ):
        if not is_integer(value, 1, most):
            yield f"{name} = {shown(value)} must be an integer from 1 to {most}"
    if operator.places > MOST_DETECTIONS:
        yield (
            f"max_detections {operator.max_detections} of max_classes_per_detection "
            f"{operator.max_classes_per_detection}: at most {MOST_DETECTIONS} together"
        )
    if not is_a(bool, operator.is_regular):
        yield f"use_regular_nms = {shown(operator.is_regular)} must be true or false"
    if not is_real(operator.score_threshold):
        yield f"nms_score_threshold = {shown(operator.score_threshold)} must be a finite number"
    threshold = operator.overlap_threshold
    if not is_real(threshold) or not 0 < threshold <= 1:
        yield f"nms_iou_threshold = {shown(threshold)} must be a number above 0, at most 1"
    for name, scale in zip(("y", "x", "h", "w"), operator.scales, strict=True):
        if not is_real(scale) or scale <= 0:
            yield f"{name}_scale = {shown(scale)} must be a finite number above 0"


def _broken_anchors(anchors: Anchors) -> Iterator[str]:
    if not is_a(Anchors, anchors):
        yield f"anchors = {shown(anchors)} must be Anchors"
    values = anchors.values
    if values.dtype != np.float32 or values.ndim != 2 or values.shape[1] != 4 or not values.size:
        yield f"anchors must be float32 [N, 4], not {values.dtype} {list(values.shape)}"
    broken = ~np.isfinite(values)
    broken[:, 2:] |= values[:, 2:] < 0
    if broken.any():
        row, column = divmod(int(broken.argmax()), 4)
        yield (
            f"anchor {row} has {shown(float(values[row, column]))}: must be finite numbers, and "
            "height and width not below 0"
        )

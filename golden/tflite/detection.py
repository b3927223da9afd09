"""The boxes that detection post-processing keeps, in the float32 of its kernel."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.golden.tflite.partial_sort import partially_sorted
from hwsim.graph import Quantization, Tensor
from hwsim.graph.file_tensors import Element
from hwsim.graph.host_operators import DetectionPostProcess
from hwsim.graph.kernels import Kernels

Map = NDArray[Any]  # x[C, H, W]: int8, or float32 for real values
Reals = NDArray[np.float32]
Found = tuple[list[tuple[int, int, int]], int]  # places, boxes and classes; how many are told
COORDINATES = 4
LANES = 8


def detections(
    operator: DetectionPostProcess, maps: Sequence[Map], read: Sequence[Tensor], kernels: Kernels
) -> tuple[Map, ...]:
    """Return the maps of boxes, classes and scores, and of how many detections there are.

    What the kernel leaves unwritten behind the last detection is 0 here.
    """
    encodings = _encodings(maps[0], read[0])
    predictions = _predictions(maps[1], read[1])
    scores = predictions[:, predictions.shape[1] - operator.classes :]
    boxes = decoded(operator, encodings)
    if np.isnan(predictions).any() or np.isnan(boxes).any():
        raise InputError("a box or a score is no number: no detections follow from it")
    if kernels is Kernels.TFLM and (boxes[:, :2] >= boxes[:, 2:]).any():
        raise InputError("a box is empty: TFLM refuses it, --kernels litert does not")
    find = regular if operator.is_regular else fast
    found, count = find(operator, boxes, scores)
    left = np.zeros((operator.places, COORDINATES + 2), np.float32)
    for place, box, kind in found:
        left[place] = (*boxes[box], kind, scores[box, kind])
    corners = left[:, :COORDINATES].T.reshape(COORDINATES, 1, -1)
    classes, ranked = (left[:, column].reshape(-1, 1, 1) for column in (COORDINATES, -1))
    return corners.copy(), classes.copy(), ranked.copy(), np.full((1, 1, 1), count, np.float32)


def _rows(x: Map) -> Map:
    """Return a row of values for each box."""
    return x.transpose(1, 2, 0).reshape(-1, x.shape[0])


def _encodings(x: Map, tensor: Tensor) -> Reals:
    """Return the numbers of every box as real values, of which the kernel reads the first four."""
    rows = _rows(x)[:, :COORDINATES]
    if tensor.quantization is None:
        return rows
    return _dequantized(rows, tensor.quantization)


def _dequantized(values: Map, of: Quantization) -> Reals:
    return (values.astype(np.float32) - np.float32(of.zero_point)) * np.float32(of.scale)


def _predictions(x: Map, tensor: Tensor) -> Reals:
    """Return the scores of every box as real values.

    The kernel takes eight uint8 values at a time, whose product and sum are rounded each; those
    behind the last eight are rounded once.
    """
    rows, of = _rows(x), tensor.quantization
    if of is None:
        return rows
    values, offset = rows.reshape(-1), Element.UINT8.offset
    taken = values.size // LANES * LANES
    by_eight = (values[:taken].astype(np.int16) + offset).astype(np.float32) * np.float32(of.scale)
    by_eight += np.float32(-(of.zero_point + offset) * of.scale)
    alone = _dequantized(values[taken:], of)
    return np.concatenate([by_eight, alone]).reshape(rows.shape)


def largest_first(values: Reals, count: int) -> list[int]:
    """Return the places of the `count` largest values; of equals the first comes first."""
    places: list[int] = np.argsort(-values, kind="stable")[:count].tolist()
    return places


def decoded(operator: DetectionPostProcess, encodings: Reals) -> Reals:
    """Return ymin, xmin, ymax and xmax of every box: in 64 bits, then each rounded to float32."""
    scaled = encodings.astype(np.float64) / np.array(operator.scales, np.float64)
    anchors = operator.anchors.values.astype(np.float64)
    exponentials = np.reshape([_exp(x) for x in scaled[:, 2:].flat], (-1, 2))
    with np.errstate(all="ignore"):
        centres = (scaled[:, :2] * anchors[:, 2:] + anchors[:, :2]).astype(np.float32)
        halves = (0.5 * exponentials * anchors[:, 2:]).astype(np.float32)
        return np.hstack([centres - halves, centres + halves])


def _exp(x: float) -> float:
    try:
        return math.exp(x)  # of the system, as the kernel's; numpy has one of its own
    except OverflowError:
        return math.inf


def fast(operator: DetectionPostProcess, boxes: Reals, scores: Reals) -> Found:
    """Return the boxes by their best class, each with its best classes."""
    kinds = min(operator.max_classes_per_detection, operator.classes)
    kept = suppressed(operator, boxes, scores.max(1), operator.max_detections)
    found = [
        (operator.max_classes_per_detection * number + column, box, kind)
        for number, box in enumerate(kept)
        for column, kind in enumerate(_best_classes(scores[box], kinds))
    ]
    return found, len(kept)


def _best_classes(scores: Reals, count: int) -> list[int]:
    if count == 1:
        return largest_first(scores, 1)
    return partially_sorted(scores.tolist(), count)


def regular(operator: DetectionPostProcess, boxes: Reals, scores: Reals) -> Found:
    """Return the best boxes of all classes, of which each suppresses its own alone."""
    best: list[tuple[int, int]] = []
    for kind in range(operator.classes):
        kept = suppressed(operator, boxes, scores[:, kind], operator.detections_per_class)
        best += [(box, kind) for box in kept]
        values = np.array([scores[each] for each in best], np.float32)
        best = [best[place] for place in largest_first(values, operator.max_detections)]
    return [(place, *each) for place, each in enumerate(best)], len(best)


def suppressed(operator: DetectionPostProcess, boxes: Reals, scores: Reals, most: int) -> list[int]:
    """Return the boxes of high scores of which no better one covers too much, the best first."""
    candidates = np.flatnonzero(scores >= np.float32(operator.score_threshold))
    candidates = candidates[largest_first(scores[candidates], len(candidates))]
    kept: list[int] = []
    while len(candidates) and len(kept) < most:
        first, others = int(candidates[0]), candidates[1:]
        kept.append(first)
        covered = overlap(boxes[first], boxes[others]) > np.float32(operator.overlap_threshold)
        candidates = others[~covered]
    return kept


def overlap(box: Reals, others: Reals) -> Reals:
    """Return the intersection over the union of a box with each of others.

    Two empty boxes leave NaN, which is above no threshold.
    """
    with np.errstate(all="ignore"):
        area, areas = _area(box), _area(others.T)
        low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
        sides = np.maximum(high - low, np.float32(0))
        common: Reals = sides[:, 0] * sides[:, 1]
        found: Reals = common / (area + areas - common)
    return found


def _area(corners: Reals) -> Reals:
    area: Reals = (corners[2] - corners[0]) * (corners[3] - corners[1])
    return area

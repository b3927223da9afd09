"""Average precision of a detector's boxes: the area below precision over recall."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]  # [N, 4]: left, top, right, bottom


def overlaps(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Return the intersection of every box with every other over their union, `[N, M]`."""
    first, last = boxes[:, None], others[None]
    sides = np.minimum(first[..., 2:], last[..., 2:]) - np.maximum(first[..., :2], last[..., :2])
    common = sides.clip(min=0).prod(axis=-1)
    areas = [(each[..., 2:] - each[..., :2]).clip(min=0).prod(axis=-1) for each in (first, last)]
    whole = areas[0] + areas[1] - common
    found: NDArray[np.float64] = np.divide(
        common, whole, out=np.zeros_like(common), where=whole > 0
    )
    return found


def without_doubles(boxes: Boxes, scores: NDArray[np.float64], most: float) -> list[int]:
    """Return the places of boxes, best first, that overlap no better one by more than `most`."""
    kept: list[int] = []
    shared = overlaps(boxes, boxes)
    for place in np.argsort(-scores, kind="stable"):
        if all(shared[place, other] <= most for other in kept):
            kept.append(int(place))
    return kept


def average_precision(
    found: Sequence[tuple[Boxes, NDArray[np.float64]]],
    labelled: Sequence[Boxes],
    least_overlap: float = 0.5,
) -> float:
    """Return the average precision of boxes with scores, image by image, against those labelled.

    A box is right if it overlaps a label by `least_overlap` that no box of a higher score has
    taken. Precision at a recall is the best of this and of any higher recall, as in VOC since 2010.
    """
    scores: list[float] = []
    is_right: list[bool] = []
    for (boxes, own_scores), labels in zip(found, labelled, strict=True):
        shared = overlaps(boxes, labels)
        for place in np.argsort(-own_scores, kind="stable"):
            best = int(shared[place].argmax()) if len(labels) else -1
            right = best >= 0 and bool(shared[place, best] >= least_overlap)
            if right:
                shared[:, best] = -1  # taken
            scores.append(float(own_scores[place]))
            is_right.append(right)
    total = sum(map(len, labelled))
    if not total or not scores:
        return 0.0
    order = np.argsort(-np.array(scores), kind="stable")
    hits = np.cumsum(np.array(is_right)[order])
    precision = hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[np.array(is_right)[order]].sum() / total)

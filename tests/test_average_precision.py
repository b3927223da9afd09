"""The average precision that benchmarks print, against numbers worked out by hand."""

import numpy as np
import pytest

from benchmarks.average_precision import Boxes, average_precision, overlaps, without_doubles

LEFT, RIGHT, FAR = (0, 0, 10, 10), (20, 0, 30, 10), (100, 100, 110, 110)


def boxes(*sides: tuple[float, ...]) -> Boxes:
    return np.array(sides, np.float64).reshape(-1, 4)


def test_overlap_is_intersection_over_union() -> None:
    found = overlaps(boxes(LEFT, FAR), boxes(LEFT, (5, 0, 15, 10), RIGHT))
    np.testing.assert_allclose(found, np.array([[1, 50 / 150, 0], [0, 0, 0]]))
    assert overlaps(boxes((3, 3, 3, 3)), boxes((3, 3, 3, 3)))[0, 0] == 0


def test_doubles_leave_the_best_box() -> None:
    near = (1, 0, 11, 10)
    assert without_doubles(boxes(LEFT, near, RIGHT), np.array([0.5, 0.9, 0.1]), 0.3) == [1, 2]
    assert without_doubles(boxes(LEFT, near), np.array([0.5, 0.9]), 0.9) == [1, 0]


@pytest.mark.parametrize(
    ("found", "scores", "expected"),
    [
        ([LEFT, RIGHT], [0.9, 0.8], 1.0),
        ([LEFT], [0.9], 0.5),
        ([LEFT, FAR, RIGHT], [0.9, 0.8, 0.7], (1 + 2 / 3) / 2),
        ([FAR, LEFT, RIGHT], [0.9, 0.8, 0.7], (2 / 3 + 2 / 3) / 2),  # best of higher recalls
        ([LEFT, LEFT, RIGHT], [0.9, 0.8, 0.7], (1 + 2 / 3) / 2),  # a label is taken once
        ([FAR], [0.9], 0.0),
        ([], [], 0.0),
    ],
)
def test_average_precision_of_one_image(
    found: list[tuple[float, ...]], scores: list[float], expected: float
) -> None:
    labels = [boxes(LEFT, RIGHT)]
    ours = [(boxes(*found), np.array(scores))]
    assert average_precision(ours, labels) == pytest.approx(expected)


def test_scores_of_several_images_are_ordered_together() -> None:
    found = [(boxes(FAR), np.array([0.5])), (boxes(LEFT), np.array([0.9]))]
    labels = [boxes(), boxes(LEFT)]
    assert average_precision(found, labels) == 1
    worse = [(boxes(FAR), np.array([0.95])), found[1]]
    assert average_precision(worse, labels) == 0.5

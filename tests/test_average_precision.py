"""The average precision that benchmarks print, against numbers worked out by hand."""

import numpy as np
import pytest

from benchmarks.average_precision import Boxes, average_precision, overlaps, without_doubles
from benchmarks.paired import paired_difference

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


def test_a_difference_of_noise_is_paired_by_image() -> None:
    hard = np.array([1.0, 100.0, 3.0, 50.0])
    found = paired_difference(hard, 10 * hard)
    assert (found.db, found.low_db, found.high_db) == pytest.approx((10, 10, 10))
    assert str(found) == "+10.00 (+10.00 to +10.00)"


def test_noise_that_is_as_often_higher_as_lower_has_zero_in_its_interval() -> None:
    drawn = np.random.default_rng(1)
    first, second = drawn.uniform(1, 2, (2, 200))
    found = paired_difference(first, second)
    assert found.low_db < 0 < found.high_db
    assert 0.2 < found.high_db - found.low_db < 0.7
    more = paired_difference(first, 1.3 * second)
    assert 0 < more.low_db < 10 * np.log10(1.3) < more.high_db


def test_without_noise_there_is_no_difference() -> None:
    with pytest.raises(ValueError, match="has no signal-to-noise"):
        paired_difference(np.zeros(2), np.ones(2))

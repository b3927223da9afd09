"""The shapes that convolutions and pools give follow from their geometry."""

from dataclasses import replace
from typing import Any

import pytest

from hwsim.graph import (
    Padding,
    Shape,
    Source,
    SpatialPool,
    Tensor,
)
from hwsim.graph.infer import convolved_shape, stored_shape


def test_shapes_are_inferred_in_the_order_of_the_operators() -> None:
    source = Source.whole(Tensor("in", Shape(3, 9, 6)), (3, 2), padding=1)
    assert stored_shape(source, 16, 2, SpatialPool.STRIDE_2) == Shape(8, 5, 4)


@pytest.mark.parametrize(
    ("changes", "rows", "columns"),
    [
        ({"stride": (2, 3)}, 4, 2),  # of rows -1, 1, 3, 5 and of columns 0, 3
        ({"dilation": (2, 1), "padding": Padding(4, 0, 3, 0)}, 10, 6),
        ({"padding": Padding(top=2, right=1)}, 7, 7),
        ({"upsample": 2}, 14, 13),
        ({"kernel": (6, 7), "padding": Padding()}, 2, 1),
    ],
)
def test_a_convolution_gives_what_its_geometry_says(
    changes: dict[str, Any], rows: int, columns: int
) -> None:
    """On a map of 7 x 7, seen by a kernel of 3 x 2 with padding 1 above and below."""
    tensor = Tensor("in", Shape(4, 7, 7))
    source = Source(tensor, 0, 4, (3, 2), padding=Padding(top=1, bottom=1))
    assert convolved_shape(replace(source, **changes), 5) == Shape(5, rows, columns)

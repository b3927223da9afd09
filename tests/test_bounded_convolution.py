"""A convolution in bounded memory has the values of one that is computed at once."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from hwsim.golden import bounded_convolution
from hwsim.golden.bounded_convolution import bounded_conv2d
from hwsim.golden.calibration import (
    CALIBRATION_PHOTOGRAPHS,
    CALIBRATION_SIZE,
    calibration_photographs,
)
from hwsim.golden.quantize import quantize
from hwsim.golden.reference import run_graph
from hwsim.golden.statistics import seeded_weights
from hwsim.graph import Graph, Shape, Source, Stage, Tensor

SMALL_BANDS = 3000  # elements: fewer than a row has in some of the cases, a few rows in others


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("stride", [(1, 1), (3, 2), (5, 1)])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 4), (7, 5)])
def test_bands_have_the_values_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-9, 9, (2, 8, 23, 31), generator=generator).double()
    weights = torch.randint(-9, 9, (12, 8 // groups, *kernel), generator=generator).double()
    bias = torch.arange(12).double()
    whole = functional.conv2d(x, weights, bias, stride=stride, dilation=dilation, groups=groups)

    monkeypatch.setattr(bounded_convolution, "MOST_COLUMN_ELEMENTS", SMALL_BANDS)
    found = bounded_conv2d(x, weights, bias, stride=stride, dilation=dilation, groups=groups)

    assert torch.equal(found, whole)


def test_seeding_quantizing_and_the_reference_stay_within_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row of the calibration's photographs, which is computed in any case, is within it here."""
    bound, taps = 20_000, 3 * 5 * 5
    image = Tensor("image", Shape(3, 40, 400), is_image=True)
    stage = Stage.inferred("stage", [Source.whole(image, (5, 5), padding=2)], "y", 8, 0.1)
    graph = Graph.chain("one", [stage])
    laid_out: list[int] = []
    conv2d = functional.conv2d

    def counted(x: torch.Tensor, *others: Any, **options: Any) -> torch.Tensor:
        y: torch.Tensor = conv2d(x, *others, **options)
        if x.dtype == torch.float64:
            laid_out.append(taps * y.shape[0] * y.shape[2] * y.shape[3])
        return y

    monkeypatch.setattr(bounded_convolution, "MOST_COLUMN_ELEMENTS", bound)
    monkeypatch.setattr(functional, "conv2d", counted)
    quantized = quantize(graph, seeded_weights(graph), multiplier_bits=18)
    run_graph(quantized, {"image": torch.zeros(1, 3, 40, 400, dtype=torch.int8)})

    statistics_and_calibration = 2 * len(CALIBRATION_PHOTOGRAPHS) * CALIBRATION_SIZE**2
    assert sum(laid_out) == taps * (statistics_and_calibration + 40 * 400)
    assert max(laid_out) <= max(bound, taps * 400)


@pytest.mark.parametrize(
    ("kernel", "size", "expected"),
    [
        ((11, 3), (40, 96), (256, 256)),
        ((3, 12), (40, 96), (40, 96)),
        ((15, 15), (255, 257), (255, 257)),
        ((15, 15), (256, 256), (256, 256)),
        ((15, 15), (416, 416), (256, 256)),
    ],
)
def test_large_kernels_are_calibrated_on_no_more_pixels_than_they_run_on(
    kernel: tuple[int, int], size: tuple[int, int], expected: tuple[int, int]
) -> None:
    image = Tensor("image", Shape(3, *size), is_image=True)
    narrow = Stage.inferred("narrow", [Source.whole(image, (3, 3), padding=1)], "x", 8, 0.1)
    wide = Stage.inferred("wide", [Source.whole(narrow.output, kernel, padding=5)], "y", 8, 0.1)
    (pixels,) = calibration_photographs(Graph.chain("wide", [narrow, wide])).values()
    assert pixels.shape == (4, 3, *expected)

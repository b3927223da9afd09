"""PyTorch's convolution in bounded memory.

In float64 PyTorch lays out a column of C / groups x R x S values for each pixel of the output, of
the whole batch at once: 32 GB for 31x31 taps of 16 channels on the photographs of a calibration.
Here a band of one image's rows at a time is convolved where that would be too much.
"""

from torch import Tensor
from torch.nn import functional

MOST_COLUMN_ELEMENTS = 1 << 27  # 1 GiB in float64

Pair = tuple[int, int]


def bounded_conv2d(
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Pair,
    dilation: Pair,
    groups: int,
) -> Tensor:
    """Correlate `x[N, C, H, W]`, which has its border, with `weights[K, C / groups, R, S]`."""

    def convolved(part: Tensor) -> Tensor:
        return functional.conv2d(
            part, weights, bias, stride=stride, dilation=dilation, groups=groups
        )

    _, channels, kernel_rows, kernel_columns = weights.shape
    images, _, height, width = x.shape
    taken_rows = (kernel_rows - 1) * dilation[0] + 1
    rows = (height - taken_rows) // stride[0] + 1
    columns = (width - (kernel_columns - 1) * dilation[1] - 1) // stride[1] + 1
    row_elements = channels * kernel_rows * kernel_columns * columns
    if images * rows * row_elements <= MOST_COLUMN_ELEMENTS:
        return convolved(x)
    step = max(1, MOST_COLUMN_ELEMENTS // row_elements)
    found = x.new_empty(images, len(weights), rows, columns)
    for image in range(images):
        for first in range(0, rows, step):
            last = min(first + step, rows) - 1
            top, bottom = first * stride[0], last * stride[0] + taken_rows
            band = convolved(x[image : image + 1, :, top:bottom])
            found[image, :, first : last + 1] = band[0]
    return found

"""The built-in networks in float, with darknet's semantics, as the source of every quantized graph.

They take their shapes from `hwsim.graph.Graph` and compute in darknet's order: convolution,
batch normalisation, leaky ReLU, maxout over k consecutive channels, spatial maximum.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsim.graph import Graph, Layer, Shape, SpatialPool
from hwsim.graph.infer import convolved_shape

BATCH_NORM_EPSILON = 1e-6
MOST_ELEMENTS = 1 << 26  # of a convolution's output that are computed at a time
ALL = slice(None)


class FloatLayer(nn.Module):
    """One layer in float32. Batch-normalised exactly where it is leaky, as in darknet's networks.

    weights   [K, C / groups, R, S]
    bias      [K]
    scale, mean, variance  [K], of the batch normalisation; absent from a linear layer
    """

    scale: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        fan_in = layer.input.shape.channels // layer.groups
        self.weights = nn.Parameter(torch.zeros(layer.filters, fan_in, *layer.kernel))
        self.bias = nn.Parameter(torch.zeros(layer.filters))
        self.normalised = layer.leaky_slope is not None
        if self.normalised:
            self.scale = nn.Parameter(torch.ones(layer.filters))
            self.register_buffer("mean", torch.zeros(layer.filters))
            self.register_buffer("variance", torch.ones(layer.filters))

    def convolve(self, x: Tensor, part: slice = ALL) -> Tensor:
        """Convolution alone, `x[N, C, H, W]` to `[N, K, P, Q]`: no bias, no normalisation.

        Here and in `activate`, K is the number of filters in `part`.
        """
        weights = self.weights[part]
        x, groups = (x, 1) if self.layer.groups == 1 else (x[:, part], len(weights))
        return functional.conv2d(x, weights, padding=self.layer.padding, groups=groups)

    def activate(self, y: Tensor, part: slice = ALL) -> Tensor:
        """From the convolution `[N, K, P, Q]` to the layer's output `[N, K / k, H', W']`."""
        if self.normalised:
            deviation = _column(self.variance[part]).sqrt() + BATCH_NORM_EPSILON
            y = (y - _column(self.mean[part])) / deviation
            y = y * _column(self.scale[part])
        y = y + _column(self.bias[part])
        if self.layer.leaky_slope is not None:
            y = functional.leaky_relu(y, self.layer.leaky_slope)
        return pooled(y, self.layer)

    def forward(self, x: Tensor) -> Tensor:
        """Compute a few filters at a time, so that a large map needs bounded memory."""
        outputs = [self.activate(self.convolve(x, part), part) for part in self._parts(x)]
        return torch.cat(outputs, 1)

    def _parts(self, x: Tensor) -> list[slice]:
        """Cut the filters between groups of k, by what they compute from `x[N, C, H, W]`."""
        shape = Shape(*x.shape[1:])
        layer = self.layer
        convolved = convolved_shape(shape, layer.filters, layer.kernel, layer.padding)
        most = max(
            1, MOST_ELEMENTS // (len(x) * convolved.height * convolved.width * layer.channel_pool)
        )
        step = most * layer.channel_pool
        return [slice(start, start + step) for start in range(0, layer.filters, step)]

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weights `[K, C / groups, R, S]` and bias `[K]` with the normalisation folded in.

        A negative scale turns the sign of its channel's weights, so no factor downstream has one.
        """
        if not self.normalised:
            return self.weights.detach(), self.bias.detach()
        factor = self.scale.double() / (self.variance.double().sqrt() + BATCH_NORM_EPSILON)
        weights = self.weights.double() * factor.view(-1, 1, 1, 1)
        bias = self.bias.double() - self.mean.double() * factor
        return weights.float().detach(), bias.float().detach()


class FloatNetwork(nn.Module):
    """A chain of `FloatLayer`. Takes `x[N, 3, H, W]`, pixels 0 to 1, of any size."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.name = graph.name
        self.layers = nn.ModuleList(FloatLayer(layer) for layer in graph.layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def float_layers(self) -> list[FloatLayer]:
        return [layer for layer in self.layers if isinstance(layer, FloatLayer)]


def pooled(y: Tensor, layer: Layer) -> Tensor:
    """Both pools of a layer, `[N, K, P, Q]` to `[N, K / k, H', W']`, by PyTorch's own operators."""
    k = layer.channel_pool
    if k > 1:
        batch, channels, height, width = y.shape
        y = y.reshape(batch, channels // k, k, height, width).amax(2)
    if layer.spatial_pool is SpatialPool.STRIDE_2:
        y = functional.max_pool2d(y, 2, 2, ceil_mode=True)
    elif layer.spatial_pool is SpatialPool.STRIDE_1:
        y = functional.max_pool2d(functional.pad(y, (0, 1, 0, 1), value=-torch.inf), 2, 1)
    return y


def _column(values: Tensor) -> Tensor:
    """A value per channel `[K]`, shaped to broadcast over `[N, K, P, Q]`."""
    return values.view(1, -1, 1, 1)

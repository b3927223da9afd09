"""Networks in float, with darknet's semantics, as the source of every quantized graph.

They take their shapes from `hwsim.graph.Graph` and compute in darknet's order: convolution,
batch normalisation, leaky ReLU, maxout over k consecutive channels, spatial maximum.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsim.graph import Graph, Layer, Shape, SpatialPool
from hwsim.graph.float_weights import FloatWeights, check_float_weights
from hwsim.graph.infer import convolved_shape

BATCH_NORM_EPSILON = 1e-6
MOST_ELEMENTS = 1 << 26  # of a convolution's output that are computed at a time
ALL = slice(None)


class FloatLayer(nn.Module):
    """One layer in the type of its weights: `hwsim.graph.float_weights` names them and their axes.

    `scale`, `mean` and `variance` are there where the layer is normalised.
    """

    weights: Tensor
    bias: Tensor
    scale: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, layer: Layer, weights: FloatWeights) -> None:
        super().__init__()
        self.layer = layer
        self.normalised = weights.batch_norm is not None
        for name, array in weights.arrays().items():
            self.register_buffer(name, torch.tensor(array))

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
        """Cut the filters into parts small enough for `x[N, C, H, W]`, each a multiple of k."""
        layer = self.layer
        shape = convolved_shape(Shape(*x.shape[1:]), layer.filters, layer.kernel, layer.padding)
        elements = len(x) * shape.height * shape.width  # of one filter's output
        k = layer.channel_pool
        step = k * max(1, MOST_ELEMENTS // (elements * k))
        return [slice(start, start + step) for start in range(0, layer.filters, step)]

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weights `[K, C / groups, R, S]` and bias `[K]` with the normalisation folded in.

        A negative scale turns the sign of its channel's weights, so no factor downstream has one.
        """
        if not self.normalised:
            return self.weights, self.bias
        factor = self.scale.double() / (self.variance.double().sqrt() + BATCH_NORM_EPSILON)
        weights = self.weights.double() * factor.view(-1, 1, 1, 1)
        bias = self.bias.double() - self.mean.double() * factor
        return weights.float(), bias.float()


class FloatNetwork(nn.Module):
    """A chain of `FloatLayer`. Takes `x[N, C, H, W]`, an image's pixels from 0 to 1, of any size.

    Raises `InputError` for weights that are not those of the graph.
    """

    def __init__(self, graph: Graph, weights: Sequence[FloatWeights]) -> None:
        super().__init__()
        check_float_weights(graph, weights)
        pairs = zip(graph.layers, weights, strict=True)
        self.layers = nn.ModuleList(FloatLayer(layer, ours) for layer, ours in pairs)

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

"""Networks in float, with darknet's semantics, as the source of every quantized graph.

They take their shapes from `hwsim.graph.Graph` and compute in darknet's order: convolution of every
source, their sum, batch normalisation, leaky ReLU, maxout over k consecutive channels, spatial
maximum.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsim.golden.bounded_convolution import bounded_conv2d
from hwsim.golden.convolution import seen_map
from hwsim.graph import Graph, Shape, Source, SpatialPool, Stage
from hwsim.graph.float_weights import FloatWeights, check_float_weights
from hwsim.graph.infer import convolved_shape
from hwsim.graph.lifetimes import drop_unread

BATCH_NORM_EPSILON = 1e-6
MOST_ELEMENTS = 1 << 26  # of a convolution's output that are computed at a time
ALL = slice(None)


class FloatStage(nn.Module):
    """One stage in the type of its weights: `hwsim.graph.float_weights` names them and their axes.

    `scale`, `mean` and `variance` are there where the stage is normalised. Tensors are given by
    their names, each `x[N, C, H, W]`.
    """

    bias: Tensor
    scale: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, stage: Stage, weights: FloatWeights) -> None:
        super().__init__()
        self.stage = stage
        self.normalised = weights.batch_norm is not None
        for number, array in enumerate(weights.weights):
            self.register_buffer(f"weights{number}", torch.tensor(array))
        learned = {} if weights.batch_norm is None else vars(weights.batch_norm)
        for name, array in {"bias": weights.bias, **learned}.items():
            self.register_buffer(name, torch.tensor(array))

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """`[K, C / groups, R, S]` of each source."""
        return tuple(
            self.get_buffer(f"weights{number}") for number in range(len(self.stage.sources))
        )

    def convolve(self, tensors: Mapping[str, Tensor], part: slice = ALL) -> Tensor:
        """Return the sum of all convolutions, `[N, K, P, Q]`: no bias, no normalisation.

        Here and in `activate`, K is the number of filters in `part`.
        """
        first, *others = (
            self._convolve(tensors[source.tensor.name], source, weights, part)
            for source, weights in zip(self.stage.sources, self.weights, strict=True)
        )
        for other in others:
            first = first + other
        return first

    def _convolve(self, x: Tensor, source: Source, weights: Tensor, part: slice) -> Tensor:
        x, groups = seen_map(x, source, border=0.0), source.groups
        if groups > 1:
            first, last, _ = part.indices(self.stage.filters)
            filters = self.stage.filters // groups  # of one group
            channels = source.channels // groups
            x = x[:, first // filters * channels : last // filters * channels]
            groups = (last - first) // filters
        return bounded_conv2d(
            x, weights[part], stride=source.stride, dilation=source.dilation, groups=groups
        )

    def activate(self, y: Tensor, part: slice = ALL) -> Tensor:
        """From the convolution `[N, K, P, Q]` to the stage's output `[N, K / k, H', W']`."""
        if self.normalised:
            deviation = _column(self.variance[part]).sqrt() + BATCH_NORM_EPSILON
            y = (y - _column(self.mean[part])) / deviation
            y = y * _column(self.scale[part])
        y = y + _column(self.bias[part])
        if self.stage.leaky_slope is not None:
            y = functional.leaky_relu(y, self.stage.leaky_slope)
        return pooled(y, self.stage)

    def forward(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Compute a few filters at a time, so that a large map needs bounded memory."""
        parts = self._parts(tensors)
        outputs = [self.activate(self.convolve(tensors, part), part) for part in parts]
        return torch.cat(outputs, 1)

    def _parts(self, tensors: Mapping[str, Tensor]) -> list[slice]:
        """Cut the filters by how much they compute.

        Filters that are pooled together, or read the same group of channels, stay together.
        """
        stage, source = self.stage, self.stage.sources[0]
        x = tensors[source.tensor.name]
        seen = replace(source, tensor=replace(source.tensor, shape=Shape(*x.shape[1:])))
        shape = convolved_shape(seen, stage.filters)
        elements = len(x) * shape.height * shape.width  # of one filter's output
        own = [stage.filters // source.groups for source in stage.sources if source.groups > 1]
        together = math.lcm(stage.channel_pool, *own)
        step = together * max(1, MOST_ELEMENTS // (elements * together))
        return [slice(start, start + step) for start in range(0, stage.filters, step)]

    def folded(self) -> tuple[tuple[Tensor, ...], Tensor]:
        """Weights `[K, C / groups, R, S]` and bias `[K]` with the normalisation folded in.

        A negative scale turns the sign of its channel's weights, so no factor downstream has one.
        """
        if not self.normalised:
            return self.weights, self.bias
        factor = self.scale.double() / (self.variance.double().sqrt() + BATCH_NORM_EPSILON)
        weights = tuple((ours.double() * factor.view(-1, 1, 1, 1)).float() for ours in self.weights)
        bias = self.bias.double() - self.mean.double() * factor
        return weights, bias.float()


class FloatNetwork(nn.Module):
    """A graph of `FloatStage`. Takes `x[N, C, H, W]` of every input by its name, of any size.

    An image's pixels are 0 to 1. Raises `InputError` for weights that are not those of the graph.
    """

    def __init__(self, graph: Graph, weights: Sequence[FloatWeights]) -> None:
        super().__init__()
        check_float_weights(graph, weights)
        self.graph = graph
        pairs = zip(graph.stages, weights, strict=True)
        self.stages = nn.ModuleList(FloatStage(stage, ours) for stage, ours in pairs)

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the output of every stage by its name."""
        names = [stage.output.name for stage in self.graph.stages]
        return dict(zip(names, self.outputs(inputs), strict=True))

    def outputs(self, inputs: Mapping[str, Tensor]) -> Iterator[Tensor]:
        """Yield the output of every stage in turn, and keep none that is not read again."""
        tensors = dict(inputs)
        for index, stage in enumerate(self.float_stages()):
            tensors[stage.stage.output.name] = stage(tensors)
            yield tensors[stage.stage.output.name]
            drop_unread(self.graph, index, tensors)

    def float_stages(self) -> list[FloatStage]:
        return [stage for stage in self.stages if isinstance(stage, FloatStage)]


def pooled(y: Tensor, stage: Stage) -> Tensor:
    """Both pools of a stage, `[N, K, P, Q]` to `[N, K / k, H', W']`, by PyTorch's own operators."""
    k = stage.channel_pool
    if k > 1:
        batch, channels, height, width = y.shape
        y = y.reshape(batch, channels // k, k, height, width).amax(2)
    pool, padding = stage.spatial_pool, stage.spatial_pool.padding
    if pool == SpatialPool.NONE:
        return y
    sides = (padding.left, padding.right, padding.top, padding.bottom)
    return functional.max_pool2d(
        functional.pad(y, sides, value=-torch.inf), pool.window, pool.stride
    )


def _column(values: Tensor) -> Tensor:
    """A value per channel `[K]`, shaped to broadcast over `[N, K, P, Q]`."""
    return values.view(1, -1, 1, 1)

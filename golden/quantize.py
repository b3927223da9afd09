"""Post-training quantization by Brevitas, and the integers that come out of it."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsim.errors import InputError
from hwsim.fixed_point import fixed_point
from hwsim.golden.calibration import calibration_photographs
from hwsim.golden.networks import FloatLayer, FloatNetwork, pooled
from hwsim.golden.reference import IMAGE_ZERO_POINT
from hwsim.graph import Constants, Graph, Layer, Quantization
from hwsim.graph.float_weights import FloatWeights

with warnings.catch_warnings():
    # Brevitas imports a deprecated module of its own, and looks for an accelerator's package.
    warnings.filterwarnings("ignore", "brevitas.fx is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "fast_hadamard_transform package not found", UserWarning)
    import brevitas.nn as qnn
    from brevitas.graph.calibrate import calibration_mode
    from brevitas.quant.scaled_int import (
        Int8WeightPerChannelFloat,
        Int32Bias,
        Uint8ActPerTensorFloatMaxInit,
    )
    from brevitas.quant.shifted_scaled_int import ShiftedUint8ActPerTensorFloat
    from brevitas.quant_tensor import IntQuantTensor

LARGEST_BIAS = 2**24  # integers up to here are exact in float32, and far from filling int32
LARGEST_SCALE = 1e12  # real networks stay below 10; products of larger ones leave float32


class WeightQuantizer(Int8WeightPerChannelFloat):  # type: ignore[misc]  # Brevitas is untyped
    """Symmetric per output channel, largest weight to largest integer, by a scale that is kept."""

    scaling_impl_type = "parameter_from_stats"


class QuantizedLayer(nn.Module):
    """One layer on Brevitas's quantizers: fake-quantized float in, fake-quantized float out."""

    def __init__(self, source: FloatLayer) -> None:
        super().__init__()
        self.layer = source.layer
        weights, bias = source.folded()
        if not (weights.isfinite().all() and bias.isfinite().all()):
            raise InputError(f"layer {self.layer.name}: not finite with its batch norm folded in")
        self.convolution = qnn.QuantConv2d(
            self.layer.input.shape.channels,
            self.layer.filters,
            self.layer.kernel,
            padding=self.layer.padding,
            groups=self.layer.groups,
            weight_quant=WeightQuantizer,
            weight_bit_width=self.layer.weight_bits,
            bias_quant=Int32Bias,
        )
        self.convolution.weight.data = weights
        self.convolution.bias.data = bias
        self.output = qnn.QuantIdentity(
            act_quant=ShiftedUint8ActPerTensorFloat,
            bit_width=self.layer.output.bits,
            return_quant_tensor=True,
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x[N, C, H, W]` and the result `[N, K / k, H', W']` carry scale and zero point along."""
        with warnings.catch_warnings():
            # Brevitas has no zero point for accumulators: none is needed, `output` brings its own.
            warnings.filterwarnings("ignore", "Computing zero point of output accumulator")
            y: Tensor = self.convolution(x)
        if self.layer.leaky_slope is not None:
            y = functional.leaky_relu(y, self.layer.leaky_slope)
        y = self.output(y)
        if isinstance(y, IntQuantTensor):
            y = y.set(value=pooled(y.value, self.layer))  # a maximum stays on y's own grid
        else:  # while Brevitas collects statistics
            y = pooled(y, self.layer)
        return y

    def include_zero(self) -> None:
        """Widen the calibrated range to contain 0, if all of it lies below.

        Real 0 must be a stored value: it is what borders inject. A range above 0 is already
        widened by Brevitas. One that contains 0 stays as it is, to the bit.
        """
        quantizer = self.output.act_quant.fused_activation_quant_proxy.tensor_quant
        interval, lowest = quantizer.scaling_impl.value, quantizer.zero_point_impl.value
        interval.data = torch.maximum(interval.data, lowest.data.abs())

    def choose_weight_scales(self, input_scale: float) -> None:
        """Fix the weight scales, with a lower bound where a nearly dead channel has a bias.

        The bias counts in steps of input scale x weight scale; at the bound, it is `LARGEST_BIAS`.
        """
        self.convolution.quant_weight()  # its first use sets the largest weight of each channel
        largest_weight = self.convolution.weight_quant.tensor_quant.scaling_impl.value
        smallest_scale = self.convolution.bias.detach().abs() / (input_scale * LARGEST_BIAS)
        largest_integer = 2 ** (self.layer.weight_bits - 1) - 1
        bound = smallest_scale.view_as(largest_weight) * largest_integer
        largest_weight.data = torch.maximum(largest_weight.data, bound)


class QuantizedNetwork(nn.Module):
    """The chain of `QuantizedLayer`. Takes `x[N, 3, H, W]`, pixels 0 to 1 in steps of 1 / 255."""

    def __init__(self, source: FloatNetwork) -> None:
        super().__init__()
        self.image = qnn.QuantIdentity(
            act_quant=Uint8ActPerTensorFloatMaxInit,
            max_val=1.0,
            scaling_impl_type="const",
            return_quant_tensor=True,
        )
        self.layers = nn.ModuleList(QuantizedLayer(layer) for layer in source.float_layers())
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.image(x)
        for layer in self.layers:
            x = layer(x)
        return x

    def quantized_layers(self) -> list[QuantizedLayer]:
        return [layer for layer in self.layers if isinstance(layer, QuantizedLayer)]

    def calibrate(self, photographs: Sequence[Tensor]) -> None:
        """Choose every activation's scale and zero point from uint8 `[3, H, W]` photographs.

        They form one batch, so that a layer's range is that of all of them, not a mean of ranges.
        It runs in float64 and is rounded to float32, so that the order in which a machine sums
        does not show in the scales.
        """
        self.double()
        with torch.no_grad(), calibration_mode(self):
            self(torch.stack(tuple(photographs)).double() / 255)
        self.float()
        with torch.no_grad():
            quantizer = self.image
            for layer in self.quantized_layers():
                layer.include_zero()
                scale = float(layer.output.act_quant.scale())
                if not scale < LARGEST_SCALE:
                    raise InputError(
                        f"layer {layer.layer.name}: its output needs a scale of {scale:.3g}, "
                        f"beyond {LARGEST_SCALE:.0e}: are these weights of this network?"
                    )
                layer.choose_weight_scales(float(quantizer.act_quant.scale()))
                quantizer = layer.output


def quantize(graph: Graph, weights: Sequence[FloatWeights], multiplier_bits: int = 16) -> Graph:
    """Return a graph of the same shapes with integer constants, quantized after the fact.

    The widths of weights are the graph's, those of the rescaler's factors `multiplier_bits`, 16 or
    32. Scales come from the calibration photographs. Raises `InputError` for weights that are not
    the graph's, or for what the rescaler cannot take.
    """
    return extract_graph(graph, quantized_network(graph, weights), multiplier_bits)


def quantized_network(graph: Graph, weights: Sequence[FloatWeights]) -> QuantizedNetwork:
    """Return the calibrated Brevitas network that `quantize` takes its integers from."""
    photographs = calibration_photographs(graph)
    network = QuantizedNetwork(FloatNetwork(graph, weights))
    network.calibrate(photographs)
    return network


def extract_graph(graph: Graph, network: QuantizedNetwork, multiplier_bits: int = 16) -> Graph:
    """Give `graph` the integers of a calibrated `network` of the same shapes."""
    image = replace(graph.input, quantization=Quantization(1 / 255, IMAGE_ZERO_POINT))
    layers: list[Layer] = []
    quantizer = network.image
    with torch.no_grad():
        for shape, source in zip(graph.layers, network.quantized_layers(), strict=True):
            stored = layers[-1].output if layers else image
            x = quantizer(torch.zeros(1, 1, 1, 1))  # carries the scale of what is stored
            layer = _extract_layer(replace(shape, input=stored), source, x, multiplier_bits)
            layers.append(layer)
            quantizer = source.output
    return Graph(graph.name, tuple(layers))


def _extract_layer(
    layer: Layer, source: QuantizedLayer, x: IntQuantTensor, multiplier_bits: int
) -> Layer:
    """`x` is any input of `source`: only the scale that it carries counts."""
    convolution, proxy = source.convolution, source.output.act_quant
    weights = convolution.quant_weight()
    # Brevitas refuses to read its own integers of a large bias, which float32 holds coarsely.
    bias_scale = convolution.bias_quant(convolution.bias, x, weights).scale
    bias = torch.round(convolution.bias / bias_scale)
    # Brevitas stores activations unsigned; hwsim signed, which is the top bit flipped.
    zero_point = int(proxy.zero_point()) - 2 ** (layer.output.bits - 1)
    output = Quantization(float(proxy.scale()), zero_point)
    assert layer.input.quantization is not None
    weight_scales = weights.scale.flatten().double().numpy()
    factors = weight_scales * layer.input.quantization.scale / output.scale
    slope = 1.0 if layer.leaky_slope is None else layer.leaky_slope
    try:
        rescale = fixed_point(factors, multiplier_bits, slope)
    except InputError as error:
        raise InputError(f"layer {layer.name}: {error}") from None
    constants = Constants(
        weights=weights.int().numpy().astype(np.int8),
        bias=bias.numpy().astype(np.int32),
        multiplier=rescale.multiplier,
        negative_multiplier=rescale.negative_multiplier,
        shift=rescale.shift,
    )
    return replace(layer, output=replace(layer.output, quantization=output), constants=constants)

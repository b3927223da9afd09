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
from hwsim.golden.networks import FloatNetwork, FloatStage, pooled
from hwsim.golden.reference import IMAGE_ZERO_POINT
from hwsim.graph import Constants, Graph, Quantization, Stage
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


class QuantizedStage(nn.Module):
    """One stage on Brevitas's quantizers: fake-quantized float in, fake-quantized float out."""

    def __init__(self, source: FloatStage) -> None:
        super().__init__()
        self.stage = source.stage
        weights, bias = source.folded()
        if not (weights.isfinite().all() and bias.isfinite().all()):
            raise InputError(f"layer {self.stage.name}: not finite with its batch norm folded in")
        (geometry,) = self.stage.sources
        padding = geometry.padding
        if geometry.is_slice or geometry.upsample > 1 or not padding.is_even:
            raise InputError(
                f"layer {self.stage.name}: a slice, upsampling or uneven padding cannot be "
                "quantized yet"
            )
        self.convolution = qnn.QuantConv2d(
            geometry.channels,
            self.stage.filters,
            geometry.kernel,
            stride=geometry.stride,
            dilation=geometry.dilation,
            padding=padding.top,
            groups=geometry.groups,
            weight_quant=WeightQuantizer,
            weight_bit_width=self.stage.weight_bits,
            bias_quant=Int32Bias,
        )
        self.convolution.weight.data = weights
        self.convolution.bias.data = bias
        self.output = qnn.QuantIdentity(
            act_quant=ShiftedUint8ActPerTensorFloat,
            bit_width=self.stage.output.bits,
            return_quant_tensor=True,
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x[N, C, H, W]` and the result `[N, K / k, H', W']` carry scale and zero point along."""
        with warnings.catch_warnings():
            # Brevitas has no zero point for accumulators: none is needed, `output` brings its own.
            warnings.filterwarnings("ignore", "Computing zero point of output accumulator")
            y: Tensor = self.convolution(x)
        if self.stage.leaky_slope is not None:
            y = functional.leaky_relu(y, self.stage.leaky_slope)
        y = self.output(y)
        if isinstance(y, IntQuantTensor):
            y = y.set(value=pooled(y.value, self.stage))  # a maximum stays on y's own grid
        else:  # while Brevitas collects statistics
            y = pooled(y, self.stage)
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
        largest_integer = 2 ** (self.stage.weight_bits - 1) - 1
        bound = smallest_scale.view_as(largest_weight) * largest_integer
        largest_weight.data = torch.maximum(largest_weight.data, bound)


class QuantizedNetwork(nn.Module):
    """The chain of `QuantizedStage`. Takes `x[N, 3, H, W]`, pixels 0 to 1 in steps of 1 / 255."""

    def __init__(self, source: FloatNetwork) -> None:
        super().__init__()
        self.image = qnn.QuantIdentity(
            act_quant=Uint8ActPerTensorFloatMaxInit,
            max_val=1.0,
            scaling_impl_type="const",
            return_quant_tensor=True,
        )
        self.stages = nn.ModuleList(QuantizedStage(stage) for stage in source.float_stages())
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.image(x)
        for stage in self.stages:
            x = stage(x)
        return x

    def quantized_stages(self) -> list[QuantizedStage]:
        return [stage for stage in self.stages if isinstance(stage, QuantizedStage)]

    def calibrate(self, photographs: Sequence[Tensor]) -> None:
        """Choose every activation's scale and zero point from uint8 `[3, H, W]` photographs.

        They form one batch, so that a stage's range is that of all of them, not a mean of ranges.
        It runs in float64 and is rounded to float32, so that the order in which a machine sums
        does not show in the scales.
        """
        self.double()
        with torch.no_grad(), calibration_mode(self):
            self(torch.stack(tuple(photographs)).double() / 255)
        self.float()
        with torch.no_grad():
            quantizer = self.image
            for stage in self.quantized_stages():
                stage.include_zero()
                scale = float(stage.output.act_quant.scale())
                if not scale < LARGEST_SCALE:
                    raise InputError(
                        f"layer {stage.stage.name}: its output needs a scale of {scale:.3g}, "
                        f"beyond {LARGEST_SCALE:.0e}: are these weights of this network?"
                    )
                stage.choose_weight_scales(float(quantizer.act_quant.scale()))
                quantizer = stage.output


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
    stored = replace(graph.inputs[0], quantization=Quantization(1 / 255, IMAGE_ZERO_POINT))
    stages: list[Stage] = []
    quantizer = network.image
    with torch.no_grad():
        for shape, source in zip(graph.stages, network.quantized_stages(), strict=True):
            x = quantizer(torch.zeros(1, 1, 1, 1))  # carries the scale of what is stored
            reading = replace(shape, sources=(replace(shape.sources[0], tensor=stored),))
            stages.append(_extract_stage(reading, source, x, multiplier_bits))
            stored, quantizer = stages[-1].output, source.output
    return Graph.chain(graph.name, stages)


def _extract_stage(
    stage: Stage, source: QuantizedStage, x: IntQuantTensor, multiplier_bits: int
) -> Stage:
    """`x` is any input of `source`: only the scale that it carries counts."""
    convolution, proxy = source.convolution, source.output.act_quant
    weights = convolution.quant_weight()
    # Brevitas refuses to read its own integers of a large bias, which float32 holds coarsely.
    bias_scale = convolution.bias_quant(convolution.bias, x, weights).scale
    bias = torch.round(convolution.bias / bias_scale)
    # Brevitas stores activations unsigned; hwsim signed, which is the top bit flipped.
    zero_point = int(proxy.zero_point()) - 2 ** (stage.output.bits - 1)
    output = Quantization(float(proxy.scale()), zero_point)
    stored = stage.sources[0].tensor.quantization
    assert stored is not None
    weight_scales = weights.scale.flatten().double().numpy()
    factors = weight_scales * stored.scale / output.scale
    slope = 1.0 if stage.leaky_slope is None else stage.leaky_slope
    try:
        rescale = fixed_point(factors, multiplier_bits, slope)
    except InputError as error:
        raise InputError(f"layer {stage.name}: {error}") from None
    constants = Constants(
        weights=(weights.int().numpy().astype(np.int8),),
        bias=bias.numpy().astype(np.int32),
        multiplier=rescale.multiplier,
        negative_multiplier=rescale.negative_multiplier,
        shift=rescale.shift,
    )
    return replace(stage, output=replace(stage.output, quantization=output), constants=constants)

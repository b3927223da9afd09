"""A network on Brevitas's quantizers, calibrated by images.

The products of all sources of a stage are added before anything is rescaled, so that they must
count in the same steps: in an output channel, source scale x weight scale is equal for all sources.
A stage that only passes one tensor on keeps the scale and the zero point of that tensor, so that
it changes no value.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsim.errors import InputError
from hwsim.golden.bounded_convolution import bounded_conv2d
from hwsim.golden.convolution import seen_map
from hwsim.golden.networks import FloatNetwork, FloatStage, pooled
from hwsim.golden.reference import IMAGE_ZERO_POINT
from hwsim.graph import Quantization, Source, Stage
from hwsim.graph.check import ACTIVATION_BITS
from hwsim.graph.lifetimes import drop_unread

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


class BoundedConv2d(qnn.QuantConv2d):  # type: ignore[misc]  # Brevitas is untyped
    """Brevitas's convolution, which a calibration computes in bounded memory.

    Values with a grid are left to PyTorch whole: Brevitas works out the grid of the result.
    """

    def inner_forward_impl(
        self, x: Tensor | IntQuantTensor, weights: Tensor, bias: Tensor | None
    ) -> Tensor | IntQuantTensor:
        if isinstance(x, IntQuantTensor):
            return super().inner_forward_impl(x, weights, bias)
        return bounded_conv2d(
            x, weights, bias, stride=self.stride, dilation=self.dilation, groups=self.groups
        )


class QuantizedStage(nn.Module):
    """One stage on Brevitas's quantizers: fake-quantized float in, fake-quantized float out."""

    def __init__(self, source: FloatStage) -> None:
        super().__init__()
        self.stage = source.stage
        weights, bias = source.folded()
        if not all(values.isfinite().all() for values in (*weights, bias)):
            raise InputError(f"layer {self.stage.name}: not finite with its batch norm folded in")
        self.convolutions: Iterable[qnn.QuantConv2d] = nn.ModuleList(
            _convolution(self.stage, read, values, None if number else bias)
            for number, (read, values) in enumerate(zip(self.stage.sources, weights, strict=True))
        )
        self.output = qnn.QuantIdentity(
            act_quant=ShiftedUint8ActPerTensorFloat,
            bit_width=self.stage.output.bits,
            return_quant_tensor=True,
        )

    def forward(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """`x[N, C, H, W]` and the result `[N, K / k, H', W']` carry scale and zero point along."""
        with warnings.catch_warnings():
            # Brevitas has no zero point for accumulators: none is needed, `output` brings its own.
            warnings.filterwarnings("ignore", "Computing zero point of output accumulator")
            y, *others = (
                convolution(_seen(tensors[source.tensor.name], source))
                for source, convolution in zip(self.stage.sources, self.convolutions, strict=True)
            )
        for other in others:
            y = y + other
        if self.stage.leaky_slope is not None:
            y = functional.leaky_relu(y, self.stage.leaky_slope)
        y = self.output(y)
        return _with_value(y, pooled(_value(y), self.stage))

    @property
    def with_bias(self) -> qnn.QuantConv2d:
        """The convolution of the first source, which adds the bias of the stage."""
        return next(iter(self.convolutions))

    def include_zero(self) -> None:
        """Widen the calibrated range to contain 0, if all of it lies below.

        Real 0 must be a stored value: it is what borders inject. A range above 0 is already
        widened by Brevitas. One that contains 0 stays as it is, to the bit.
        """
        quantizer = self.output.act_quant.fused_activation_quant_proxy.tensor_quant
        interval, lowest = quantizer.scaling_impl.value, quantizer.zero_point_impl.value
        interval.data = torch.maximum(interval.data, lowest.data.abs())

    def choose_weight_scales(self, source_scales: Sequence[float]) -> None:
        """Fix the weight scales of every source, given the scale of the tensor that it reads.

        In each output channel the largest product of weight and source scale, over all sources,
        becomes the largest integer. There is a lower bound where a nearly dead channel has a bias:
        the bias counts in steps of source scale x weight scale; at the bound it is `LARGEST_BIAS`.
        """
        for convolution in self.convolutions:
            convolution.quant_weight()  # its first use sets the largest weight of each channel
        largest = [each.weight_quant.tensor_quant.scaling_impl.value for each in self.convolutions]
        own = [weight.data for weight in largest]
        largest_integer = 2 ** (self.stage.weight_bits - 1) - 1
        bias = self.with_bias.bias.detach().abs()
        for weight, scale in zip(largest, source_scales, strict=True):
            for other, other_scale in zip(own, source_scales, strict=True):
                weight.data = torch.maximum(weight.data, other * (other_scale / scale))
            smallest_scale = bias / (scale * LARGEST_BIAS)
            bound = smallest_scale.view_as(weight) * largest_integer
            weight.data = torch.maximum(weight.data, bound)


class QuantizedCopy(nn.Module):
    """A stage that passes channels of one tensor on: on the grid of that tensor, to the bit."""

    def __init__(self, source: FloatStage) -> None:
        super().__init__()
        self.stage = source.stage
        self.source = source

    def forward(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """`x[N, C, H, W]` and the result `[N, K / k, H', W']` carry scale and zero point along."""
        x = tensors[self.stage.sources[0].tensor.name]
        return _with_value(x, self.source({self.stage.sources[0].tensor.name: _value(x)}))


class QuantizedNetwork(nn.Module):
    """The graph of `QuantizedStage` and `QuantizedCopy`.

    Takes `x[N, C, H, W]` of every input by its name, pixels 0 to 1 in steps of 1 / 255.
    """

    def __init__(self, source: FloatNetwork) -> None:
        super().__init__()
        self.graph = source.graph
        self.image = qnn.QuantIdentity(
            act_quant=Uint8ActPerTensorFloatMaxInit,
            max_val=1.0,
            scaling_impl_type="const",
            return_quant_tensor=True,
        )
        self.stages = nn.ModuleList(
            QuantizedCopy(stage) if _is_copy(stage.stage) else QuantizedStage(stage)
            for stage in source.float_stages()
        )
        self.eval()

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return every output of the graph by its name."""
        tensors = {name: self.image(x) for name, x in inputs.items()}
        for index, stage in enumerate(self.quantized_stages()):
            tensors[stage.stage.output.name] = stage(tensors)
            drop_unread(self.graph, index, tensors)
        return tensors

    def quantized_stages(self) -> list[QuantizedStage | QuantizedCopy]:
        return [stage for stage in self.stages if isinstance(stage, QuantizedStage | QuantizedCopy)]

    def quantizers(self) -> dict[str, qnn.QuantIdentity]:
        """Return by its name what quantizes each tensor; a copy has the quantizer of its source."""
        found: dict[str, qnn.QuantIdentity] = {
            tensor.name: self.image for tensor in self.graph.inputs
        }
        for each in self.quantized_stages():
            read = found[each.stage.sources[0].tensor.name]
            own = each.output if isinstance(each, QuantizedStage) else read
            found[each.stage.output.name] = own
        return found

    def quantization(self, name: str) -> Quantization:
        """Return that of a tensor, as hwsim stores it."""
        quantizer = self.quantizers()[name]
        if quantizer is self.image:
            return Quantization(1 / 255, IMAGE_ZERO_POINT)
        proxy = quantizer.act_quant
        # Brevitas stores activations unsigned; hwsim signed, which is the top bit flipped.
        zero_point = int(proxy.zero_point()) - 2 ** (ACTIVATION_BITS - 1)
        return Quantization(float(proxy.scale()), zero_point)

    def calibrate(self, images: Mapping[str, Tensor]) -> None:
        """Choose every activation's scale and zero point from uint8 `x[N, C, H, W]` by input.

        They form one batch, so that a stage's range is that of all of them, not a mean of ranges.
        It runs in float64 and is rounded to float32, so that the order in which a machine sums
        does not show in the scales.
        """
        self.double()
        with torch.no_grad(), calibration_mode(self):
            self({name: pixels.double() / 255 for name, pixels in images.items()})
        self.float()
        quantizers = self.quantizers()
        with torch.no_grad():
            for stage in self.quantized_stages():
                if isinstance(stage, QuantizedStage):
                    stage.include_zero()
                    scale = float(stage.output.act_quant.scale())
                    if not scale < LARGEST_SCALE:
                        raise InputError(
                            f"layer {stage.stage.name}: its output needs a scale of {scale:.3g}, "
                            f"beyond {LARGEST_SCALE:.0e}: are these weights of this network?"
                        )
                    read = [quantizers[source.tensor.name] for source in stage.stage.sources]
                    stage.choose_weight_scales([float(each.act_quant.scale()) for each in read])


def _convolution(
    stage: Stage, source: Source, weights: Tensor, bias: Tensor | None
) -> BoundedConv2d:
    """Return Brevitas's convolution over the map that a source sees, padding included."""
    found = BoundedConv2d(
        source.channels,
        stage.filters,
        source.kernel,
        stride=source.stride,
        dilation=source.dilation,
        groups=source.groups,
        bias=bias is not None,
        weight_quant=WeightQuantizer,
        weight_bit_width=stage.weight_bits,
        bias_quant=None if bias is None else Int32Bias,
    )
    found.weight.data = weights
    if bias is not None:
        found.bias.data = bias
    return found


def _is_copy(stage: Stage) -> bool:
    """True if a stage passes channels of one tensor on. Those of several have several scales."""
    return stage.is_reduction and len(stage.inputs) == 1


def _seen(x: Tensor | IntQuantTensor, source: Source) -> Tensor | IntQuantTensor:
    """Return the map over which a kernel walks: real 0, with which it is padded, is on any grid."""
    return _with_value(x, seen_map(_value(x), source, border=0.0))


def _value(x: Tensor | IntQuantTensor) -> Tensor:
    """Return real values. They are a plain tensor while Brevitas collects statistics."""
    return x.value if isinstance(x, IntQuantTensor) else x


def _with_value(x: Tensor | IntQuantTensor, value: Tensor) -> Tensor | IntQuantTensor:
    """Return other values on the grid of `x`, if it has one."""
    return x.set(value=value) if isinstance(x, IntQuantTensor) else value

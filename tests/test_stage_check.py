"""A layer that breaks a rule is refused with its name, the value and the rule."""

from typing import Any

import numpy as np
import pytest

from hwsim.errors import InputError
from hwsim.graph import (
    Padding,
    Quantization,
    Shape,
    SpatialPool,
)
from tests.sound_stages import input_with, output_with, sound_constants, sound_source, sound_stage

NUMPY_EIGHT: Any = np.int64(8)

NOT_ABOVE_ZERO = (0, -1, -(10**30), True, "3", 2.0, np.int64(3), None)

# Changes to `sound_stage`, and the text of the refusal after the layer's name.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"output": output_with(shape=Shape(16, 3, 2))}, "output 16x3x2 must be 16x6x5, which follows"),
    ({"groups": 3}, "groups = 3 must be a divisor of channels = 8"),
    ({"groups": 16}, "groups = 16 must be a divisor of channels = 8"),
    ({"groups": 8, "filters": 12}, "filters = 12 must be a multiple of groups = 8"),
    ({"channels": 9}, "channels = 9 must be an integer from 1 to 8, its input's"),
    ({"channels": 0}, "channels = 0 must be an integer from 1 to 8, its input's"),
    ({"channels": 5, "first_channel": 4},
     "first_channel = 4 must be an integer from 0 to 3, for 5 of the input's 8 channels"),
    ({"channels": 5, "first_channel": -1}, "first_channel = -1 must be an integer from 0 to 3"),
    ({"padding": Padding(top=4081)}, "padding.top = 4081 must be an integer from 0 to 4080"),
    ({"padding": Padding(bottom=-1)}, "padding.bottom = -1 must be an integer from 0 to 4080"),
    ({"padding": 1}, "padding = 1 must be a Padding"),
    ({"stride": (9, 1)}, "stride = (9, 1) must be two integers from 1 to 8"),
    ({"stride": (1, 0)}, "stride = (1, 0) must be two integers from 1 to 8"),
    ({"stride": 2}, "stride = 2 must be two integers from 1 to 8"),
    ({"dilation": (1, 17)}, "dilation = (1, 17) must be two integers from 1 to 16"),
    ({"upsample": 3}, "upsample = 3 must be one of 1, 2"),
    ({"upsample": 2, "stride": (2, 1)}, "stride = (2, 1) of an input that is upsampled must be"),
    ({"upsample": 2, "dilation": (1, 3)}, "dilation = (1, 3) of an input that is upsampled must"),
    ({"upsample": 2, "tensor": input_with(shape=Shape(8, 6, 1 << 14))},
     "input upsampled to 32768 pixels: at most 32767 a side"),
    ({"sources": ()}, "sources = () must be a tuple of at least one Source"),
    ({"sources": [sound_source()]}, "must be a tuple of at least one Source"),
    ({"sources": (sound_source(),) * 1001}, "1001 sources: at most 1000"),
    ({"sources": (sound_source(), sound_source(stride=(2, 2)))},
     "source 2 gives 16x3x3, source 1 gives 16x6x5: sources that are added must give the same"),
    ({"sources": (sound_source(), sound_source(dilation=(20, 1)))},
     "source 2: dilation = (20, 1) must be two integers from 1 to 16"),
    ({"sources": (sound_source(), "x")}, "source 2: 'x' must be a Source"),
    ({"sources": (sound_source(),) * 2, "constants": sound_constants()},
     "weights must be a tuple of 2 arrays, one of each source"),
    ({"kernel": (256, 3)}, "kernel = (256, 3) must be two integers from 1 to 255"),
    ({"kernel": (9, 9)}, "kernel (9, 9) with padding 1 does not fit input 8x6x5"),
    ({"kernel": 3}, "kernel = 3 must be two integers"),
    ({"kernel": [3, 3]}, "kernel = [3, 3] must be two integers"),
    ({"kernel": (3, 3, 3)}, "kernel = (3, 3, 3) must be two integers"),
    ({"channel_pool": 3}, "channel_pool = 3 must be one of 1, 2, 4, 8"),
    ({"filters": 33, "channel_pool": 2}, "filters = 33 must be a multiple of channel_pool = 2"),
    ({"spatial_pool": 1}, "spatial_pool = 1 must be of type SpatialPool"),
    ({"weight_bits": 5}, "weight_bits = 5 must be one of 4, 8"),
    ({"weight_bits": 16}, "weight_bits = 16 must be one of 4, 8"),
    ({"leaky_slope": -0.5}, "leaky_slope = -0.5 must be None or a number from 0 to 1"),
    ({"leaky_slope": 1.5}, "leaky_slope = 1.5 must be None or a number from 0 to 1"),
    ({"leaky_slope": float("nan")}, "leaky_slope = nan must be None or a number from 0 to 1"),
    ({"clamp": (4, 3)}, "clamp = (4, 3) must be None or the least and the largest of a range"),
    ({"clamp": (-129, 3)}, "clamp = (-129, 3) must be None or the least and the largest"),
    ({"clamp": (0, 128)}, "clamp = (0, 128) must be None or the least and the largest"),
    ({"clamp": (0, 1.0)}, "clamp = (0, 1.0) must be None or the least and the largest"),
    ({"clamp": [0, 6]}, "clamp = [0, 6] must be None or the least and the largest"),
    ({"clamp": (0,)}, "clamp = (0,) must be None or the least and the largest"),
    ({"table": (0,) * 255}, "must be None or a tuple of 256 integers"),
    ({"table": [0] * 256}, "must be None or a tuple of 256 integers"),
    ({"table": (0,) * 255 + (128,)}, "table holds 128: must be -128 to 127"),
    ({"table": (0.0,) * 256}, "table holds 0.0: must be -128 to 127"),
    ({"table": (1,) + (0,) * 255, "channel_pool": 2, "output": output_with(shape=Shape(8, 6, 5))},
     "a table under a pool must not fall anywhere: the pool is taken before it"),
    ({"table": (1,) + (0,) * 255, "spatial_pool": SpatialPool.STRIDE_1},
     "a table under a pool must not fall anywhere"),
    ({"is_reduction": True}, "is_reduction: the pass that condenses stored maps is depthwise"),
    ({"is_reduction": True, "filters": 8, "groups": 8,
      "output": output_with(shape=Shape(8, 6, 5))}, "is_reduction: the pass that condenses"),
    ({"tensor": input_with(bits=4)}, "input of 4 bits: stored values have 8"),
    ({"output": output_with(bits=16)}, "output of 16 bits: stored values have 8"),
    ({"tensor": input_with(is_image=True)}, "input is an image of 8 channels: an image has 3"),
    ({"output": output_with(is_image=True, shape=Shape(3, 6, 5)), "filters": 3},
     "output 'out' is an image: images only come from outside"),
    ({"tensor": input_with(shape=Shape(8, 0, 5))}, "input height = 0 must be an integer from 1 to"),
    ({"tensor": input_with(shape=Shape(8, 6, 1 << 15))}, "input width = 32768 must be an integer"),
    ({"tensor": input_with(shape=Shape(1 << 16, 6, 5))}, "input channels = 65536 must be"),
    ({"output": output_with(name=" ")}, "output's name ' ' must be text that can be printed"),
    ({"tensor": input_with(name="a\x1b[2J")}, "input's name 'a\\x1b[2J' must be text that can be"),
    ({"tensor": input_with(name="x" * 256)}, "of 256 characters: at most 255"),
    ({"constants": sound_constants(weights=(np.zeros((16, 8, 3), np.int8),))},
     "weights must be int8 (16, 8, 3, 3), not int8 (16, 8, 3)"),
    ({"constants": sound_constants(weights=(np.zeros((16, 8, 3, 3)),))},
     "weights must be int8 (16, 8, 3, 3), not float64 (16, 8, 3, 3)"),
    ({"constants": sound_constants(bias=np.zeros(16, np.int64))},
     "bias must be int32 (16,), not int64 (16,)"),
    ({"constants": sound_constants(bias=[0] * 16)},
     "bias must be a plain array of int32 (16,), not a list"),
    ({"constants": sound_constants(bias=np.ma.zeros(16, np.int32))},
     "bias must be a plain array of int32 (16,), not a MaskedArray"),
    ({"constants": sound_constants(weights=(None,))},
     "weights must be a plain array of int8 (16, 8, 3, 3), not a NoneType"),
    ({"constants": sound_constants(weights=None)}, "weights must be a tuple of 1 arrays"),
    ({"constants": {"bias": 1}}, "constants = {'bias': 1} must be of type Constants or None"),
    ({"tensor": None}, "input None must be a Tensor"),
    ({"output": "out"}, "output = 'out' must be of type Tensor"),
    ({"tensor": input_with(shape=None)}, "input shape = None must be of type Shape"),
    ({"output": output_with(shape=(16, 6, 5))}, "output shape = (16, 6, 5) must be of type Shape"),
    ({"tensor": input_with(bits=8.0)}, "input bits = 8.0 must be of type int"),
    ({"tensor": input_with(bits=NUMPY_EIGHT)}, "must be of type int"),
    ({"tensor": input_with(quantization=(0.5, 3))},
     "input quantization = (0.5, 3) must be of type Quantization or None"),
    ({"tensor": input_with(is_image="no")}, "input is_image = 'no' must be of type bool"),
    ({"is_reduction": 1}, "is_reduction = 1 must be of type bool"),
    ({"tensor": input_with(shape=Shape(NUMPY_EIGHT, 6, 5))},
     "must be an integer from 1 to 65535"),
    ({"kernel": (np.int64(3), 3)}, "must be two integers from 1 to 255"),
    ({"leaky_slope": np.float32(0.1)}, "must be None or a number from 0 to 1"),
    ({"constants": sound_constants(shift=np.full(16, 63, np.int32))},
     "shift holds 63: must be 2 to 62"),
    ({"constants": sound_constants(shift=np.full(16, 1, np.int32))},
     "shift holds 1: must be 2 to 62"),
    ({"constants": sound_constants(multiplier=np.full(16, -1, np.int32))},
     "multiplier holds -1: must be 0 to 2147483647"),
    ({"constants": sound_constants(negative_multiplier=np.full(16, -(2**31), np.int32))},
     "negative_multiplier holds -2147483648: must be -2147483647 to 2147483647"),
    ({"constants": sound_constants(negative_multiplier=np.full(16, -7, np.int32)),
      "spatial_pool": SpatialPool.STRIDE_2, "output": output_with(shape=Shape(16, 3, 3))},
     "negative_multiplier holds -7: must be at least 0 under a spatial pool, which is taken of"),
    ({"constants": sound_constants(negative_shift=np.full(16, 63, np.int32))},
     "negative_shift holds 63: must be 2 to 62"),
    ({"constants": sound_constants(negative_shift=np.full(15, 2, np.int32))},
     "negative_shift must be int32 (16,), not int32 (15,)"),
    ({"weight_bits": 4,
      "constants": sound_constants(weights=(np.full((16, 8, 3, 3), 8, np.int8),))},
     "weights holds 8: must be -8 to 7"),
    ({"constants": sound_constants(), "output": output_with(quantization=None)},
     "constants need a scale and a zero point of its input and of its output"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_a_fault_is_one_line_with_layer_value_and_rule(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        sound_stage(**changes)
    line = str(caught.value)
    assert line.startswith("layer conv1: ")
    assert message in line
    assert "\n" not in line
    assert len(line) < 250


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan"), 10**400, "1", None])
def test_a_scale_is_finite_and_above_zero(scale: Any) -> None:
    with pytest.raises(InputError, match=r"^layer conv1: input scale = .* must be a finite number"):
        sound_stage(tensor=input_with(quantization=Quantization(scale, 0)))


@pytest.mark.parametrize("zero_point", [-129, 128, 1.0, None])
def test_a_zero_point_is_a_stored_value(zero_point: Any) -> None:
    with pytest.raises(InputError, match=r"^layer conv1: output zero_point = .* from -128 to 127"):
        sound_stage(output=output_with(quantization=Quantization(1.0, zero_point)))


@pytest.mark.parametrize("value", NOT_ABOVE_ZERO)
@pytest.mark.parametrize("field", ["filters", "channel_pool", "groups", "weight_bits"])
def test_counts_are_integers_above_zero(field: str, value: Any) -> None:
    if field == "groups" and value is True:
        value = False
    with pytest.raises(InputError, match=rf"^layer conv1: {field} = "):
        sound_stage(**{field: value})

"""PRELU with a slope for each channel: on the accelerator, with the file's values everywhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.errors import InputError
from hwsim.fixed_point import Rounding, rescaled
from hwsim.golden.tflite.elementwise import prelu
from hwsim.graph import Quantization, Shape, SpatialPool, Stage, Tensor
from hwsim.graph.file_constants import ConstantOperand
from hwsim.graph.kernels import Kernels
from hwsim.graph.pointwise import Prelu
from hwsim.graph.steps import DeviceStep, FileNetwork, HostStep
from hwsim.passes import exact_slopes
from hwsim.passes.tflite_factors import float32, product_factor, stored_factor
from tests.tflite_judges import litert_outputs
from tests.tflite_small import sloped, sloped_network
from tests.tflite_writer import File

SLOPES = (-128, -127, -90, -1, 0, 1, 64, 127)
VALUES = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16, 1)
SCALES = st.floats(2.0**-9, 1.0, width=32)
INT8 = st.integers(-128, 127)


def loaded(file: File, folder: Path) -> FileNetwork:
    path = folder / "sloped.tflite"
    path.write_bytes(file.content())
    found = hwsim.load(path)
    assert isinstance(found, FileNetwork)
    return found


def stages_of(network: FileNetwork) -> Sequence[Stage]:
    return [stage for step in network.steps if isinstance(step, DeviceStep)
            for stage in step.graph.stages]  # fmt: skip


def run(network: FileNetwork, x: NDArray[Any]) -> NDArray[Any]:
    (given,) = network.inputs
    (output,) = hwsim.run(network, "nano", inputs={given: x}).outputs.values()
    return output


@pytest.mark.parametrize("kind", ["int8", "uint8"])
@pytest.mark.parametrize("dims", [(1, 1, 8), (8,), (1, 1, 1, 8)])
@pytest.mark.parametrize("zero_point", [0, -128, 5])
def test_every_value_of_every_channel_is_litert_s(
    kind: str, dims: tuple[int, ...], zero_point: int, tmp_path: Path
) -> None:
    file = sloped(SLOPES, kind, dims, zero_point)
    network = loaded(file, tmp_path)
    (stage,) = stages_of(network)
    assert stage.table is None
    x = np.repeat(VALUES, len(SLOPES), 3)
    x = x if kind == "int8" else (x.astype(np.int16) + 128).astype(np.uint8)
    (expected,) = litert_outputs(file.content(), [x])
    np.testing.assert_array_equal(run(network, x), expected)


def test_slopes_beyond_the_weight_of_one_limb_may_take_two(tmp_path: Path) -> None:
    """No factor of 127 times a value does what a slope of -153 does here."""
    file = sloped((-26, 127, -128, 90), zero_point=127)
    for tensor, scale, zero_point in zip(
        file.tensors, (0.45281085, 0.009495818, 0.009783265), (-22, -128, 127), strict=True
    ):
        tensor.scales, tensor.zero_points = [scale], [zero_point]
    network = loaded(file, tmp_path)
    (stage,) = stages_of(network)
    assert stage.weight_limbs == 2
    x = np.repeat(VALUES, 4, 3)
    (expected,) = litert_outputs(file.content(), [x])
    np.testing.assert_array_equal(run(network, x), expected)


def test_one_slope_stays_a_table(tmp_path: Path) -> None:
    (stage,) = stages_of(loaded(sloped([-90]), tmp_path))
    assert stage.table is not None


def test_slopes_of_pixels_are_the_host_s(tmp_path: Path) -> None:
    file = sloped([3, -4], size=(2, 1))
    slopes = file.tensors[2]
    slopes.dims, slopes.data = (2, 1, 2), np.array([[[1, -2]], [[3, 4]]], np.int8)
    with pytest.raises(InputError, match="2x2x1 for a map of 2 channels has no stage yet"):
        loaded(file, tmp_path)


@pytest.mark.verilator
@pytest.mark.parametrize("preset", ["nano", "edge"])
def test_every_witness_agrees_on_slopes_of_either_sign(preset: str, tmp_path: Path) -> None:
    """The maximum pool behind slopes below 0 is a stage of its own."""
    file = sloped_network()
    network = loaded(file, tmp_path)
    _, first, pool, last = stages_of(network)
    for stage in (first, last):
        assert stage.constants is not None
        assert (stage.constants.negative_multiplier < 0).any()
        assert (stage.constants.shift_below_0 != stage.constants.shift).any()
        assert stage.spatial_pool == SpatialPool.NONE
    assert pool.spatial_pool != SpatialPool.NONE
    x = np.random.default_rng(3).integers(-128, 128, (1, 8, 10, 5)).astype(np.int8)
    (given,) = network.inputs
    found = hwsim.verify(network, preset, inputs={given: x})
    (program,) = found.document.programs
    assert found.failures == ()
    assert program.timeline_cycles == program.verilog_cycles
    (expected,) = litert_outputs(file.content(), [x])
    np.testing.assert_array_equal(run(network, x), expected)


def test_the_host_computes_slopes_without_a_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weight of 1 leaves no room for slope and factor: one of these slopes has no factor then."""
    file = sloped_network()
    x = np.random.default_rng(3).integers(-128, 128, (1, 8, 10, 5)).astype(np.int8)
    proved = loaded(file, tmp_path)
    assert not any(isinstance(step, HostStep) for step in proved.steps)
    expected = run(proved, x)
    monkeypatch.setattr(exact_slopes, "WEIGHTS", (1,))
    exact_slopes.exact_slopes.cache_clear()
    network = loaded(file, tmp_path)
    by_host = [step.operator.name for step in network.steps if isinstance(step, HostStep)]
    assert "prelu_1" in by_host
    np.testing.assert_array_equal(run(network, x), expected)


@settings(deadline=None, max_examples=60)
@given(SCALES, SCALES, SCALES, INT8, INT8, INT8, INT8, st.sampled_from(Kernels))
def test_a_proof_is_of_what_the_source_interpreter_computes(
    scale: float,
    slope_scale: float,
    stored: float,
    zero_point: int,
    slope_zero_point: int,
    left_zero_point: int,
    learned: int,
    kernels: Kernels,
) -> None:
    """Scales as files have them have a proof, which is of the interpreter's own values."""
    read, left = Quantization(scale, zero_point), Quantization(stored, left_zero_point)
    slopes = Quantization(slope_scale, slope_zero_point)
    values = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16)
    shape = Shape(1, 16, 16)
    operator = Prelu(
        name="prelu",
        inputs=("x",),
        outputs=("y",),
        slopes=ConstantOperand(np.full((1, 1, 1), learned, np.int8), slopes),
    )
    tensors = Tensor("x", shape, quantization=read), Tensor("y", shape, quantization=left)
    try:
        expected = prelu(operator, values, *tensors, kernels)
    except InputError:  # the runtime's own integers overflow
        return
    ratio = scale / stored
    above = stored_factor(float32(ratio) if kernels is Kernels.LITERT else ratio)
    below = product_factor(kernels, scale, slope_scale, left)
    slope = learned - slope_zero_point
    found = exact_slopes.exact_slopes(frozenset([slope]), read, left, above, below)
    sums = found.weight * (values.astype(np.int64) - zero_point)
    multiplier, shift = np.where(
        sums.reshape(-1, 1) < 0, np.array(found.below[slope]), np.array(found.above)
    ).T
    ours = rescaled(sums.reshape(-1), multiplier, shift, Rounding.TWICE) + left_zero_point
    np.testing.assert_array_equal(ours.clip(-128, 127), expected.reshape(-1))

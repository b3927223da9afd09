"""`hwsim quantize --weight-bits 4`: Brevitas chooses the scales, ONNX Runtime writes the file."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="hwsim[onnx] is not installed")
pytest.importorskip("onnxruntime", reason="hwsim[onnx] is not installed")

import onnx
from onnx import TensorProto

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.flows.configuration import configuration
from hwsim.flows.float_quantization import quantize_file
from hwsim.golden.float_onnx.four_bits import filter_scales
from hwsim.graph import Quantization
from hwsim.graph.steps import FileNetwork
from hwsim.passes.nearest_sum import nearest_sum
from tests.float_onnx import SIDE, branching, written
from tests.onnx_judges import Differences, judge_stages, maps_of, runtime_tensors

DIMS = (1, 3, SIDE, SIDE)


@pytest.fixture(scope="module")
def four_bits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("four")
    found = quantize_file(written(branching(), folder / "float.onnx"), weight_bits=4)
    place = folder / "four.onnx"
    place.write_bytes(found.content)
    return place


def test_all_weights_are_integers_of_4_bits(four_bits: Path) -> None:
    model = onnx.load(four_bits)
    onnx.checker.check_model(model, full_check=True)
    (version,) = (each.version for each in model.opset_import if each.domain == "")
    assert version == 21, "the first with integers of 4 bits"
    dims = {
        tuple(each.dims) for each in model.graph.initializer if each.data_type == TensorProto.INT4
    }
    assert {(8, 3, 3, 3), (8, 8, 3, 3), (8 * SIDE * SIDE, 5)} <= dims


def test_scales_are_chosen_for_the_least_square_error() -> None:
    weights = np.random.default_rng(0).normal(0, 1, (6, 4, 3, 3)).astype(np.float32)

    def error(scales: NDArray[np.float32]) -> NDArray[np.float64]:
        steps = scales.reshape(-1, 1, 1, 1)
        found = np.clip(np.rint(weights / steps), -7, 7) * steps
        errors: NDArray[np.float64] = np.square(found - weights).reshape(6, -1).mean(axis=1)
        return errors

    ends = np.abs(weights).reshape(6, -1).max(axis=1) / 7
    chosen = filter_scales(weights)
    assert (chosen <= ends).all()
    assert (error(chosen) <= error(ends) * (1 + 1e-6)).all(), "in every filter"
    assert error(chosen).sum() < 0.95 * error(ends).sum()


def test_a_filter_of_next_to_nothing_has_a_scale_for_its_bias() -> None:
    weights = np.random.default_rng(0).normal(0, 1, (4, 9)).astype(np.float32)
    weights[1], weights[2] = 0, 1e-12 * weights[0]
    scales = filter_scales(weights)
    used = np.delete(scales, 1)
    assert scales[1] == np.median(used)
    assert scales[2] == pytest.approx(1e-4 * np.median(used))
    assert filter_scales(np.zeros((2, 3), np.float32)).tolist() == [1, 1]


def test_every_stage_is_within_one_step_of_the_runtime_s(four_bits: Path) -> None:
    network = hwsim.load(four_bits)
    assert isinstance(network, FileNetwork)
    assert {stage.weight_bits for stage in network.graph.stages} == {4}
    assert [step.operator.KIND for step in network.host_steps] == ["quantize", "dequantize"]
    drawn = np.random.default_rng(1).standard_normal(DIMS).astype(np.float32)
    stages = Differences()
    maps = maps_of(network.operators, runtime_tensors(four_bits, {"x": drawn}))
    assert judge_stages(network, maps, stages) == 0
    assert set(stages.values) == {"convolution", "add", "fully connected"}
    assert max(stages.largest.values()) <= 1
    assert stages.different.total() <= 0.005 * stages.values.total()
    config = configuration("edge", weight_bits=4)
    found = hwsim.run(network, config, inputs={"x": drawn}, check=True)
    assert found.outputs["y"].shape == (1, 5)


def test_weights_take_half_the_bytes(four_bits: Path, tmp_path: Path) -> None:
    place = tmp_path / "eight.onnx"
    place.write_bytes(quantize_file(written(branching(), tmp_path / "float.onnx")).content)
    eight = hwsim.estimate(place, "edge").totals
    four = hwsim.estimate(four_bits, configuration("edge", weight_bits=4)).totals
    assert four.macs == eight.macs
    assert 0.5 <= four.weight_bytes / eight.weight_bytes < 0.52


def test_an_accelerator_of_8_bits_refuses_it(
    four_bits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", str(four_bits)]) == 2
    error = capsys.readouterr().err
    assert "weights have 4 bits, config 'edge' is built for 8: see --weight-bits" in error
    assert main(["estimate", str(four_bits), "--weight-bits", "4", "-q"]) == 0


def test_the_command_says_who_quantized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, place = written(branching(), tmp_path / "float.onnx"), tmp_path / "out.onnx"
    command = ["quantize", str(path), "--random", "--weight-bits", "4", "-o", str(place)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "quantized by Brevitas and ONNX Runtime to weights of 4 bits and maps of 8" in printed
    assert "second" in printed, "a row of every map"
    with pytest.raises(InputError, match="weight bits 5: must be one of 4, 8"):
        quantize_file(path, weight_bits=5)


@pytest.mark.parametrize("ratio", [1.0, 0.77, 0.3, 0.05])
def test_a_sum_has_weights_of_two_limbs_of_4_bits(ratio: float) -> None:
    first, second = Quantization(0.05, 3), Quantization(0.05 * ratio, -20)
    found = nearest_sum(first, second, Quantization(0.07, 1), weight_bits=4)
    assert max(map(abs, found.weights)) <= 119

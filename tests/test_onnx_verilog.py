"""Quantized `.onnx` networks on the Verilog: values and bytes are the model's and golden's."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import hwsim
from hwsim.flows.configuration import configuration
from hwsim.flows.float_quantization import quantize_file
from hwsim.flows.verification import VerifyResult
from hwsim.graph.steps import FileNetwork
from tests.float_onnx import SIDE, branching, written
from tests.onnx_small import Small, reals
from tests.test_onnx_networks import input_of, network_file
from tests.test_onnx_operators import begun, split_and_maximum

pytestmark = pytest.mark.verilator
YUNET = "yunet_n_320_float"


def check(network: FileNetwork, config: str, unfused: bool = False) -> VerifyResult:
    inputs = {name: reals(tensor.dims, size=2.0) for name, tensor in network.inputs.items()}
    found = hwsim.verify(network, config, inputs=inputs, unfused=unfused)
    assert not found.failures
    return found


def loaded(path: Path, size: str | None = None) -> FileNetwork:
    network = hwsim.load(path, size=size)
    assert isinstance(network, FileNetwork)
    return network


def test_a_small_network_with_a_virtual_map_beside_its_baseline(tmp_path: Path) -> None:
    small = Small()
    left = small.quantized(split_and_maximum(small, begun(small)), 0.06, -20)
    added = small.quantized(small.convolution(left, 4, 4), 0.1, 5)
    total = small.quantized(small.node("Add", left, added), 0.12, -3)
    gated = small.node("Mul", total, small.quantized(small.node("Sigmoid", total), 1 / 256, -128))
    small.leave(small.quantized(small.convolution(small.quantized(gated, 0.1), 8, 4), 0.2))
    found = check(loaded(small.save(tmp_path)), "nano", unfused=True)
    assert {program.variant for program in found.document.programs} == {"B", "C"}
    saving = found.document.saving
    assert saving is not None
    assert saving.feature_saving_ratio > 0.1


def test_a_network_with_weights_of_4_bits(tmp_path: Path) -> None:
    path = tmp_path / "four.onnx"
    path.write_bytes(
        quantize_file(written(branching(), tmp_path / "f.onnx"), weight_bits=4).content
    )
    config = configuration("nano", weight_bits=4)
    network = loaded(path)
    drawn = np.random.default_rng(5).standard_normal((1, 3, SIDE, SIDE)).astype(np.float32)
    found = hwsim.verify(network, config, inputs={"x": drawn})
    assert not found.failures


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["vww_96_int8_qdq", "kws_dscnn_int8_qdq", "lightcnn9_untrained_int8_qdq"]
)
def test_a_whole_network(name: str) -> None:
    network = loaded(network_file(name))
    found = hwsim.verify(network, "edge", inputs=input_of(name))
    assert not found.failures


@pytest.mark.slow
def test_yunet_quantized_here(tmp_path: Path) -> None:
    path = tmp_path / "yunet.onnx"
    path.write_bytes(quantize_file(network_file(YUNET), size="160x160").content)
    network = loaded(path)
    assert {tensor.dims for tensor in network.inputs.values()} == {(1, 3, 160, 160)}
    assert len(network.outputs) == 12
    check(network, "edge")

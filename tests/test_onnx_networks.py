"""Real `.onnx` networks: every operator is next to ONNX Runtime's on the runtime's own input."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import hwsim
from hwsim.flows.float_quantization import quantize_file
from hwsim.graph.steps import FileNetwork
from tests.onnx_judges import (
    Differences,
    judge_operators,
    judge_stages,
    maps_of,
    runtime_tensors,
)

NETWORKS = Path(os.environ.get("HWSIM_NETWORKS", "../shared/networks"))
INPUTS = {
    "vww_96_int8_qdq": "input_1",
    "kws_dscnn_int8_qdq": "input_1",
    "lightcnn9_untrained_int8_qdq": "face",
}
KEPT = ("vww_96_int8_qdq", "kws_dscnn_int8_qdq")  # with reference outputs
MACS = {
    "vww_96_int8_qdq": 7_489_664,
    "kws_dscnn_int8_qdq": 2_656_768,
    "lightcnn9_untrained_int8_qdq": 976_748_544,
}
CYCLES = {  # on edge
    "vww_96_int8_qdq": 88_141,
    "kws_dscnn_int8_qdq": 25_260,
    "lightcnn9_untrained_int8_qdq": 6_396_005,
}
HOST = {
    "vww_96_int8_qdq": ["quantize", "dequantize", "softmax"],
    "kws_dscnn_int8_qdq": ["quantize", "dequantize", "softmax"],
    "lightcnn9_untrained_int8_qdq": ["quantize", "dequantize"],
}


def network_file(name: str) -> Path:
    """Return the path of a real network; skip the test where there is none."""
    path = NETWORKS / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"{path} is missing: real networks are no part of the project")
    return path


def loaded(name: str) -> FileNetwork:
    network = hwsim.load(network_file(name))
    assert isinstance(network, FileNetwork)
    return network


def input_of(name: str) -> dict[str, NDArray[np.float32]]:
    """Return the input of a kept reference run, or drawn pixels where there is none."""
    if name in KEPT:
        kept = np.load(NETWORKS / "reference" / f"{name}.npz")
        return {INPUTS[name]: kept["in0"]}
    ((own, tensor),) = loaded(name).inputs.items()
    return {own: np.random.default_rng(1).random(tensor.dims, dtype=np.float32)}


@pytest.mark.parametrize("name", INPUTS)
def test_what_it_costs(name: str) -> None:
    network = loaded(name)
    assert network.operators.total_macs == MACS[name]
    assert hwsim.estimate(network, "edge").totals.cycles == CYCLES[name]


@pytest.mark.parametrize("name", INPUTS)
def test_it_is_one_program_between_the_ends(name: str) -> None:
    network = loaded(name)
    kinds = [step.operator.KIND for step in network.host_steps]
    assert kinds == HOST[name]
    assert len(network.device_steps) == 1


@pytest.mark.parametrize("name", INPUTS)
def test_every_operator_is_at_most_one_step_off_the_runtime_s(name: str) -> None:
    network = loaded(name)
    tensors = runtime_tensors(network_file(name), input_of(name))
    maps = maps_of(network.operators, tensors)
    source, stages = Differences(), Differences()
    left_out = judge_operators(network.operators, maps, source)
    assert all(operator.KIND in ("softmax", "dequantize") for operator in left_out)
    assert judge_stages(network, maps, stages) == 0
    source.show(f"{name} operators")
    stages.show(f"{name} stages")
    assert max(source.largest.values()) <= 1
    assert max(stages.largest.values()) <= 1


def test_a_network_that_is_quantized_here_is_at_most_one_step_off(tmp_path: Path) -> None:
    path = tmp_path / "yunet.onnx"
    path.write_bytes(quantize_file(network_file("yunet_n_320_float"), size="160x160").content)
    network = hwsim.load(path)
    assert isinstance(network, FileNetwork)
    assert len(network.device_steps) == 1
    assert len(network.outputs) == 12
    drawn = np.random.default_rng(1).standard_normal((1, 3, 160, 160)).astype(np.float32)
    maps = maps_of(network.operators, runtime_tensors(path, {"input": drawn}))
    stages = Differences()
    assert judge_stages(network, maps, stages) == 0
    stages.show("yunet_n_320_float 160x160 stages")
    assert max(stages.largest.values()) <= 1


def test_max_feature_maps_are_virtual() -> None:
    network = loaded("lightcnn9_untrained_int8_qdq")
    assert [stage.channel_pool for stage in network.graph.stages] == [2] * 10
    found = hwsim.estimate(network, "edge").document.comparison
    assert found is not None
    assert {each.key: each.total_bytes for each in found.variants} == {
        "A": 4_694_336,
        "B": 10_845_248,
        "B'": 15_131_712,
        "C": 7_540_672,
    }
    assert round(found.feature_saving_ratio, 4) == 0.6306
    assert round(found.total_saving_ratio, 4) == 0.3047


@pytest.mark.parametrize("name", KEPT)
def test_its_outputs_are_next_to_the_kept_ones(name: str) -> None:
    network = loaded(name)
    kept = np.load(NETWORKS / "reference" / f"{name}.npz")
    found = hwsim.run(network, "edge", inputs={INPUTS[name]: kept["in0"]}, check=True)
    (values,) = found.outputs.values()
    assert values.shape == kept["out0_0_noopt"].shape
    assert np.abs(values - kept["out0_0_noopt"]).max() < 1e-6

"""Real `.onnx` networks: every operator is next to ONNX Runtime's on the runtime's own input."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import hwsim
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
}
MACS = {
    "vww_96_int8_qdq": 7_489_664,
    "kws_dscnn_int8_qdq": 2_656_768,
}
CYCLES = {"vww_96_int8_qdq": 102_168, "kws_dscnn_int8_qdq": 28_325}  # on edge


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


@pytest.mark.parametrize("name", INPUTS)
def test_what_it_costs(name: str) -> None:
    network = loaded(name)
    assert network.operators.total_macs == MACS[name]
    assert hwsim.estimate(network, "edge").totals.cycles == CYCLES[name]


@pytest.mark.parametrize("name", INPUTS)
def test_it_is_one_program_between_the_ends(name: str) -> None:
    network = loaded(name)
    kinds = [step.operator.KIND for step in network.host_steps]
    assert kinds == ["quantize", "dequantize", "softmax"]
    assert len(network.device_steps) == 1


@pytest.mark.parametrize("name", INPUTS)
def test_every_operator_is_at_most_one_step_off_the_runtime_s(name: str) -> None:
    network = loaded(name)
    kept = np.load(NETWORKS / "reference" / f"{name}.npz")
    tensors = runtime_tensors(network_file(name), {INPUTS[name]: kept["in0"]})
    maps = maps_of(network.operators, tensors)
    source, stages = Differences(), Differences()
    left_out = judge_operators(network.operators, maps, source)
    assert all(operator.KIND in ("softmax", "dequantize") for operator in left_out)
    assert judge_stages(network, maps, stages) == 0
    source.show(f"{name} operators")
    stages.show(f"{name} stages")
    assert max(source.largest.values()) <= 1
    assert max(stages.largest.values()) <= 1


@pytest.mark.parametrize("name", INPUTS)
def test_its_outputs_are_next_to_the_kept_ones(name: str) -> None:
    network = loaded(name)
    kept = np.load(NETWORKS / "reference" / f"{name}.npz")
    found = hwsim.run(network, "edge", inputs={INPUTS[name]: kept["in0"]}, check=True)
    (values,) = found.outputs.values()
    assert values.shape == kept["out0_0_noopt"].shape
    assert np.abs(values - kept["out0_0_noopt"]).max() < 1e-6

"""`hwsim compile` of an `.onnx` writes nothing of the host's tensors that it does not know."""

from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import hwsim
from hwsim.graph.steps import FileNetwork
from tests.onnx_small import Small, reals
from tests.test_onnx_operators import begun


def test_the_header_has_sizes_of_the_host_s_tensors_in_elements_alone(tmp_path: Path) -> None:
    small = Small()
    small.leave(small.quantized(small.convolution(begun(small), 4, 8), 0.2))
    network = hwsim.load(small.save(tmp_path))
    assert isinstance(network, FileNetwork)
    inputs = {name: reals(tensor.dims, size=2.0) for name, tensor in network.inputs.items()}
    header = hwsim.compile(network, "nano", inputs=inputs).files["memory.h"]
    assert isinstance(header, str)
    assert "MEMORY_HOST_OP_0_INPUT_0_ELEMENTS" in header
    assert "PUT_0_MAP" not in header
    assert "OUTPUT_MAP" not in header

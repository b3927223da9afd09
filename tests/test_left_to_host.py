"""Operators of a `.tflite` without exact stages are left to the host, wherever they stand."""

from pathlib import Path

import numpy as np
import pytest

from hwsim.errors import WithoutStageError

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.graph.steps import DeviceStep, FileNetwork, HostStep
from tests.tflite_judges import litert_outputs
from tests.tflite_small import enlarged, rearranged


def test_what_stands_at_the_end_is_a_step_of_the_host(tmp_path: Path) -> None:
    path, content = tmp_path / "enlarged.tflite", enlarged().content()
    path.write_bytes(content)
    network = hwsim.load(path)
    assert isinstance(network, FileNetwork)
    device, host = network.steps
    assert isinstance(device, DeviceStep)
    assert [stage.name for stage in device.graph.stages] == ["conv_2d_0"]
    assert isinstance(host, HostStep)
    assert host.operator.KIND == "depth to space"
    (name,) = network.inputs
    x = np.random.default_rng(3).integers(-128, 128, (1, 3, 5, 2)).astype(np.int8)
    (found,) = hwsim.run(network, inputs={name: x}, check=True).outputs.values()
    (expected,) = litert_outputs(content, [x])
    np.testing.assert_array_equal(found, expected)


def test_what_stands_between_convolutions_lies_between_programs(tmp_path: Path) -> None:
    path, content = tmp_path / "rearranged.tflite", rearranged().content()
    path.write_bytes(content)
    network = hwsim.load(path)
    assert isinstance(network, FileNetwork)
    assert [step.leaves for step in network.steps] == [
        ("conv_2d_0",), ("depth_to_space_1",), ("conv_2d_2",), ("depth_to_space_3",), ("conv_2d_4",)
    ]  # fmt: skip
    assert [len(step.graph.stages) for step in network.device_steps] == [1, 1, 1]
    (name,) = network.inputs
    x = np.random.default_rng(3).integers(-128, 128, (1, 2, 2, 4)).astype(np.int8)
    (found,) = hwsim.run(network, inputs={name: x}, check=True).outputs.values()
    (expected,) = litert_outputs(content, [x])
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 2


def test_a_convolution_without_exact_stage_is_refused(tmp_path: Path) -> None:
    file = rearranged()
    wide = next(tensor for tensor in file.tensors if tensor.data is not None)
    wide.scales = [2.0**31]  # a factor that no rescale has
    path = tmp_path / "wide.tflite"
    path.write_bytes(file.content())
    with pytest.raises(WithoutStageError) as caught:
        hwsim.load(path)
    assert "conv_2d_0" in caught.value.operators
    assert any(line.startswith("operator 0 CONV_2D: ") for line in caught.value.reasons)

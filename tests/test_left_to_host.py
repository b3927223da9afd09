"""Operators of a `.tflite` without exact stages are left to the host, if no convolution follows."""

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


def test_what_a_convolution_reads_is_refused_with_all_others(tmp_path: Path) -> None:
    path = tmp_path / "rearranged.tflite"
    path.write_bytes(rearranged().content())
    with pytest.raises(WithoutStageError) as caught:
        hwsim.load(path)
    assert caught.value.operators == {"depth_to_space_1", "depth_to_space_3"}
    assert caught.value.lines[1:] == (
        "operator 1 DEPTH_TO_SPACE: depth to space has no stage yet",
        "operator 3 DEPTH_TO_SPACE: depth to space has no stage yet",
    )

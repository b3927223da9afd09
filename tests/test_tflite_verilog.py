"""Whole `.tflite` networks in Verilog: values and bytes equal, cycles within their bounds."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.arch.config import Config
from hwsim.flows.verification import VerifyResult
from hwsim.graph.steps import DeviceStep, FileNetwork
from hwsim.program.program import Program
from hwsim.testbenches import network_bench
from tests.tflite_judges import litert_outputs, network_file, references
from tests.tflite_small import bent

pytestmark = pytest.mark.verilator

TINY = (
    "ad01_int8",
    "kws_dscnn_int8",
    "mobilenet_v1_025_128_uint8",
    "resnet8_int8",
    "vww_96_int8",
)
LARGER = ("mcunet_detection_int8", "mobilenet_v2_224_int8", "ssd_slim_120x160_int8")
FLIPPED = "conv_2d_4"  # of ResNet8
CASES = [
    *((name, preset) for name in TINY for preset in ("nano", "edge")),
    *(pytest.param(name, "edge", marks=pytest.mark.slow) for name in LARGER),
]


def verified(name: str, preset: str | Config) -> VerifyResult:
    """Return what all witnesses say of a network on the first of its reference inputs."""
    network = hwsim.load(network_file(name))
    assert isinstance(network, FileNetwork)
    ((x,), _), *_ = references(name)
    (given,) = network.inputs
    return hwsim.verify(network, preset, inputs={given: x})


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_every_witness_agrees(name: str, preset: str) -> None:
    found = verified(name, preset)
    (program,) = found.document.programs
    error = program.timeline_cycles / program.verilog_cycles - 1
    worst = max(found.layers, key=lambda layer: abs(layer.error_ratio or 0.0))
    print(
        f"{name} {preset}: {program.verilog_cycles:,} cycles in Verilog, "
        f"{program.timeline_cycles:,} ({error:+.3%}) on the timeline; "
        f"worst layer {worst.layer} {worst.error_ratio or 0.0:+.2%}"
    )
    assert found.failures == ()


@pytest.mark.parametrize("preset", ["nano", "edge"])
def test_clamps_and_tables_agree(preset: str, tmp_path: Path) -> None:
    path, content = tmp_path / "bent.tflite", bent().content()
    path.write_bytes(content)
    network = hwsim.load(path)
    assert isinstance(network, FileNetwork)
    (step,) = network.steps
    assert isinstance(step, DeviceStep)
    assert [(stage.clamp is None, stage.table is None) for stage in step.graph.stages] == [
        (False, False),
        (False, False),
    ]
    x = np.random.default_rng(3).integers(-128, 128, (1, 9, 10, 5)).astype(np.int8)
    (given,) = network.inputs
    found = hwsim.verify(network, preset, inputs={given: x})
    (program,) = found.document.programs
    assert found.failures == ()
    assert program.timeline_cycles == program.verilog_cycles
    (output,) = hwsim.run(network, preset, inputs={given: x}).outputs.values()
    (expected,) = litert_outputs(content, [x])
    np.testing.assert_array_equal(output, expected)


def test_a_flipped_byte_of_weights_is_seen_at_its_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    place = network_bench.place

    def flipped(program: Program, inputs: Mapping[int, bytes], folder: Path) -> None:
        place(program, inputs, folder)
        file = folder / network_bench.MEMORY_FILE
        contents = bytearray(file.read_bytes())
        (weights,) = (part.weights for part in program.stages if part.stage.name == FLIPPED)
        contents[weights.address + 3] ^= 0x40
        file.write_bytes(contents)

    monkeypatch.setattr(network_bench, "place", flipped)
    in_memory = hwsim.configuration("edge", settings={"residency": False})
    first, *_ = verified("resnet8_int8", in_memory).failures
    assert first.startswith(f"A: {FLIPPED} differs in ")
    assert ": Verilog " in first

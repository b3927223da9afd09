"""The generated Verilog passes lint, and agrees with golden, machine and timeline."""

import json
import shutil
import subprocess
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hwsim.arch.config import Config, load_config
from hwsim.rtl.accelerator import accelerator_verilog
from hwsim.testbenches import network_bench, simulator
from hwsim.testbenches.bench import CONFIG
from hwsim.testbenches.tb_accelerator import TOLERANCE
from hwsim.testbenches.tb_condensation import MEASURED as MEASURED_BY_K
from hwsim.testbenches.tb_drawn import BRANCHING, EXAMPLES, LAYERS
from hwsim.testbenches.tb_recovery import ENDS, FUZZED
from tests.collisions import with_noise
from tests.drawn import preset_with

TOP = "accelerator"
BENCH = "hwsim.testbenches.tb_accelerator"
RECOVERY = "hwsim.testbenches.tb_recovery"
ANOTHER_MEMORY = "hwsim.testbenches.tb_another_memory"
DRAWN_BENCH = "hwsim.testbenches.tb_drawn"
FILTER = "COCOTB_TEST_FILTER"
EXACT, NEAR, CLOSE = "0", "0.001", "0.01"  # the timeline's largest relative error
QUICK = ("nano", "nano W4A8", "nano without the pool")
SPOILT = ("nano", "edge", "few weight bits")
MEASURED = ("nano", "nano W4A8", "edge")  # the timeline is exact on these and their own memory

# Buffers so small that rings wrap, weights are read again and layers are cut up.
TINY = {
    "feature_bytes": 4096,
    "weight_bytes": 4096,
    "accumulator_depth": 32,
    "staging_bytes": 1024,
}
CONFIGURATIONS = {
    "nano": load_config("nano"),
    "nano W4A8": preset_with("nano", widths={"weight_bits": 4}),
    "nano without the pool": preset_with("nano", channel_pool=False, tables=False),
    "edge": load_config("edge"),
    "mid": load_config("mid"),
    "tiny": preset_with("nano", buffers=TINY),
    "ideal memory": preset_with("nano", memory={"latency_cycles": 1}),
    "2.5 cycles per beat": preset_with(
        "nano", memory={"latency_cycles": 20, "bandwidth_bytes_per_cycle": 3.2}
    ),
    "few weight bits": preset_with(
        "nano",
        widths={"weight_bits": 4, "multiplier_bits": 32},
        array={"output_lanes": 16, "rescale_lanes": 2},
    ),
    "few output lanes": preset_with("edge", array={"output_lanes": 8}, buffers=TINY),
    "many output lanes": preset_with("nano", array={"output_lanes": 32, "rescale_lanes": 8}),
}
ALL = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CONFIGURATIONS
]


@cache
def generated(config: Config) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return accelerator_verilog(config, TOP)


def run_bench(config: Config, results: Path, bench: str = BENCH, **environment: str) -> None:
    run_verilog(generated(config), config, results, bench, **environment)


def run_verilog(
    verilog: str, config: Config, results: Path, bench: str, **environment: str
) -> None:
    environment = {TOLERANCE: EXACT} | environment | {CONFIG: config.model_dump_json()}
    model = network_bench.build(verilog, config)
    simulator.run(
        model, network_bench.TOP, bench, results, environment, network_bench.plusargs(results)
    )


@pytest.mark.verilator
@pytest.mark.parametrize("name", ALL)
def test_verilog_lints_clean(name: str, tmp_path: Path) -> None:
    source = tmp_path / f"{TOP}.v"
    source.write_text(generated(CONFIGURATIONS[name]), "utf-8")
    simulator.lint(source, TOP)


@pytest.mark.verilator
def test_the_smallest_configuration_lints_clean(tmp_path: Path) -> None:
    """Lint accepts the smallest legal sizes of every buffer, burst and queue, without tables."""
    least = {"feature_bytes": 16, "weight_bytes": 144, "accumulator_depth": 2, "staging_bytes": 16}
    smallest = preset_with(
        "nano",
        buffers=least,
        bus={"burst_beats": 2, "outstanding_reads": 2},
        array={"rescale_lanes": 1},
        tables=False,
    )
    source = tmp_path / f"{TOP}.v"
    source.write_text(generated(smallest), "utf-8")
    simulator.lint(source, TOP)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_icarus_takes_the_verilog(tmp_path: Path) -> None:
    source = tmp_path / f"{TOP}.v"
    source.write_text(generated(CONFIGURATIONS["nano"]), "utf-8")
    command = ["iverilog", "-g2005", "-t", "null", "-s", TOP, str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.verilator
@pytest.mark.parametrize("name", ALL)
def test_accelerator(name: str, tmp_path: Path) -> None:
    run_bench(CONFIGURATIONS[name], tmp_path, **{TOLERANCE: EXACT if name in MEASURED else CLOSE})


@pytest.mark.verilator
def test_a_memory_of_another_make(tmp_path: Path) -> None:
    config = CONFIGURATIONS["nano"]
    model = simulator.build(generated(config), TOP)
    simulator.run(model, TOP, ANOTHER_MEMORY, tmp_path, {CONFIG: config.model_dump_json()})


@pytest.mark.verilator
def test_recovery(tmp_path: Path) -> None:
    run_bench(CONFIGURATIONS["nano"], tmp_path, RECOVERY)


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("bench", [BENCH, RECOVERY])
@pytest.mark.parametrize("name", ["nano", "edge", "tiny"])
def test_no_word_counts_that_is_read_while_written(name: str, bench: str, tmp_path: Path) -> None:
    """Words that are read while written do not matter, as `block_memory` promises synthesis."""
    config = CONFIGURATIONS[name]
    tolerance = {TOLERANCE: EXACT if name in MEASURED else CLOSE}
    run_verilog(with_noise(generated(config)), config, tmp_path, bench, **tolerance)


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize(("name", "every"), [("nano", 1), ("edge", 5), ("few weight bits", 13)])
def test_recovery_from_many_errors(name: str, every: int, tmp_path: Path) -> None:
    """The accelerator recovers from an error on every beat, or on every few beats, of a run."""
    lasting = {ENDS: f"0 {every}", FILTER: "^(?!.*(spoilt|in_any_cycle))"}
    run_bench(CONFIGURATIONS[name], tmp_path, RECOVERY, **lasting)


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "first", "step"),
    [*(("nano", first, 8) for first in range(8)), ("edge", 0, 5), ("few weight bits", 0, 13)],
)
def test_recovery_in_many_cycles(
    name: str, first: int, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On `nano` the accelerator recovers from an ABORT in every cycle of a run.

    The cycles are split into tests that run in parallel. Covered lines are not counted here, which
    would take three times as long; every other test counts them.
    """
    monkeypatch.setenv("VERILOG_COVERAGE", "0")
    moments = {ENDS: f"{first} {step}", FILTER: "in_any_cycle"}
    run_bench(CONFIGURATIONS[name], tmp_path, RECOVERY, **moments)


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seeds"),
    [(name, f"{first} {first + 199}") for name in SPOILT for first in range(100, 700, 200)],
)
def test_recovery_from_many_spoilt_programs(name: str, seeds: str, tmp_path: Path) -> None:
    run_bench(CONFIGURATIONS[name], tmp_path, RECOVERY, **{FUZZED: seeds, FILTER: "spoilt"})


@pytest.mark.verilator
@pytest.mark.parametrize("name", ALL)
def test_drawn_networks(name: str, tmp_path: Path) -> None:
    """All witnesses agree; the three quick builds see fifty networks that branch."""
    drawn = {EXAMPLES: "48", BRANCHING: "17"} if name in QUICK else {}
    tolerance = {TOLERANCE: NEAR if name in MEASURED else CLOSE}
    run_bench(CONFIGURATIONS[name], tmp_path, DRAWN_BENCH, **drawn, **tolerance)


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_many_drawn_networks(name: str, tmp_path: Path) -> None:
    """All witnesses agree on a thousand drawn networks that branch, and on more layers."""
    share = str(-(-1000 // len(CONFIGURATIONS)))
    many = {EXAMPLES: "180", LAYERS: share, BRANCHING: share}
    many[TOLERANCE] = NEAR if name in MEASURED else CLOSE
    run_bench(CONFIGURATIONS[name], tmp_path, DRAWN_BENCH, **many)


@pytest.mark.verilator
@pytest.mark.slow
def test_condensation_costs_its_macs_alone(tmp_path: Path) -> None:
    """Condensing costs only its multiply-accumulates, and at k = 1 it costs nothing."""
    edge = CONFIGURATIONS["edge"]
    measured = [
        condensation(config, tmp_path / str(config.channel_pool))
        for config in (edge, preset_with("edge", channel_pool=False))
    ]
    assert measured[0]["1"] == measured[1]["1"]
    plain = measured[0].pop("1")
    assert set(measured[0]) == {"2", "4", "8"}
    for k, run in measured[0].items():
        added = (run["macs"] - plain["macs"]) // edge.macs_per_cycle
        assert run["array_cycles"] - plain["array_cycles"] == added
        assert added <= run["cycles"] - plain["cycles"] <= 1.01 * added
        for kind in ("features_read", "features_written"):
            assert run["bytes"][kind] == plain["bytes"][kind], k
    assert measured[0]["4"]["cycles"] <= 1.01 * measured[0]["4"]["array_cycles"]


def condensation(config: Config, results: Path) -> dict[str, Any]:
    results.mkdir()
    run_bench(config, results, "hwsim.testbenches.tb_condensation")
    measured: dict[str, Any] = json.loads((results / MEASURED_BY_K).read_text("utf-8"))
    return measured

"""The generated Verilog passes lint, and agrees with golden, machine and timeline."""

import json
import shutil
import subprocess
import warnings
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from hwsim.arch.config import Config, load_config
from hwsim.rtl.accelerator import accelerator_files, accelerator_verilog
from hwsim.testbenches import network_bench, simulator
from hwsim.testbenches.bench import CONFIG, TOLERANCE
from hwsim.testbenches.tb_condensation import MEASURED as MEASURED_BY_K
from hwsim.testbenches.tb_drawn import BRANCHING, EXAMPLES, LAYERS
from hwsim.testbenches.tb_recovery import ENDS, FUZZED
from hwsim.testbenches.tb_resident import DRAWN_TURNS
from tests.drawn import in_memory, preset_with
from tests.other_wrappers import EARLY_MULTIPLIER, ECP5_MULTIPLIER, NOISY_RAM

TOP = "accelerator"
BENCH = "hwsim.testbenches.tb_accelerator"
RECOVERY = "hwsim.testbenches.tb_recovery"
ANOTHER_MEMORY = "hwsim.testbenches.tb_another_memory"
CLOCK_GATE = "hwsim.testbenches.tb_clock_gate"
RESIDENT = "hwsim.testbenches.tb_resident"
DRAWN_BENCH = "hwsim.testbenches.tb_drawn"
FILTER = "COCOTB_TEST_FILTER"
RANDOM = ("--x-initial", "unique", "--x-assign", "unique")  # values that are not written
EXACT, NEAR, CLOSE = "0", "0.001", "0.01"  # the timeline's largest relative error
QUICK = ("nano", "nano W4A8", "nano without the pool", "few input lanes")
SPOILT = ("nano", "edge", "few weight bits")
MEASURED = ("nano", "nano W4A8", "edge")  # the timeline is exact on these and their own memory

# Buffers so small that rings wrap, weights are read again and layers are cut up.
TINY = {
    "feature_bytes": 4096,
    "weight_bytes": 4096,
    "accumulator_depth": 32,
    "staging_bytes": 1024,
}
BUILDS = {
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
    "narrow bus": preset_with(
        "edge",
        bus={"bus_bits": 64},
        memory={"latency_cycles": 20, "bandwidth_bytes_per_cycle": 6.4},
        buffers=TINY,
    ),
    "shared memory": preset_with(
        "nano",
        memory={"latency_cycles": 20, "bandwidth_bytes_per_cycle": 3.2, "shared": True},
        buffers=TINY,
    ),
    "trees": preset_with("nano", array={"multipliers": "tree"}),
    "few weight bits": preset_with(
        "nano",
        widths={"weight_bits": 4, "multiplier_bits": 32},
        array={"output_lanes": 16, "rescale_lanes": 2},
    ),
    "few input lanes": preset_with(
        "nano",
        array={"input_lanes": 4, "rescale_lanes": 4},
        bus={"bus_bits": 32},
        memory={"latency_cycles": 20, "bandwidth_bytes_per_cycle": 3.2},
        buffers=TINY,
    ),
    "few output lanes": preset_with("edge", array={"output_lanes": 8}, buffers=TINY),
    "many output lanes": preset_with("nano", array={"output_lanes": 32, "rescale_lanes": 8}),
}
CONFIGURATIONS = {name: in_memory(config) for name, config in BUILDS.items()}
ALL = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CONFIGURATIONS
]
needs_icarus = pytest.mark.skipif(
    shutil.which("iverilog") is None, reason="Icarus Verilog is not installed"
)


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
    run_model(network_bench.build(verilog, config), config, results, bench, (), **environment)


def run_model(
    model: Path,
    config: Config,
    results: Path,
    bench: str,
    plusargs: Sequence[str],
    **environment: str,
) -> None:
    environment = {TOLERANCE: EXACT} | environment | {CONFIG: config.model_dump_json()}
    files = network_bench.plusargs(results)
    simulator.run(model, network_bench.TOP, bench, results, environment, [*files, *plusargs])


@pytest.mark.verilator
@pytest.mark.parametrize("name", ALL)
def test_verilog_lints_clean(name: str, tmp_path: Path) -> None:
    source = tmp_path / f"{TOP}.v"
    source.write_text(generated(CONFIGURATIONS[name]), "utf-8")
    simulator.lint(source, TOP)


@pytest.mark.verilator
def test_the_smallest_configuration_lints_clean(tmp_path: Path) -> None:
    """Lint accepts the smallest legal sizes of every buffer, burst and queue, without tables."""
    least = {"feature_bytes": 8, "weight_bytes": 136, "accumulator_depth": 2, "staging_bytes": 8}
    smallest = preset_with(
        "nano",
        buffers=least,
        bus={"bus_bits": 32, "burst_beats": 2, "outstanding_reads": 2},
        array={"input_lanes": 4, "rescale_lanes": 1},
        tables=False,
    )
    source = tmp_path / f"{TOP}.v"
    source.write_text(generated(smallest), "utf-8")
    simulator.lint(source, TOP)


@needs_icarus
def test_icarus_takes_the_verilog(tmp_path: Path) -> None:
    source = tmp_path / f"{TOP}.v"
    source.write_text(generated(CONFIGURATIONS["nano"]), "utf-8")
    command = ["iverilog", "-g2005", "-t", "null", "-s", TOP, str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@needs_icarus
def test_icarus_runs_it_from_unknown_values(tmp_path: Path) -> None:
    """Every register and memory is X before the reset; of that nothing is left after a run."""
    config = CONFIGURATIONS["nano"]
    source = tmp_path / f"{TOP}.v"
    source.write_text(generated(config), "utf-8")
    runner = get_runner("icarus")
    runner.build(
        sources=[source], hdl_toplevel=TOP, build_dir=tmp_path, timescale=("1ns", "1ns"),
    )  # fmt: skip
    runner.test(
        hdl_toplevel=TOP,
        test_module=ANOTHER_MEMORY,
        build_dir=tmp_path,
        test_dir=tmp_path,
        results_xml=str(tmp_path / "results.xml"),
        extra_env={CONFIG: config.model_dump_json()},
    )
    tests, failed = get_results(tmp_path / "results.xml")
    assert (tests, failed) == (1, 0)


@pytest.mark.verilator
@pytest.mark.parametrize("name", ALL)
def test_accelerator(name: str, tmp_path: Path) -> None:
    run_bench(CONFIGURATIONS[name], tmp_path, **{TOLERANCE: EXACT if name in MEASURED else CLOSE})


@pytest.mark.verilator
@pytest.mark.parametrize("name", ALL)
def test_maps_that_stay_on_the_chip(name: str, tmp_path: Path) -> None:
    tolerance = {TOLERANCE: EXACT if name in MEASURED else CLOSE}
    run_bench(CONFIGURATIONS[name], tmp_path, RESIDENT, **tolerance)


@pytest.mark.verilator
def test_a_memory_of_another_make(tmp_path: Path) -> None:
    config = CONFIGURATIONS["nano"]
    model = simulator.build(generated(config), TOP)
    simulator.run(model, TOP, ANOTHER_MEMORY, tmp_path, {CONFIG: config.model_dump_json()})


@pytest.mark.verilator
def test_recovery(tmp_path: Path) -> None:
    run_bench(CONFIGURATIONS["nano"], tmp_path, RECOVERY)


@pytest.mark.verilator
def test_the_clock_of_the_core_stands_still_when_idle(tmp_path: Path) -> None:
    config = CONFIGURATIONS["nano"]
    model = simulator.build(generated(config), TOP)
    simulator.run(model, TOP, CLOCK_GATE, tmp_path, {CONFIG: config.model_dump_json()})


@pytest.mark.verilator
@pytest.mark.slow
def test_what_an_fpga_has_instead_changes_nothing(tmp_path: Path) -> None:
    """Without a clock gate, and with the multipliers of an ECP5, all is as with the plain text."""
    config = CONFIGURATIONS["nano"]
    macros = "`define HWSIM_UNGATED_CLOCK\n`define HWSIM_ECP5\n"
    run_verilog(f"{macros}{generated(config)}{ECP5_MULTIPLIER}", config, tmp_path, BENCH)


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("name", "bench"),
    [
        ("nano", BENCH),
        *(
            pytest.param(name, bench, marks=pytest.mark.slow)
            for name, bench in product(("nano", "edge", "tiny"), (BENCH, RECOVERY))
            if (name, bench) != ("nano", BENCH)
        ),
    ],
)
def test_other_modules_in_the_wrappers_change_nothing(
    name: str, bench: str, tmp_path: Path
) -> None:
    """With memories that answer collisions with noise, and early multipliers, nothing changes."""
    config = CONFIGURATIONS[name]
    files = accelerator_files(config, TOP) | {f"{TOP}_ram": NOISY_RAM}
    if config.array.multipliers == "dsp":
        files[f"{TOP}_multiply"] = EARLY_MULTIPLIER
    tolerance = {TOLERANCE: EXACT if name in MEASURED else CLOSE}
    run_verilog("\n".join(files.values()), config, tmp_path, bench, **tolerance)


@pytest.mark.verilator
@pytest.mark.parametrize("seed", [2, 3, *(pytest.param(n, marks=pytest.mark.slow) for n in (5, 6))])
def test_one_edge_of_reset_suffices_whatever_power_up_left(seed: int, tmp_path: Path) -> None:
    """Registers and memories begin with random values, and the first reset has one edge."""
    config = CONFIGURATIONS["nano"]
    model = network_bench.build(generated(config), config, options=RANDOM)
    drawn = ("+verilator+rand+reset+2", f"+verilator+seed+{seed}")
    run_model(model, config, tmp_path, BENCH, drawn)


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_interleaved_programs_run_whatever_power_up_left(seed: int, tmp_path: Path) -> None:
    """Stages take turns under stalls, in registers and memories that begin with random values."""
    config = CONFIGURATIONS["nano"]
    model = network_bench.build(generated(config), config, options=RANDOM)
    drawn = ("+verilator+rand+reset+2", f"+verilator+seed+{seed}")
    run_model(model, config, tmp_path, RESIDENT, drawn, **{DRAWN_TURNS: "100"})


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize(("name", "every"), [("nano", 1), ("edge", 5), ("few weight bits", 13)])
def test_recovery_from_many_errors(name: str, every: int, tmp_path: Path) -> None:
    """The accelerator recovers from an error on every beat, or on every few beats, of a run."""
    lasting = {ENDS: f"0 {every}", FILTER: "^(?!.*(spoilt|in_any_cycle))"}
    run_bench(CONFIGURATIONS[name], tmp_path, RECOVERY, **lasting)


@pytest.mark.verilator
@pytest.mark.slow
def test_recovery_on_a_narrow_bus(tmp_path: Path) -> None:
    config = preset_with("edge", bus={"bus_bits": 64})
    run_bench(config, tmp_path, RECOVERY, **{ENDS: "0 29", TOLERANCE: CLOSE})


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
        for config in (edge, in_memory(preset_with("edge", channel_pool=False)))
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

"""The SystemVerilog memory that the Verilog runs with in every test, and the monitor on its bus."""

from pathlib import Path

import pytest

from hwsim.testbenches import memory_port, network_bench, simulator, tb_axi_memory, tb_axi_monitor
from hwsim.testbenches.axi_memory import Violation
from hwsim.testbenches.coverage import BUS

TOP = "axi_memory"
SOURCES = tuple(network_bench.FOLDER / f"{name}.sv" for name in ("axi_monitor", "axi_memory"))
PARAMETERS = {
    "DATA_BITS": 8 * memory_port.WORD_BYTES,
    "OUTSTANDING": memory_port.OUTSTANDING,
    "MEMORY_BYTES": 1 << 18,
}


def run_bench(module: str, folder: Path) -> None:
    model = simulator.build("", TOP, sources=SOURCES, parameters=PARAMETERS)
    simulator.run(model, TOP, module, folder, {}, network_bench.plusargs(folder))


@pytest.mark.verilator
def test_memory_does_what_it_says(tmp_path: Path) -> None:
    run_bench(tb_axi_memory.__name__, tmp_path)


@pytest.mark.verilator
def test_monitor_sees_every_broken_rule(tmp_path: Path) -> None:
    run_bench(tb_axi_monitor.__name__, tmp_path)


def test_every_rule_and_every_bin_has_its_scenario() -> None:
    broken = {code for code, _ in tb_axi_monitor.SCENARIOS.values()}
    assert broken == set(Violation)
    seen = set().union(*(bins for bins, _ in tb_axi_monitor.SEEN.values()))
    assert seen == {bin_.name for bin_ in BUS}

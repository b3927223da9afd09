"""The SystemVerilog memory: the reference memory's cycles and contents, and a watchful monitor."""

from pathlib import Path

import pytest

from hwsim.arch.config import Config
from hwsim.testbenches import simulator
from hwsim.testbenches import tb_axi_memory as bench
from hwsim.testbenches import tb_axi_monitor as rules
from hwsim.testbenches.bench import CONFIG
from hwsim.testbenches.network_bench import memory_bytes, monitor_arguments
from tests.drawn import preset_with

TOP = "axi_memory"
FOLDER = simulator.ROOT / "testbenches"
SOURCES = (FOLDER / "axi_monitor.sv", FOLDER / "axi_memory.sv")
BUS_BITS = 64
MEMORY_BYTES = 1 << 18


def model() -> Path:
    parameters = {
        "DATA_BITS": BUS_BITS,
        "OUTSTANDING": rules.OUTSTANDING,
        "MEMORY_BYTES": MEMORY_BYTES,
    }
    return simulator.build("", TOP, sources=SOURCES, parameters=parameters)


def paced(latency: int, interval: int) -> Config:
    pace = {"latency_cycles": latency, "bandwidth_bytes_per_cycle": BUS_BITS // 8 // interval}
    return preset_with("nano", memory=pace)


@pytest.mark.verilator
@pytest.mark.parametrize(("latency", "interval"), [(1, 1), (60, 1), (60, 2), (7, 4)])
def test_memory_keeps_the_reference_memorys_time(
    latency: int, interval: int, tmp_path: Path
) -> None:
    config = paced(latency, interval)
    program = bench.program_of(config)
    size_bytes = memory_bytes(program)
    memory, dump = tmp_path / "memory.bin", tmp_path / "dump.bin"
    memory.write_bytes(bench.contents(size_bytes))
    simulator.run(
        model(),
        TOP,
        bench.__name__,
        tmp_path,
        {CONFIG: config.model_dump_json(), bench.DUMP: str(dump)},
        [
            f"+memory={memory}",
            f"+size={size_bytes}",
            f"+latency={latency}",
            f"+interval={interval}",
            f"+dump={dump}",
            *monitor_arguments(program),
        ],
    )


@pytest.mark.verilator
def test_monitor_sees_every_broken_rule(tmp_path: Path) -> None:
    simulator.run(model(), TOP, rules.__name__, tmp_path, {}, rules.ARGUMENTS)

"""Models are built once, and a failing cocotb test prints the command that repeats it alone."""

import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from hwsim.testbenches import replay, simulator

VERILOG = """module counter(input wire clk, output reg [3:0] value);
  initial value = 0;
  always @(posedge clk) value <= value + 1;
endmodule
"""
WRAPPER = """module wrapper(input wire clk, output wire [3:0] value);
  counter inner(.clk(clk), .value(value));
endmodule
"""
BENCH = '''"""One test passes; the other runs cases drawn from seeds, and one of them fails."""

import os

import cocotb
from cocotb.triggers import Timer

from hwsim.testbenches.replay import narrowed


@cocotb.test()
async def passes(dut):
    for clk in (0, 1) * 5:
        dut.clk.value = clk
        await Timer(1, unit="ns")
    assert dut.value.value == 5


@cocotb.test()
@cocotb.parametrize(k=[1, 2])
async def draws(dut, k):
    first, last = map(int, os.environ.get("HWSIM_DRAWN", "0 9").split())
    for seed in range(first, last + 1):
        with narrowed("HWSIM_DRAWN", f"{seed} {seed}", f"{first} {seed}"):
            await Timer(1, unit="ns")
            assert (seed, k) != (7, 2), "a bug"
'''


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use this test's own folders, and no variables of the environment of pytest."""
    for name in list(os.environ):
        if name.startswith("HWSIM_") or name in {"WAVES", "VERILOG_COVERAGE", replay.FILTER}:
            monkeypatch.delenv(name)
    for name in ("CACHE", "WAVES", "COUNTS"):
        monkeypatch.setattr(simulator, name, tmp_path / name.lower())


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replace Verilator, and return the list that collects the arguments of every build."""
    calls: list[dict[str, Any]] = []

    class Runner:
        def build(self, **arguments: Any) -> None:
            calls.append(arguments)
            sleep(0.2)
            (arguments["build_dir"] / "top.o").touch()
            if arguments["hdl_toplevel"] == "broken":
                raise RuntimeError("no such module")

    monkeypatch.setattr(simulator, "Runner", Runner)
    return calls


def test_a_model_is_built_once_and_others_wait_for_it(builds: list[dict[str, Any]]) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: simulator.build(VERILOG, "counter"), range(4)))
    assert len(builds) == 1
    assert len(set(folders)) == 1
    assert (folders[0] / simulator.BUILT).exists()
    assert (folders[0] / simulator.GENERATED).read_text("utf-8") == VERILOG
    assert not (folders[0] / "top.o").exists()


def test_everything_that_a_model_is_made_of_tells_it_apart(
    builds: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "wrapper.sv"
    source.write_text(WRAPPER, "utf-8")
    folders = [
        simulator.build(VERILOG, "counter"),
        simulator.build(VERILOG + " ", "counter"),
        simulator.build(VERILOG, "counter", waves=True),
        simulator.build(VERILOG, "counter", coverage=True),
        simulator.build(VERILOG, "counter", parameters={"BITS": 4}),
        simulator.build(VERILOG, "wrapper", sources=[source]),
    ]
    source.write_text(WRAPPER + "\n", "utf-8")
    folders.append(simulator.build(VERILOG, "wrapper", sources=[source]))
    assert len(set(folders)) == len(builds) == len(folders)
    assert builds[-1]["sources"] == [simulator.WAIVERS, source, folders[-1] / simulator.GENERATED]
    monkeypatch.setenv("WAVES", "1")
    assert simulator.build(VERILOG, "counter") == folders[2]
    monkeypatch.setenv("WAVES", "0")
    monkeypatch.setenv("VERILOG_COVERAGE", "1")
    assert simulator.build(VERILOG, "counter") == folders[3]
    assert len(builds) == len(folders)


def test_a_broken_build_is_tried_again(builds: list[dict[str, Any]]) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no such module"):
            simulator.build(VERILOG, "broken")
    assert len(builds) == 2


def test_seeds_depend_on_the_base_and_on_their_use(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = replay.seed_of("stalls", 3)
    assert seed == replay.seed_of("stalls", 3)
    assert seed not in {replay.seed_of("stalls", 4), replay.seed_of("image", 3)}
    monkeypatch.setenv(replay.SEED, "1")
    assert seed != replay.seed_of("stalls", 3)


def replayed(line: str) -> dict[str, str]:
    """Return the environment of a replay's command line, which must name the running test."""
    words = shlex.split(line)
    assert words[-1] == os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
    assert Path(words[-2]).name == "pytest"
    return dict(word.split("=", 1) for word in words[:-2])


@pytest.mark.verilator
def test_a_failure_ends_with_what_replays_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tb_counter.py").write_text(BENCH, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(replay.SEED, "5")

    def failure() -> list[str]:
        folder = simulator.build(VERILOG, "counter")
        with pytest.raises(AssertionError) as caught:
            simulator.run(folder, "counter", "tb_counter", tmp_path, {"HWSIM_DRAWN": "2 8"})
        return str(caught.value).splitlines()

    said, behind_others, alone = failure()
    assert said == "1 of 3 cocotb tests failed: tb_counter.draws/k=2"
    environment = replayed(alone.removeprefix("replay: "))
    assert environment == {
        replay.SEED: "5",
        "HWSIM_DRAWN": "7 7",
        replay.FILTER: r"^tb_counter\.draws/k=2$",
        "WAVES": "1",
    }
    behind = replayed(behind_others.removeprefix("replay with all since reset: "))
    assert behind == environment | {"HWSIM_DRAWN": "2 7"}

    del environment["WAVES"]  # another build
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    said, alone_again = failure()
    assert said == "1 of 1 cocotb tests failed: tb_counter.draws/k=2"
    assert alone_again == alone


@pytest.mark.verilator
def test_waves_and_counts_outlive_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tb_counter.py").write_text(BENCH, "utf-8")
    (tmp_path / "wrapper.sv").write_text(WRAPPER, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    folder = simulator.build(
        VERILOG, "wrapper", sources=[tmp_path / "wrapper.sv"], waves=True, coverage=True
    )
    simulator.run(folder, "wrapper", "tb_counter", tmp_path, {replay.FILTER: "passes"})
    name = "tests_test_simulator.py_test_waves_and_counts_outlive_the_run"
    (waves,) = simulator.WAVES.iterdir()
    assert waves.stem == name
    assert waves.stat().st_size > 0
    (counts,) = simulator.COUNTS.iterdir()
    assert counts.name == f"{name}.dat"
    assert str(folder / simulator.GENERATED) in counts.read_text("utf-8")

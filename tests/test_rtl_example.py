"""The C driver, compiled unchanged, works with a model of the registers."""

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hwsim.arch.config import Config, load_config
from hwsim.isa.error_codes import MEANINGS, ErrorCode
from hwsim.isa.identity import fingerprint, reset_value
from hwsim.isa.registers import COUNTERS, REGISTERS, register
from hwsim.rtl.accelerator import accelerator_verilog
from hwsim.rtl.deliver.example import example_files
from hwsim.rtl.deliver.system_rdl import write_manual
from hwsim.testbenches import network_bench, simulator
from hwsim.testbenches.bench import CONFIG as CONFIG_VARIABLE
from hwsim.testbenches.driver import FLAGS, Job, Report, Status, run_driver
from hwsim.testbenches.tb_driver import LIBRARY

CONFIG = load_config("edge")
END, ERROR, REFUSED = (1 << field.low for field in register("INTERRUPT_STATUS").fields)
COUNTS = {name: 0x12_0000_0034 + index for index, name in enumerate(COUNTERS)}
DESCRIPTOR = 0x8000_1240
JOB = Job(fingerprint(CONFIG), 0x8000_1000, 0x8000_0000, 0x80FF_FFFF, 0x9000_0000, 0x9000_8FFF)
Run = Callable[["Device"], Report]


class Device:
    """A model of the registers; each wait of the driver ends with the next entry of `ends`.

    An entry is an error code, "spurious", "refused" or "hangs".
    """

    def __init__(self, *ends: ErrorCode | str) -> None:
        self.words = {entry.name: reset_value(entry, CONFIG) for entry in REGISTERS}
        self.ends = list(ends)
        self.is_aborted = False
        self.writes: list[str] = []

    def read(self, offset: int) -> int:
        return self.words[self._name(offset)]

    def write(self, offset: int, value: int) -> None:
        entry = next(entry for entry in REGISTERS if entry.offset == offset)
        self.writes.append(entry.name)
        if entry.name == "INTERRUPT_STATUS":
            self.words[entry.name] &= ~value
        elif entry.name == "CONTROL":
            fields = entry.unpack(value)
            self.words["STATUS"] |= fields["start"]
            self.is_aborted |= bool(fields["abort"])
        else:
            self.words[entry.name] = value & entry.mask

    def wait(self) -> bool:
        end = self.ends.pop(0)
        if end == "hangs":
            return False
        if end == "refused":
            self.words["INTERRUPT_STATUS"] |= REFUSED
        elif isinstance(end, ErrorCode):
            self._finish(end)
        return True

    def _finish(self, code: ErrorCode) -> None:
        assert self.words["STATUS"] == 1, "nothing was started"
        assert self.words["INTERRUPT_ENABLE"] & (END | ERROR) == END | ERROR
        self.words["STATUS"] = 0
        self.words["INTERRUPT_STATUS"] |= ERROR if code else END
        self.words["ERROR_CODE"] = code
        self.words["ERROR_DESCRIPTOR"] = DESCRIPTOR
        for name, count in COUNTS.items():
            self.words |= {f"{name}_LOW": count & 0xFFFF_FFFF, f"{name}_HIGH": count >> 32}

    @staticmethod
    def _name(offset: int) -> str:
        return next(entry.name for entry in REGISTERS if entry.offset == offset)


def compiled(folder: Path, config: Config, name: str = "accelerator") -> Path:
    """Return the C driver as a shared library."""
    (folder / f"{name}.h").write_text(write_manual(config, name).header, "utf-8")
    for path, text in example_files(name).items():
        (folder / path).write_text(text, "utf-8")
    library = folder / "example.so"
    subprocess.run(["cc", *FLAGS, folder / "example.c", "-o", library], check=True)
    return library


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return the driver's function as a Python function."""
    library = compiled(tmp_path_factory.mktemp("example"), CONFIG)
    return lambda device: run_driver(library, JOB, device.read, device.write, device.wait)


def test_a_run_ends_with_its_counters(run: Run) -> None:
    device = Device("spurious", "refused", ErrorCode.NONE)
    device.words["INTERRUPT_STATUS"] = END  # of a former run, which must not end this one
    report = run(device)
    assert report.status is Status.OK
    assert report.counters == COUNTS
    assert report.error_code == ErrorCode.NONE
    expected = {
        "PROGRAM_ADDRESS": 0x8000_1000,
        "CONSTANTS_BASE": 0x8000_0000,
        "CONSTANTS_LIMIT": 0x80FF_F000,
        "FEATURES_BASE": 0x9000_0000,
        "FEATURES_LIMIT": 0x9000_8000,
        "INTERRUPT_STATUS": 0,
        "INTERRUPT_ENABLE": 0,
    }
    assert {name: device.words[name] for name in expected} == expected
    start = device.writes.index("CONTROL")
    assert set(expected) <= set(device.writes[:start]), "set up after the start"
    assert device.writes.count("CONTROL") == 1


@pytest.mark.parametrize("code", [code for code in ErrorCode if code])
def test_an_error_is_reported(run: Run, code: ErrorCode) -> None:
    report = run(Device(code))
    assert report.status is Status.FAILED
    assert (report.error_code, report.error_descriptor) == (code, DESCRIPTOR)


def test_a_run_without_end_is_aborted(run: Run) -> None:
    device = Device("hangs", ErrorCode.ABORTED)
    report = run(device)
    assert device.is_aborted
    assert (report.status, report.error_code) == (Status.FAILED, ErrorCode.ABORTED)
    device = Device("hangs", "hangs")
    assert run(device).status is Status.HANGS
    assert device.is_aborted


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"IDENTITY": 0}, Status.NOT_FOUND),
        ({"BUILD": 0}, Status.OTHER_BUILD),
        ({"FINGERPRINT": fingerprint(load_config("nano"))}, Status.OTHER_BUILD),
        ({"STATUS": 1}, Status.BUSY),
    ],
)
def test_nothing_is_written_to_what_is_not_ready(
    run: Run, words: dict[str, int], status: Status
) -> None:
    device = Device()
    device.words |= words
    assert run(device).status is status
    assert device.writes == []


def test_two_accelerators_can_live_in_one_system(tmp_path: Path) -> None:
    library: Any = ctypes.CDLL(str(compiled(tmp_path, CONFIG, "npu")))
    library.npu_error_text.restype = ctypes.c_char_p
    for code in ErrorCode:
        assert library.npu_error_text(int(code)).decode() == MEANINGS[code]
    assert b"does not know" in library.npu_error_text(255)
    assert not hasattr(library, "accelerator_run")


def test_the_driver_s_header_stands_alone(tmp_path: Path) -> None:
    """The driver's header compiles alone, in C and C++, and defines only names of its own."""
    for path, text in example_files("npu").items():
        (tmp_path / path).write_text(text, "utf-8")
    header = tmp_path / "npu_driver.h"
    macros = ["cc", "-E", "-dM", "-x", "c"]
    includes = subprocess.run(
        [*macros, "-"], input="#include <stdint.h>\n", capture_output=True, text=True, check=True
    ).stdout.splitlines()
    found = subprocess.run([*macros, header], capture_output=True, text=True, check=True).stdout
    assert set(found.splitlines()) - set(includes) == {"#define NPU_DRIVER_H "}
    subprocess.run(["c++", "-Wall", "-Werror", "-fsyntax-only", "-x", "c++", header], check=True)


@pytest.mark.parametrize("change", [("buffers", "weight_bytes", 2), ("bus", "burst_beats", 2)])
def test_the_fingerprint_tells_what_build_does_not(change: tuple[str, str, int]) -> None:
    section, field, factor = change
    fields = CONFIG.model_dump()
    fields[section][field] *= factor
    other = Config.model_validate(fields)
    assert reset_value(register("BUILD"), other) == reset_value(register("BUILD"), CONFIG)
    assert fingerprint(other) != fingerprint(CONFIG)
    fields = CONFIG.model_dump() | {"name": "other"}
    fields["clock"]["clock_hz"] += 1
    fields["memory"]["latency_cycles"] += 1
    fields["energy"]["mac_pj"] += 1
    assert fingerprint(Config.model_validate(fields)) == fingerprint(CONFIG)


@pytest.mark.verilator
def test_the_driver_runs_the_verilog(tmp_path: Path) -> None:
    config = load_config("nano")
    folder = network_bench.build(accelerator_verilog(config), config)
    environment = {
        CONFIG_VARIABLE: config.model_dump_json(),
        LIBRARY: str(compiled(tmp_path, config)),
    }
    arguments = network_bench.plusargs(tmp_path)
    bench = "hwsim.testbenches.tb_driver"
    simulator.run(folder, network_bench.TOP, bench, tmp_path, environment, arguments)

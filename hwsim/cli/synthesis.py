"""The accelerator of a configuration through synthesis, and how far that is."""

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from hwsim.cli.extras import needing_extra
from hwsim.cli.options import Verbosity
from hwsim.cli.progress import progress
from hwsim.config import Config
from hwsim.errors import InputError
from hwsim.report.synthesis import SCHEMA_VERSION, GateSynthesis, Synthesis, UnitFigures

if TYPE_CHECKING:
    from synthesis.technology import Technology

TOP = "accelerator"
EXTRAS = {"rtl": "rtl.accelerator", "synth": "pyosys"}


def check_tools() -> None:
    """Refuse what is not installed, before anything takes long."""
    for extra, module in EXTRAS.items():
        with needing_extra(extra, "hwsim synth"):
            import_module(module)


def technology(liberty: str | None) -> "Technology":
    """In what gates are counted: a library's cells, or transistors."""
    from synthesis.technology import Liberty, StaticCmos

    if liberty is None:
        return StaticCmos()
    path = Path(liberty)
    try:
        return Liberty(f"{path.name}: area / area of its NAND2", path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read '{liberty}': {error.strerror}") from None


def synthesize(config: Config, chosen: "Technology", verbosity: Verbosity) -> Synthesis:
    """Gates by unit. Raises `InputError` where Yosys refuses the library."""
    from rtl.accelerator import accelerator_verilog
    from synthesis.gates import synthesize_gates
    from synthesis.modules import separate_modules
    from synthesis.units import by_unit
    from synthesis.yosys import SynthesisError, yosys_version

    with progress("generating the Verilog", 1, verbosity):
        modules = separate_modules(accelerator_verilog(config, TOP), TOP)
    with progress("synthesizing its modules", len(modules), verbosity) as advance:
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
    return Synthesis(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="synth",
        target="gates",
        tools=(yosys_version(),),
        config=config.model_dump(),
        gates=GateSynthesis(
            technology=chosen.name,
            units=figures,
            gates_nand2=gates,
            gates_per_mac_nand2=gates / config.macs_per_cycle,
            flip_flops=sum(unit.flip_flops for unit in figures),
            memory_bits=sum(unit.memory_bits for unit in figures),
        ),
    )

"""The waivers with which Verilator's lint is silent on the generated Verilog."""

from importlib import resources

from hwsim.arch.config import Config
from hwsim.rtl.deliver.wrappers import module_names

EVERY_FILE = '-file "*"'


def waivers(name: str) -> str:
    """`rtl/deliver/waivers.vlt` for `name`.v alone: in a user's own files every warning counts."""
    text = resources.files("hwsim.rtl.deliver").joinpath("waivers.vlt").read_text("utf-8")
    return text.replace(EVERY_FILE, f'-file "*{name}.v"')


def lint_command(config: Config, name: str) -> str:
    """Return the command that a user types beside the files."""
    sources = " ".join(f"{module}.v" for module in (name, *module_names(config, name)))
    return f"verilator --lint-only -Wall {name}.vlt {sources}"

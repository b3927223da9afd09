"""The core file by which FuseSoC, and what builds on it, takes the generated Verilog."""

from importlib.metadata import version

from hwsim.arch.config import Config


def core_name(name: str) -> str:
    """Vendor, library, name and version, as others name it in their `depend`."""
    return f"hwsim::{name}:{version('hwsim')}"


def core_file(config: Config, name: str) -> str:
    """CAPI2, for a folder that has `name`.v and `name`.vlt; the target `lint` runs Verilator."""
    array = config.array
    return f"""\
CAPI=2:
name: "{core_name(name)}"
description: CNN accelerator, {array.input_lanes} x {array.output_lanes} multipliers, AXI4

filesets:
  rtl:
    files:
      - "{name}.v"
    file_type: verilogSource
  waivers:
    files:
      - "{name}.vlt"
    file_type: vlt

targets:
  default:
    filesets: [rtl, waivers]
    toplevel: "{name}"
  lint:
    filesets: [rtl, waivers]
    toplevel: "{name}"
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
"""

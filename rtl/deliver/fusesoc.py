"""The core file, which describes the generated Verilog to FuseSoC and to tools based on it."""

from importlib.metadata import version

from hwsim.arch.config import Config


def core_name(name: str) -> str:
    """Return the name under which another core lists this one in its `depend`."""
    return f"hwsim::{name}:{version('hwsim')}"


def core_file(config: Config, name: str) -> str:
    """Return a core file in format CAPI2 for a folder that holds `name`.v and `name`.vlt.

    Its default target compiles the Verilog. Its target `lint` checks the Verilog with Verilator.
    """
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

"""The core file, which describes the generated Verilog to FuseSoC and to tools based on it."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version

from hwsim.arch.config import Config

DIGITS = 12


def core_name(name: str, modules: Mapping[str, str]) -> str:
    """Return the name under which another core lists this one in its `depend`.

    It has a digest of the Verilog, `modules`, so that no two accelerators share a name and version.
    """
    text = "\0".join(modules[module] for module in sorted(modules))
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    return f"hwsim::{name}_{digest}:{version('hwsim')}"


def core_file(config: Config, name: str, modules: Mapping[str, str]) -> str:
    """Return a core file in format CAPI2 for a folder with a file for each of the `modules`.

    Its default target compiles the Verilog. Its target `lint` checks the Verilog with Verilator.
    """
    array = config.array
    files = "\n".join(f'      - "{module}.v"' for module in modules)
    return f"""\
CAPI=2:
name: "{core_name(name, modules)}"
description: CNN accelerator, {array.input_lanes} x {array.output_lanes} multipliers, AXI4

filesets:
  rtl:
    files:
{files}
    file_type: verilogSource
  constraints:
    files:
      - "{name}.sdc"
    file_type: SDC
  waivers:
    files:
      - "{name}.vlt"
    file_type: vlt

targets:
  default:
    filesets: [rtl, constraints, waivers]
    toplevel: "{name}"
  lint:
    filesets: [rtl, waivers]
    toplevel: "{name}"
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
"""

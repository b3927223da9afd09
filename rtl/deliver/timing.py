"""The timing constraints beside the Verilog, in SDC, which tools for silicon and FPGAs read."""

from collections.abc import Mapping
from importlib.metadata import version

from hwsim.arch.config import Config

CLOCK = "clk"
SHARE = 0.5  # of the period, on either side of a port


def constraints(config: Config, name: str, ports: Mapping[str, tuple[str, int]]) -> str:
    """Return the constraints of the module `name`; `ports` are (direction, bits) by name."""
    inputs, outputs = (
        " ".join(
            port if bits == 1 else f"{port}[*]"
            for port, (way, bits) in ports.items()
            if way == direction and port != CLOCK
        )
        for direction in ("input", "output")
    )
    period_ns = 1e9 / config.clock.clock_hz
    return f"""\
# Written by hwsim {version("hwsim")}. Timing of {name} by itself, as the top of a design.
#
# The period is that of the configuration, and half of it belongs to whatever is on the other side
# of a port: change the three numbers. There is one clock. What comes out of {name}_clock_gate is
# the same clock, and needs no constraint of its own. rst is synchronous, and an input like all
# others. There are no false paths and no paths of several cycles: add none.

set period_ns {period_ns:.6g}
set input_delay_ns [expr {{{SHARE} * $period_ns}}]
set output_delay_ns [expr {{{SHARE} * $period_ns}}]

create_clock -name {CLOCK} -period $period_ns [get_ports {{{CLOCK}}}]

set_input_delay $input_delay_ns -clock {CLOCK} [get_ports {{{inputs}}}]
set_output_delay $output_delay_ns -clock {CLOCK} [get_ports {{{outputs}}}]
"""

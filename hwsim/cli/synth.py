"""`hwsim synth`: what synthesis makes of the accelerator's Verilog."""

import sys

import click

from hwsim.cli.documents import STANDARD_OUTPUT
from hwsim.cli.options import Verbosity, common_options, config_option, current_verbosity


@click.command()
@config_option
@click.option(
    "--target",
    type=click.Choice(["gates"]),
    default="gates",
    show_default=True,
    help="gates: NAND2 equivalents by unit.",
)
@click.option(
    "--liberty",
    metavar="FILE",
    help="Count in cells of this library.  [default: transistors of static CMOS]",
)
@click.option("--json", metavar="FILE|-", help="Write all figures; - for standard output, alone.")
@common_options
def synth(config_name: str, target: str, liberty: str | None, json: str | None) -> None:  # noqa: ARG001
    """Synthesize the accelerator: gates by unit, and bits of memory.

    Yosys and ABC, without delay constraints; memories with synchronous read are counted in bits.
    What was synthesized once is kept in the user's cache.
    """
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.synthesis import check_tools, synthesize, technology
    from hwsim.config import load_config
    from hwsim.report.synthesis import json_text
    from hwsim.report.synthesis_tables import print_synthesis

    config = load_config(config_name)
    check_tools()
    chosen = technology(liberty)
    level = current_verbosity()
    with Outputs() as outputs:
        if json not in {None, STANDARD_OUTPUT}:
            outputs.reserve(str(json))
        document = synthesize(config, chosen, level)
        text = json_text(document)
        outputs.write({} if json in {None, STANDARD_OUTPUT} else {str(json): text})
    if json == STANDARD_OUTPUT:
        sys.stdout.write(text)
    elif level is not Verbosity.QUIET:
        print_synthesis(document, sys.stdout)

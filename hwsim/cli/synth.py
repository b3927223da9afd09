"""`hwsim synth`: the gates or the FPGA resources of the accelerator's Verilog."""

import click

from hwsim.cli.accelerator import Accelerator, accelerator_options
from hwsim.cli.options import common_options, current_verbosity, json_option
from hwsim.errors import InputError


@click.command()
@accelerator_options
@click.option(
    "--target",
    type=click.Choice(["gates", "ecp5", "xc7"]),
    default="gates",
    show_default=True,
    help="NAND2 equivalents; placed and routed for an ECP5; or mapped to Xilinx' 7 series.",
)
@click.option(
    "--liberty",
    metavar="FILE",
    help="Count gates in cells of this library.  [default: transistors of static CMOS]",
)
@click.option(
    "--seed",
    type=click.IntRange(1, 1_000_000),
    help="Seed of the placement in an ECP5.  [default: 1]",
)
@json_option
@common_options
def synth(
    accelerator: Accelerator, target: str, liberty: str | None, seed: int | None, json: str | None
) -> None:
    """Synthesize the accelerator's Verilog: gates by unit, or an FPGA's resources.

    Gates come from Yosys and ABC, without delay constraints; memories with synchronous read are
    counted in bits. What was counted once is kept in the user's cache.
    """
    import sys

    from hwsim.cli.documents import JsonFile
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows import synthesis
    from hwsim.report.json_text import json_text
    from hwsim.report.synthesis_tables import print_synthesis

    if liberty is not None and target != "gates":
        raise InputError(f"--liberty is for the target gates, not {target}")
    if seed is not None and target != "ecp5":
        raise InputError(f"--seed is for the target ecp5, not {target}")
    config = accelerator.config()
    synthesis.check_tools(target)
    technology = synthesis.technology(liberty)
    level = current_verbosity()
    json_file = JsonFile(json)
    with Outputs(accelerator.file, liberty) as outputs:
        json_file.reserve(outputs)
        if target == "gates":
            document = synthesis.synthesize_for_gates(config, technology, progress(level))
        elif target == "ecp5":
            document = synthesis.synthesize_for_ecp5(config, seed or 1, progress(level))
        else:
            document = synthesis.synthesize_for_xc7(config, progress(level))
        text = json_text(document)
        outputs.write(json_file.contents(text))
    json_file.show(text, level, lambda: print_synthesis(document, sys.stdout))

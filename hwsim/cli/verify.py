"""`hwsim verify`: the model beside the Verilog, on a whole network and a photograph."""

import click

from hwsim.cli.options import (
    common_options,
    current_verbosity,
    json_option,
    network_options,
)
from hwsim.errors import ComparisonError, InputError

PHOTOGRAPH = "rocket"  # not among those that quantization is calibrated on


@click.command()
@network_options
@click.option(
    "--image", metavar="PHOTO", help="A JPEG or PNG; it is stretched.  [default: a shipped one]"
)
@click.option(
    "--weights", metavar="FILE", help="Darknet weights of NETWORK.  [default: seeded ones]"
)
@click.option(
    "--memory",
    metavar="ideal|latency=CYCLES,bandwidth=BYTES",
    help="External memory; bandwidth in bytes per cycle.  [default: the config's]",
)
@click.option(
    "--unfused", is_flag=True, help="Run baseline B too: the saving (B - C) / B, on the bus."
)
@json_option
@common_options
def verify(
    network: str,
    config_name: str,
    size: tuple[int, int] | None,
    k: int | None,
    weight_bits: int | None,
    image: str | None,
    weights: str | None,
    memory: str | None,
    unfused: bool,
    json: str | None,
) -> None:
    """Run NETWORK on the accelerator's Verilog, and compare it with the model.

    The same program goes to golden, the machine, the timeline and Verilator. Values and bytes must
    be equal, the timeline's cycles within 1 % of every layer's and 0.5 % of the run's; what is not
    ends the command with status 1.
    """
    import sys

    from hwsim.cli.documents import JsonFile
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.configuration import configuration
    from hwsim.flows.execution import shipped_photograph
    from hwsim.flows.simulation import subjects
    from hwsim.flows.verification import check_tools, verify_network
    from hwsim.frontends.builtin import build_network
    from hwsim.report.json_text import json_text
    from hwsim.report.verification_tables import print_verification

    config = configuration(config_name, weight_bits, memory)
    width, height = size or (None, None)
    shapes = build_network(network, height, width, k, config.widths.weight_bits)
    if unfused and not shapes.is_condensed:
        raise InputError(f"--unfused: nothing in {network} is condensed, k = 1")
    subjects(shapes, config, unfused)  # refuse what cannot run before the long work
    check_tools()
    level = current_verbosity()
    json_file = JsonFile(json)
    with Outputs() as outputs:
        json_file.reserve(outputs)
        photo = shipped_photograph(PHOTOGRAPH) if image is None else image
        document = verify_network(shapes, config, photo, weights, unfused, progress(level))
        text = json_text(document)
        outputs.write(json_file.contents(text))
    json_file.show(text, level, lambda: print_verification(document, sys.stdout))
    if document.failures:
        more = len(document.failures) - 1
        raise ComparisonError(document.failures[0] + (f"; and {more} more" if more else ""))

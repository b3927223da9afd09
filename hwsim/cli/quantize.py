"""`hwsim quantize`: a float `.onnx` becomes one of 8 bits, or of 4 bits in its weights."""

import sys

import click

from hwsim.cli.contract import contract_options
from hwsim.cli.options import (
    SIZE_NAME,
    SizeType,
    Verbosity,
    common_options,
    current_verbosity,
    is_no_standard_output,
)
from hwsim.errors import InputError
from hwsim.escape import quoted


@click.command()
@click.argument("network")
@click.option("--images", metavar="DIR", help="Photographs that the ranges of maps are taken from.")
@click.option(
    "--random",
    "is_random",
    is_flag=True,
    help="Take ranges from random data: enough to see costs, useless for accuracy.",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE.onnx",
    required=True,
    callback=is_no_standard_output,
    help="Where to write the quantized network.",
)
@click.option(
    "--size",
    type=SizeType(),
    metavar=SIZE_NAME,
    help="Size of the image in pixels.  [default: the network's own]",
)
@click.option(
    "--weight-bits",
    type=click.Choice([8, 4]),
    default=8,
    show_default=True,
    help="Width of a weight.",
)
@contract_options
@common_options
def quantize(
    network: str,
    images: str | None,
    is_random: bool,
    out: str,
    size: tuple[int, int] | None,
    weight_bits: int,
    contract: dict[str, str | None] | None,
) -> None:
    """Quantize the float NETWORK, an .onnx, to 8 bits, with ONNX Runtime.

    Weights may have 4 bits, with scales of the least mean square error by Brevitas. They have a
    scale for each filter; the range of a map holds all but a hundred-thousandth of
    the values that the first hundred photographs of --images leave there. The signal-to-noise of
    every map is printed. What a photograph becomes is written into the file.
    """
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.float_quantization import quantize_file
    from hwsim.report.terminal import print_tables

    if (images is None) != is_random:
        given = "both are given" if is_random else "neither is given"
        raise InputError(f"--images DIR or --random: one of them is needed, and {given}")
    if not out.lower().endswith(".onnx"):
        raise InputError(f"--out {quoted(out)}: the name must end in .onnx")
    with Outputs(network) as outputs:
        outputs.reserve(out)
        found = quantize_file(
            network,
            images=images,
            contract=contract,
            size=size,
            weight_bits=weight_bits,
            progress=progress(current_verbosity()),
        )
        outputs.write({out: found.content})
    if current_verbosity() is not Verbosity.QUIET:
        print_tables(found.figures.heading, [found.figures.table], sys.stdout)

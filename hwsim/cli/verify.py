"""`hwsim verify`: the model beside the Verilog, on a whole network and a photograph."""

import click

from hwsim.cli.accelerator import Accelerator
from hwsim.cli.contract import contract_options, images_option
from hwsim.cli.options import (
    common_options,
    current_verbosity,
    image_option,
    input_option,
    json_option,
    network_options,
)
from hwsim.cli.requirements import judge, require_option


@click.command()
@network_options
@image_option("a shipped one")
@contract_options
@images_option
@input_option
@click.option(
    "--weights", metavar="FILE", help="Darknet weights of NETWORK.  [default: seeded ones]"
)
@click.option(
    "--unfused", is_flag=True, help="Run baseline B too: the saving (B - C) / B, on the bus."
)
@require_option
@json_option
@common_options
def verify(
    network: str,
    accelerator: Accelerator,
    size: tuple[int, int] | None,
    k: int | None,
    kernels: str | None,
    fast_rescale: bool,
    image: str | None,
    contract: dict[str, str | None] | None,
    images: str | None,
    arrays: tuple[str, ...],
    weights: str | None,
    unfused: bool,
    required: tuple[str, ...],
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
    from hwsim.flows.inputs import array_files, read_arrays
    from hwsim.flows.network import graph_path, load
    from hwsim.flows.requirements import read_requirements
    from hwsim.flows.verification import verify as find
    from hwsim.report.json_text import json_text
    from hwsim.report.verification import VerifiedTotals
    from hwsim.report.verification_tables import print_verification

    level = current_verbosity()
    requirements = read_requirements(required, VerifiedTotals)
    whole = load(
        network,
        size=size,
        k=k,
        kernels=kernels,
        fast_rescale=fast_rescale,
        images=images,
        contract=None if images is None else contract,
        progress=progress(level),
    )
    config = accelerator.config()
    json_file = JsonFile(json)
    files = array_files(whole, arrays)
    with Outputs(graph_path(network), accelerator.file, image, weights, *files.values()) as outputs:
        inputs = read_arrays(whole, files)
        json_file.reserve(outputs)
        found = find(
            whole,
            config,
            image=image,
            inputs=inputs,
            weights=weights,
            contract=contract,
            unfused=unfused,
            progress=progress(level),
        )
        text = json_text(found.document)
        outputs.write(json_file.contents(text))
    json_file.show(text, level, lambda: print_verification(found.document, sys.stdout))
    judge(requirements, found.document.totals, json, level, found.failures)

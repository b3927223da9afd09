"""`hwsim run`: a network executed bit-exactly on a photograph, and what that cost."""

import click

from hwsim.cli.options import (
    common_options,
    current_verbosity,
    network_options,
    output_options,
)


@click.command()
@network_options
@click.option("--image", required=True, metavar="PHOTO", help="A JPEG or PNG; it is stretched.")
@click.option(
    "--weights", metavar="FILE", help="Darknet weights of NETWORK.  [default: seeded ones]"
)
@click.option("--check", is_flag=True, help="Compare every stored element with the reference.")
@output_options
@common_options
def run(
    network: str,
    config_name: str,
    size: tuple[int, int] | None,
    k: int | None,
    weight_bits: int | None,
    image: str,
    weights: str | None,
    check: bool,
    html: str | None,
    json: str | None,
    csv: str | None,
    trace: str | None,
) -> None:
    """Execute NETWORK bit-exactly on a photograph, and print what it cost.

    NETWORK is one of `hwsim networks`, a file of darknet's that ends in .cfg, or a graph's file.
    Without constants it is quantized after the fact, once: ~/.cache/hwsim keeps the result. With
    --check, an element that differs from the integer reference ends the run with status 1.
    """
    from hwsim.arch.config import config_path
    from hwsim.cli.documents import Wanted, page_in
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.configuration import configuration
    from hwsim.flows.execution import run as execute
    from hwsim.flows.network import graph_path, load
    from hwsim.flows.progress import single_step

    show_progress = progress(current_verbosity())
    graph, config = load(network, size=size, k=k), configuration(config_name, weight_bits)
    with Outputs(graph_path(network), config_path(config_name), image, weights) as outputs:
        wanted = Wanted(page_in(html, outputs), json, csv, trace)
        wanted.reserve(outputs)
        found = execute(
            graph, config, image=image, weights=weights, check=check, progress=show_progress
        )
        with single_step(show_progress, "writing figures"):
            outputs.write(wanted.texts(found))
    wanted.show(found, current_verbosity())

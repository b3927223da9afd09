"""`hwsim show`: a network's operators, and what becomes of each on the accelerator."""

import sys
from typing import TYPE_CHECKING

import click

from hwsim.cli.options import (
    arithmetic_options,
    common_options,
    current_verbosity,
    json_option,
    shape_options,
)

if TYPE_CHECKING:
    from hwsim.flows.show import ShowResult


@click.command()
@shape_options
@arithmetic_options
@json_option
@common_options
def show(
    network: str,
    size: tuple[int, int] | None,
    k: int | None,
    kernels: str | None,
    fast_rescale: bool,
    json: str | None,
) -> None:
    """Show the operators of NETWORK, and the stages that they become.

    NETWORK is one of `hwsim networks`, a file of darknet's that ends in .cfg, a graph's file, or a
    quantized .tflite. A stage is what the accelerator computes in one go; `hwsim estimate` calls it
    a layer. Some operators are fused into others' stages, some are only addresses, and some are
    left to the host.
    """
    from hwsim.cli.documents import JsonFile
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.network import graph_path
    from hwsim.flows.show import show as find
    from hwsim.report.json_text import json_text

    found = find(
        network,
        size=size,
        k=k,
        kernels=kernels,
        fast_rescale=fast_rescale,
        progress=progress(current_verbosity()),
    )
    json_file = JsonFile(json)
    text = json_text(found.document)
    with Outputs(graph_path(network)) as outputs:
        json_file.reserve(outputs)
        outputs.write(json_file.contents(text))
    json_file.show(text, current_verbosity(), lambda: _print(found))


def _print(found: "ShowResult") -> None:
    from hwsim.report.terminal import print_tables

    print_tables(found.heading, found.tables, sys.stdout)

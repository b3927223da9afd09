"""`hwsim estimate`: the cost of a network, without running it."""

import click

from hwsim.cli.accelerator import Accelerator
from hwsim.cli.contract import contract_options, images_option
from hwsim.cli.options import (
    common_options,
    current_verbosity,
    network_options,
    output_options,
)
from hwsim.cli.requirements import judge, require_option


@click.command()
@network_options
@contract_options
@images_option
@output_options
@require_option
@common_options
def estimate(
    network: str,
    accelerator: Accelerator,
    size: tuple[int, int] | None,
    k: int | None,
    kernels: str | None,
    fast_rescale: bool,
    contract: dict[str, str | None] | None,
    images: str | None,
    html: str | None,
    json: str | None,
    csv: str | None,
    trace: str | None,
    required: tuple[str, ...],
) -> None:
    """Estimate what NETWORK costs: cycles, bytes, memory, energy, gates.

    NETWORK is one of `hwsim networks`, a file of darknet's that ends in .cfg, an .onnx, a
    quantized .tflite, or a graph's file.
    Nothing is executed: shapes decide.
    """
    from hwsim.cli.documents import Wanted, page_in
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.estimate import estimate as find
    from hwsim.flows.network import graph_path, load
    from hwsim.flows.progress import single_step
    from hwsim.flows.requirements import read_requirements
    from hwsim.report.totals import TotalFigures

    requirements = read_requirements(required, TotalFigures)
    show_progress = progress(current_verbosity())
    whole = load(
        network,
        size=size,
        k=k,
        kernels=kernels,
        fast_rescale=fast_rescale,
        images=images,
        contract=contract,
        progress=show_progress,
    )
    config = accelerator.config()
    with Outputs(graph_path(network), accelerator.file) as outputs:
        wanted = Wanted(page_in(html, outputs), json, csv, trace)
        wanted.reserve(outputs)
        found = find(whole, config, progress=show_progress)
        with single_step(show_progress, "writing figures"):
            outputs.write(wanted.contents(found))
    wanted.show(found, current_verbosity())
    if requirements:
        judge(requirements, found.totals, json, current_verbosity())

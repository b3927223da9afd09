"""`hwsim sweep`: the cost of a network on every accelerator of a space."""

import click

from hwsim.cli.accelerator import Accelerator
from hwsim.cli.options import common_options, current_verbosity, network_options, out_option


@click.command()
@network_options
@click.option(
    "--vary",
    metavar="KEY=VALUE,VALUE|FIRST:LAST:xFACTOR|FIRST:LAST:+STEP",
    multiple=True,
    required=True,
    help="Values that a key of the accelerator takes in turn: array.output_lanes=16,32 or "
    "buffers.feature_bytes=32K:1M:x2. Once for each key; every combination is estimated.",
)
@click.option(
    "--minimize",
    metavar="TOTAL,TOTAL",
    default="cycles,gates_nand2,total_bytes",
    show_default=True,
    help="The totals, by their names in the JSON, of which the Pareto front is shown.",
)
@out_option("sweep")
@click.option("--workers", type=int, help="Processes on this machine.  [default: one a core]")
@click.option(
    "--scheduler",
    metavar="tcp://HOST:PORT",
    help="A Dask cluster in their place, which has the same hwsim.",
)
@common_options
def sweep(
    network: str,
    accelerator: Accelerator,
    size: tuple[int, int] | None,
    k: int | None,
    kernels: str | None,
    fast_rescale: bool,
    vary: tuple[str, ...],
    minimize: str,
    folder: str,
    workers: int | None,
    scheduler: str | None,
) -> None:
    """Estimate NETWORK on every combination of some values of the accelerator's keys.

    DIR gets points.parquet, a row for each combination with all totals or the reason for which it
    is refused, and index.html, where they are drawn. A sweep that was interrupted goes on where it
    was. NETWORK is as for `hwsim estimate`.
    """
    import sys
    from pathlib import Path

    from hwsim.cli.documents import PAGE
    from hwsim.cli.options import Verbosity
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.exploration.objectives import read_totals
    from hwsim.exploration.page import page_text
    from hwsim.exploration.space import read_space
    from hwsim.exploration.sweep import sweep as find
    from hwsim.exploration.tables import sweep_heading, sweep_tables
    from hwsim.flows.network import graph_path, load
    from hwsim.report.terminal import print_tables

    space, minimized = read_space(vary), read_totals(minimize)
    show_progress = progress(current_verbosity())
    whole = load(
        network,
        size=size,
        k=k,
        kernels=kernels,
        fast_rescale=fast_rescale,
        progress=show_progress,
    )
    config = accelerator.config()
    with Outputs(graph_path(network), accelerator.file) as outputs:
        outputs.create_folder(folder)
        page = str(Path(folder) / PAGE)
        outputs.reserve(page)
        points = find(
            whole,
            config,
            vary=space,
            out=folder,
            workers=workers,
            scheduler=scheduler,
            progress=show_progress,
        )
        heading = sweep_heading(points, whole, config)
        command = _command(network, accelerator, size, k, kernels, fast_rescale)
        outputs.write({page: page_text(points, space, minimized, heading, command)})
    if current_verbosity() is not Verbosity.QUIET:
        print_tables(heading, sweep_tables(points, space, minimized), sys.stdout)


def _command(
    network: str,
    accelerator: Accelerator,
    size: tuple[int, int] | None,
    k: int | None,
    kernels: str | None,
    fast_rescale: bool,
) -> list[str]:
    """Return the words of the estimate of the accelerator that the others differ from."""
    words = ["hwsim", "estimate", network, *accelerator.words]
    if size is not None:
        words += ["--size", f"{size[0]}x{size[1]}"]
    if k is not None:
        words += ["--k", str(k)]
    if kernels is not None:
        words += ["--kernels", kernels]
    return [*words, "--fast-rescale"] if fast_rescale else words

"""`hwsim search`: good accelerators for some networks, found by trials."""

import click

from hwsim.cli.accelerator import Accelerator, network_accelerator_options
from hwsim.cli.options import common_options, current_verbosity


@click.command()
@click.option(
    "--network",
    "networks",
    metavar="NETWORK",
    multiple=True,
    required=True,
    help="A network, as `hwsim estimate` takes it. Once for each.",
)
@network_accelerator_options
@click.option(
    "--vary",
    metavar="KEY=VALUES",
    multiple=True,
    help="Values of a key, as for `hwsim sweep`. Once for each key.  [default: lanes, bus,"
    " buffers]",
)
@click.option(
    "--minimize",
    metavar="TOTAL,TOTAL",
    required=True,
    help="The totals to make small; of several networks, their geometric mean.",
)
@click.option(
    "--limit",
    "limits",
    metavar="TOTAL=NUMBER,TOTAL=NUMBER",
    multiple=True,
    help="The largest value of a total, for each of the networks: gates_nand2=400k.",
)
@click.option("--trials", type=int, default=200, show_default=True, help="How many are tried.")
@click.option(
    "--sampler",
    type=click.Choice(["tpe", "nsga2", "random"]),
    default="tpe",
    show_default=True,
    help="The way in which Optuna chooses them.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same gives the same.")
@click.option("--csv", metavar="FILE", help="Write a row for each accelerator that was tried.")
@common_options
def search(
    networks: tuple[str, ...],
    accelerator: Accelerator,
    vary: tuple[str, ...],
    minimize: str,
    limits: tuple[str, ...],
    trials: int,
    sampler: str,
    seed: int,
    csv: str | None,
) -> None:
    """Search a space of accelerators for those on which some networks cost the least.

    Where the space is small, `hwsim sweep` prices all of it.
    """
    import sys

    from hwsim.cli.options import Verbosity
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.exploration.limits import read_limits
    from hwsim.exploration.objectives import read_totals
    from hwsim.exploration.search import search as find
    from hwsim.exploration.space import read_space
    from hwsim.exploration.tables import search_heading, search_tables
    from hwsim.flows.network import graph_path, load
    from hwsim.report.terminal import print_tables

    minimized, most = read_totals(minimize), read_limits(limits)
    space = read_space(vary) if vary else None
    show_progress = progress(current_verbosity())
    config = accelerator.config()
    loaded = [load(network, progress=show_progress) for network in networks]
    with Outputs(*map(graph_path, networks), accelerator.file) as outputs:
        if csv is not None:
            outputs.reserve(csv)
        tried = find(
            loaded,
            config,
            minimize=minimized,
            limits=most,
            vary=space,
            trials=trials,
            sampler=sampler,
            seed=seed,
            progress=show_progress,
        )
        if csv is not None:
            outputs.write({csv: tried.to_csv(index=False)})
    if current_verbosity() is not Verbosity.QUIET:
        heading = search_heading(tried, loaded, config)
        print_tables(heading, search_tables(tried, minimized, most), sys.stdout)

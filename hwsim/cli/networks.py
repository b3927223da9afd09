"""`hwsim networks`: the built-in networks."""

import click

from hwsim.cli.options import common_options


@click.command()
@common_options
def networks() -> None:
    """List the built-in networks."""
    from hwsim.flows.network import networks as built_in

    found = built_in()
    width = max(len(network.name) for network in found)
    for network in found:
        size = f"{network.default_size_pixels}x{network.default_size_pixels}"
        click.echo(
            f"{network.name:{width}}  {size:7}  k = {network.default_k}  {network.macs:>13,} MACs  "
            f"{network.summary}"
        )

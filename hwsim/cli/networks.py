"""`hwsim networks`: what can be estimated."""

import click

from hwsim.cli.options import common_options


@click.command()
@common_options
def networks() -> None:
    """List the built-in networks."""
    from hwsim.frontends.builtin import NETWORKS, build_network

    width = max(map(len, NETWORKS))
    for spec in NETWORKS.values():
        graph = build_network(spec.name)
        size = f"{spec.default_size}x{spec.default_size}"
        click.echo(
            f"{spec.name:{width}}  {size:7}  k = {spec.default_k}  {graph.macs:>13,} MACs  "
            f"{spec.summary}"
        )

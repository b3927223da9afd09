"""`hwsim schema`: the JSON Schema of what another subcommand's `--json` writes."""

import click

from hwsim.cli.options import common_options


@click.command()
@click.argument("name", metavar="COMMAND", type=click.Choice(["estimate", "verify", "synth"]))
@common_options
def schema(name: str) -> None:
    """Print the JSON Schema of what `hwsim COMMAND --json` writes.

    COMMAND is estimate, verify or synth; `hwsim run` writes what estimate does.
    """
    from hwsim.report.schema import schema_text

    click.echo(schema_text(name), nl=False)

"""`hwsim schema`: the JSON Schema of the document that another subcommand's `--json` writes."""

import click

from hwsim.cli.options import common_options

COMMANDS = ("show", "estimate", "verify", "compile", "rtl", "synth")


@click.command()
@click.argument("name", metavar="COMMAND", type=click.Choice(COMMANDS))
@common_options
def schema(name: str) -> None:
    """Print the JSON Schema of what `hwsim COMMAND --json` writes.

    COMMAND is show, estimate, verify, compile, rtl or synth; `hwsim run` writes what estimate does.
    """
    from hwsim.report.schema import schema_text

    click.echo(schema_text(name), nl=False)

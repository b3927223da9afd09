"""The top of the command line. A subcommand's module is imported only when it is asked for."""

from importlib import import_module

import click

from hwsim.cli.options import common_options

# In the order of --help.
SUBCOMMANDS = (
    "estimate",
    "run",
    "verify",
    "compile",
    "rtl",
    "synth",
    "networks",
    "configs",
    "report",
)


class LazyGroup(click.Group):
    """Finds subcommand `x` as the command of that name in `hwsim.cli.x`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(SUBCOMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        members = vars(import_module(f"hwsim.cli.{cmd_name}")).values()
        commands = (member for member in members if isinstance(member, click.Command))
        return next(command for command in commands if command.name == cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in SUBCOMMANDS and not name.startswith("-"):
            raise click.exceptions.NoSuchCommand(name, possibilities=SUBCOMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@common_options
def hwsim() -> None:
    """Say what a convolutional network costs on an embedded-vision accelerator.

    Exit status: 0 fine, 1 a comparison failed, 2 bad input, 130 interrupted.
    """

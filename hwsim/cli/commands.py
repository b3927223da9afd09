"""The top of the command line, which imports a subcommand's module only when it is called."""

import traceback
from importlib import import_module
from typing import Any

import click

from hwsim.cli.options import Verbosity, common_options
from hwsim.errors import ComparisonError, InputError

FORESEEN = (
    click.ClickException,
    click.exceptions.Exit,
    ComparisonError,
    InputError,
    MemoryError,
    OSError,
)

# In the order of --help.
SUBCOMMANDS = (
    "show",
    "estimate",
    "sweep",
    "search",
    "run",
    "verify",
    "compile",
    "quantize",
    "rtl",
    "synth",
    "networks",
    "configs",
    "report",
    "schema",
)


class ReaderGoneError(RuntimeError):
    """The reader of standard output is gone."""


class UnexpectedError(RuntimeError):
    """Wraps an exception that no part of hwsim has foreseen, as its cause."""


class LazyGroup(click.Group):
    """Finds the subcommand `x` in the module `hwsim.cli.x`."""

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

    def invoke(self, ctx: click.Context) -> Any:
        """Wrap interrupts and broken pipes, because click would handle them in its own way."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None
        except (BrokenPipeError, SystemExit):  # rich exits when a pipe is broken
            raise ReaderGoneError from None
        except FORESEEN:
            raise
        except Exception as error:
            if ctx.obj is Verbosity.VERBOSE:
                traceback.print_exc()
            raise UnexpectedError(f"{type(error).__name__}: {error}") from error


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@common_options
def hwsim() -> None:
    """Say what a convolutional network costs on an embedded-vision accelerator.

    Exit status: 0 fine, 1 a comparison failed, 2 bad input, 70 a fault of hwsim itself, 130
    interrupted.
    """

"""The options that subcommands share, and the types of their values."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

import click

from hwsim.cli.accelerator import network_accelerator_options
from hwsim.errors import InputError
from hwsim.escape import quoted

NPZ_SUFFIX = ".npz"
STANDARD_OUTPUT = "-"
SIZE_NAME = "SIZE|WIDTHxHEIGHT"

Command = TypeVar("Command", bound=Callable[..., Any])


class Verbosity(IntEnum):
    QUIET = -1
    NORMAL = 0
    VERBOSE = 1


class SizeType(click.ParamType[tuple[int, int]]):
    """A size, WIDTHxHEIGHT or one number for both, as the pair (width, height)."""

    name = SIZE_NAME

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        from hwsim.flows.network import width_and_height

        try:
            return width_and_height(str(value))
        except InputError as error:
            self.fail(str(error), param, ctx)


def common_options(command: Command) -> Command:
    """Add -v, -q and --version, which may stand before or after the subcommand."""
    command = click.version_option(package_name="hwsim", message="hwsim %(version)s")(command)
    command = click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_set(Verbosity.QUIET),
        help="Print no tables and no progress: only warnings, errors and what `--json -` writes.",
    )(command)
    return click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_set(Verbosity.VERBOSE),
        help="Print more tables, and the sources of assumed figures.",
    )(command)


def current_verbosity() -> Verbosity:
    """Return the verbosity that -v or -q chose, before or after the subcommand."""
    found = click.get_current_context().find_root().obj
    return found if isinstance(found, Verbosity) else Verbosity.NORMAL


def _set(level: Verbosity) -> Callable[[click.Context, click.Parameter, bool], None]:
    def store(ctx: click.Context, _parameter: click.Parameter, is_given: bool) -> None:
        root = ctx.find_root()
        if not is_given:
            return
        if root.obj not in (None, level):
            raise click.UsageError("--quiet and --verbose exclude each other", ctx)
        root.obj = level

    return store


def shape_options(command: Command) -> Command:
    """Add the argument NETWORK and the options for its shape."""
    return _decorated(
        command,
        click.argument("network"),
        click.option(
            "--size",
            type=SizeType(),
            metavar=SIZE_NAME,
            help="Size of the image in pixels.  [default: the network's own]",
        ),
        click.option(
            "--k",
            type=int,
            metavar="1|2|4|8",
            help="Filters condensed into each stored channel of a built-in network's "
            "batch-normalised convolutions.  [default: the network's own]",
        ),
    )


def network_options(command: Command) -> Command:
    """Add the argument NETWORK and the options for its shape and its accelerator."""
    return shape_options(_decorated(command, arithmetic_options, network_accelerator_options))


def _decorated(command: Command, *decorators: Callable[[Command], Command]) -> Command:
    """Apply decorators as if they stood above the command in this order."""
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def image_option(default: str | None = None) -> Callable[[Command], Command]:
    """Return the option for a photograph; `default` says what is taken without it."""
    is_default = f"  [default: {default}]" if default else ""
    return click.option(
        "--image",
        metavar="PHOTO",
        help=f"A JPEG or PNG for a network of one input.{is_default}",
    )


input_option = click.option(
    "--input",
    "arrays",
    metavar="[NAME=]FILE.npy",
    multiple=True,
    help="In place of --image, the array of an input: int8 [C, H, W] as it is stored, that of a "
    ".tflite as the file has it. Once for each input; NAME= may be left out for a single one.",
)


def arithmetic_options(command: Command) -> Command:
    """Add the options that say which arithmetic a .tflite is computed with."""
    return _decorated(
        command,
        click.option(
            "--kernels",
            type=click.Choice(["litert", "tflm"]),
            help="The runtime whose arithmetic a .tflite is computed with.  [default: litert]",
        ),
        click.option(
            "--fast-rescale",
            is_flag=True,
            help="Round the factors of a .tflite's rescales from 31 to 16 bits, which take half of "
            "the cycles. Outputs may differ from the runtime's; run and verify say by how much.",
        ),
    )


def out_option(default: str | None = None) -> Callable[[Command], Command]:
    """Return the option that names the folder of a command that writes several files."""
    chosen = {"required": True} if default is None else {"default": default, "show_default": True}
    return click.option(
        "-o",
        "--out",
        "folder",
        metavar="DIR",
        help="Where to write; made if new.",
        callback=is_no_standard_output,
        **chosen,
    )


def is_no_standard_output(
    _ctx: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Refuse `-`, standard output, for an option that must name a file or a folder."""
    if value == STANDARD_OUTPUT:
        raise InputError(f"{parameter.opts[-1]} -: only --json can go to standard output")
    return value


def is_npz_file(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a name that does not end as numpy expects it of several arrays in a file."""
    name = is_no_standard_output(ctx, parameter, value)
    if name is not None and not name.lower().endswith(NPZ_SUFFIX):
        raise InputError(
            f"{parameter.opts[-1]} {quoted(name)}: the name must end in {NPZ_SUFFIX}, which is the "
            "format that is written"
        )
    return name


json_option = click.option(
    "--json", metavar="FILE|-", help="Write all figures; - for standard output, alone."
)


def output_options(command: Command) -> Command:
    """Add the options that name files to write."""
    return _decorated(
        command,
        click.option(
            "--html",
            metavar="DIR",
            callback=is_no_standard_output,
            help="Write DIR/index.html, which works offline.",
        ),
        json_option,
        click.option(
            "--csv",
            metavar="FILE",
            callback=is_no_standard_output,
            help="Write one row per layer.",
        ),
        click.option(
            "--trace",
            metavar="FILE",
            callback=is_no_standard_output,
            help="Write a timeline for ui.perfetto.dev.",
        ),
    )

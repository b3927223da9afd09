"""The options that say what an image becomes, which a command receives as one value."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click

Command = TypeVar("Command", bound=Callable[..., Any])
NUMBERS = "NUMBER[,NUMBER,NUMBER]"

OPTIONS = (
    click.option(
        "--colour",
        type=click.Choice(["rgb", "bgr", "grey"]),
        help="The meaning of the channels of an image.  [default: the file's]",
    ),
    click.option(
        "--range",
        "value_range",
        metavar="LOW,HIGH",
        help="The x of a pixel of 0 and of one of 255.  "
        "[default: 0,255 with --mean, else the file's]",
    ),
    click.option(
        "--mean",
        metavar=NUMBERS,
        help="The real values of the image are (x - mean) / std.  [default: 0 with --range, else "
        "the file's]",
    ),
    click.option("--std", metavar=NUMBERS, help="See --mean; both or none."),
    click.option(
        "--resize",
        type=click.Choice(["stretch", "letterbox", "crop"]),
        help="The way in which an image of another shape fills the input.  [default: the file's]",
    ),
    click.option("--fill", metavar=NUMBERS, help="The pixel of a letterbox's borders, 0 to 255."),
)


images_option = click.option(
    "--images",
    metavar="DIR",
    help="Photographs that a float .onnx is quantized on.  [default: random data]",
)


def contract_options(command: Command) -> Command:
    """Add the options of an image. The command has a parameter `contract`, None without them."""

    @wraps(command)
    def gather(
        *,
        colour: str | None,
        value_range: str | None,
        mean: str | None,
        std: str | None,
        resize: str | None,
        fill: str | None,
        **others: Any,
    ) -> Any:
        keys = {"colour": colour, "range": value_range, "mean": mean, "std": std}
        keys |= {"resize": resize, "fill": fill}
        is_asked = any(value is not None for value in keys.values())
        return command(contract=keys if is_asked else None, **others)

    decorated = cast("Command", gather)
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated

"""The options that choose an accelerator, which a command receives as one value."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from hwsim.arch.config import Config

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Accelerator:
    """The accelerator of a command, as its options name it."""

    source: str
    settings: tuple[str, ...]
    memory: str | None
    weight_bits: int | None = None
    residency: bool | None = None

    @property
    def file(self) -> str | None:
        """The TOML file that the command reads; None for a preset."""
        from hwsim.arch.config import config_path

        return config_path(self.source)

    @property
    def words(self) -> list[str]:
        """The options that name the same accelerator in another command."""
        words = ["--config", self.source]
        for setting in self.settings:
            words += ["--set", setting]
        if self.memory is not None:
            words += ["--memory", self.memory]
        if self.weight_bits is not None:
            words += ["--weight-bits", str(self.weight_bits)]
        if self.residency is not None:
            words.append("--residency" if self.residency else "--no-residency")
        return words

    def config(self) -> "Config":
        """Return the effective configuration. Raises `InputError` for one that breaks a rule."""
        from hwsim.flows.configuration import configuration
        from hwsim.flows.settings import read_settings

        settings = read_settings(self.settings) if self.settings else None
        if self.residency is not None:
            settings = {**(settings or {}), "residency": self.residency}
        return configuration(self.source, self.weight_bits, self.memory, settings)


CONFIG = click.option(
    "--config",
    "config_name",
    metavar="PRESET|FILE.toml",
    default="edge",
    show_default=True,
    help="The accelerator: see `hwsim configs`.",
)
SET = click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Another value for a key of it, such as array.output_lanes=32 or "
    "buffers.feature_bytes=256K. Once for each key; docs/configuration.md has all of them.",
)
MEMORY = click.option(
    "--memory",
    metavar="ideal|latency=CYCLES,bandwidth=BYTES[,shared]",
    help="External memory; bandwidth in bytes per cycle, in either direction or shared by both.  "
    "[default: the config's]",
)
WEIGHT_BITS = click.option(
    "--weight-bits",
    type=click.Choice([8, 4]),
    help="Width of a weight.  [default: the config's]",
)


RESIDENCY = click.option(
    "--residency/--no-residency",
    default=None,
    help="Let maps stay in the feature buffer where that moves fewer bytes, or write all to "
    "memory.  [default: the config's]",
)


def accelerator_options(command: Command) -> Command:
    """Add the options that choose an accelerator. The command has a parameter `accelerator`."""
    return _receiving(command, CONFIG, SET, MEMORY)


def network_accelerator_options(command: Command) -> Command:
    """Add the same options, the width of weights, and whether maps stay on the chip."""
    return _receiving(command, CONFIG, SET, MEMORY, WEIGHT_BITS, RESIDENCY)


def _receiving(command: Command, *options: Callable[[Command], Command]) -> Command:
    """Put options above a command, which receives their values as one."""

    @wraps(command)
    def gather(
        *,
        config_name: str,
        settings: tuple[str, ...],
        memory: str | None,
        weight_bits: int | None = None,
        residency: bool | None = None,
        **others: Any,
    ) -> Any:
        return command(
            accelerator=Accelerator(config_name, settings, memory, weight_bits, residency),
            **others,
        )

    decorated = cast("Command", gather)
    for option in reversed(options):
        decorated = option(decorated)
    return decorated

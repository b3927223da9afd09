"""The document of `hwsim rtl --json`."""

from dataclasses import dataclass
from typing import Any, Literal

SCHEMA_VERSION = "1.0"  # the second number grows when fields are added


@dataclass(frozen=True)
class Port:
    """One port of the top module."""

    name: str
    """Its name."""
    direction: str
    """`input` or `output`."""
    bits: int
    """Its width."""


@dataclass(frozen=True)
class DeliveredFile:
    """One file of the delivery."""

    path: str
    """Path of the file within the folder."""
    size_bytes: int
    """Its size."""


@dataclass(frozen=True)
class Delivery:
    """The document that describes a delivery."""

    schema_version: str
    """Version of this document's shape: major.minor."""
    hwsim_version: str
    """Version of the program that wrote it."""
    command: Literal["rtl"]
    """The subcommand."""
    config: dict[str, Any]
    """The accelerator, key by key as in its TOML."""
    name: str
    """Name of the top module."""
    folder: str
    """The folder with the files, as the user named it."""
    ports: tuple[Port, ...]
    """The ports in the module's order."""
    files: tuple[DeliveredFile, ...]
    """The files in the order of their paths."""

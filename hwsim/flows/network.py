"""Find the network that a user names, and its widths on an accelerator."""

import re
from dataclasses import dataclass
from os import PathLike

from hwsim.arch.config import Config
from hwsim.errors import InputError
from hwsim.files import path_text
from hwsim.flows.configuration import ConfigSource, configuration
from hwsim.frontends.builtin import NETWORKS, build_network, check_size
from hwsim.graph import Graph
from hwsim.passes.weight_width import with_weight_bits
from hwsim.report.records import Records

File = str | PathLike[str]
NetworkSource = File | Graph
Size = int | str | tuple[int, int]  # a square's side, a text like "320x256", or width and height
SIZE = re.compile(r"([0-9]{1,6})(?:x([0-9]{1,6}))?")


@dataclass(frozen=True)
class BuiltInNetwork:
    """A network that is built in, so that it needs no file."""

    name: str
    default_size_pixels: int
    default_k: int
    macs: int
    summary: str


def networks() -> Records[BuiltInNetwork]:
    """Return the built-in networks, each with its own size and k."""
    rows = (
        BuiltInNetwork(
            spec.name,
            spec.default_size,
            spec.default_k,
            build_network(spec.name).macs,
            spec.summary,
        )
        for spec in NETWORKS.values()
    )
    return Records(BuiltInNetwork, rows)


def load(source: File, *, size: Size | None = None, k: int | None = None) -> Graph:
    """Return a network's shapes, without constants.

    `source` names a built-in network; `networks()` lists them. `size` is that of its image in
    pixels: one number for a square, width and height, or either as text: 416, (320, 256),
    "320x256". `k` is the number of filters that are
    condensed into each stored channel. Both are the network's own unless they are given. Raises
    `InputError` for what the network does not take.
    """
    width, height = (None, None) if size is None else width_and_height(size)
    return build_network(str(source), height, width, k)


def width_and_height(size: Size) -> tuple[int, int]:
    """Return the width and the height that a size in pixels names, or raise `InputError`."""
    text = "x".join(map(str, size)) if isinstance(size, tuple) else str(size)
    match = SIZE.fullmatch(text)
    if match is None:
        raise InputError(f"size {size!r} is no size in pixels such as 416 or 320x256")
    width, height = int(match[1]), int(match[2] or match[1])
    check_size(width, height)
    return width, height


def optional_path(kind: str, file: File | None) -> str | None:
    """Return the path of an optional file as text."""
    return None if file is None else path_text(kind, file)


def placed(network: NetworkSource, config: ConfigSource) -> tuple[Graph, Config]:
    """Return the graph and the config that two arguments name.

    A graph without constants takes the config's width of weights.
    """
    chosen = configuration(config)
    graph = network if isinstance(network, Graph) else load(network)
    return with_weight_bits(graph, chosen.widths.weight_bits), chosen

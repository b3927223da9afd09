"""Find the network that a user names, and its widths on an accelerator."""

from dataclasses import dataclass
from os import PathLike

from hwsim.arch.config import Config
from hwsim.flows.configuration import ConfigSource, configuration
from hwsim.frontends.builtin import NETWORKS, build_network
from hwsim.graph import Graph
from hwsim.passes.weight_width import with_weight_bits
from hwsim.report.records import Records

NetworkSource = str | PathLike[str] | Graph
Size = int | tuple[int, int]  # the side of a square, or width and height


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


def load(source: str | PathLike[str], *, size: Size | None = None, k: int | None = None) -> Graph:
    """Return a network's shapes, without constants.

    `source` names a built-in network; `networks()` lists them. `size` is that of its image in
    pixels: one number for a square, or width and height. `k` is the number of filters that are
    condensed into each stored channel. Both are the network's own unless they are given. Raises
    `InputError` for what the network does not take.
    """
    width, height = (size, size) if isinstance(size, int) or size is None else size
    return build_network(str(source), height, width, k)


def placed(network: NetworkSource, config: ConfigSource) -> tuple[Graph, Config]:
    """Return the graph and the config that two arguments name.

    A graph without constants takes the config's width of weights.
    """
    chosen = configuration(config)
    graph = network if isinstance(network, Graph) else load(network)
    return with_weight_bits(graph, chosen.widths.weight_bits), chosen

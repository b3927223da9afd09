"""Float weights and quantized graphs, of which the user's cache keeps what takes long.

The name of a file there is a hash of all that it depends on: the content of graph and weights, the
sources that do the work, and the packages that these use. A network is found by its content alone:
names decide nothing, and what is kept is given to the layers by their places.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hwsim.cache import cache_folder
from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.extras import importing_extra, needing_extra
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.kept_arrays import keep_arrays, kept_arrays
from hwsim.flows.network import NetworkSource, placed
from hwsim.frontends.darknet import read_weights
from hwsim.graph import Graph
from hwsim.graph.check import IMAGE_CHANNELS
from hwsim.graph.float_weights import FloatWeights, check_float_weights
from hwsim.graph.records import canonical_json
from hwsim.passes.constants import constants_of, with_constants
from hwsim.passes.nameless import nameless

PURPOSE = "quantizing a network"
SEED = 0
DECIDING_PACKAGES = ("torch", "brevitas", "numpy", "pillow", "scikit-image")
DECIDING_MODULES = ("hwsim.golden", "hwsim.graph", "hwsim.fixed_point")

Weights = Sequence[FloatWeights]


@dataclass(frozen=True)
class Quantized:
    """A graph that can be executed, and where its constants come from."""

    graph: Graph
    weights: Weights | None  # floats that it was quantized from; None where it had constants
    origin: str  # a darknet file's name, `seeded`, or `graph` where it had constants


def quantize(network: NetworkSource, weights: Weights, config: ConfigSource = "edge") -> Graph:
    """Return a graph of the same shapes with integer constants, as an accelerator takes them.

    `network` and `config` are as for `estimate`; `config` gives the widths of weights and rescale
    factors. `weights` has the floats of each layer. Scales come from four photographs of
    scikit-image, see `docs/numerics.md`; the user's cache keeps the result. Raises `InputError` for
    a network that has constants, and for weights that are not its own or cannot be quantized.
    """
    shapes, chosen = placed(network, config)
    if shapes.is_quantized:
        raise InputError(f"graph {shapes.name} has constants already")
    check_takes_photographs(shapes)
    _check_types(weights)
    check_float_weights(shapes, weights)
    return quantized_graph(shapes, weights, chosen.widths.multiplier_bits)


def _check_types(weights: object) -> None:
    """Raise `InputError` for anything but a sequence of `FloatWeights` that hold numpy arrays."""
    if not isinstance(weights, Sequence) or not all(
        isinstance(each, FloatWeights) for each in weights
    ):
        raise InputError(
            f"weights {shown(weights)}: must be a list of hwsim.graph.FloatWeights, one per layer"
        )
    for index, layer in enumerate(weights):
        if not isinstance(layer.weights, tuple):
            raise InputError(
                f"weights[{index}].weights {shown(layer.weights)}: must be a tuple of numpy arrays"
            )
        for name, array in layer.arrays().items():
            if not isinstance(array, np.ndarray):
                raise InputError(f"weights[{index}].{name} {shown(array)}: must be a numpy array")


def check_takes_photographs(graph: Graph) -> None:
    """Raise `InputError` for a graph with an input that is no photograph."""
    for channels in (tensor.shape.channels for tensor in graph.inputs):
        if channels != IMAGE_CHANNELS:
            raise InputError(
                f"graph {graph.name}: input of {channels} channels: photographs have "
                f"{IMAGE_CHANNELS}, and a network is quantized on these"
            )


def quantized(shapes: Graph, path: str | None, multiplier_bits: int) -> Quantized:
    """Quantize a graph from a darknet file, or from seeded weights where `path` is None.

    A graph that has constants stays as it is. Raises `InputError` for one that has none and takes
    no photographs.
    """
    if shapes.is_quantized:
        if path is not None:
            raise InputError(f"weights {quoted(path)}: graph {shapes.name} has constants already")
        return Quantized(shapes, None, "graph")
    check_takes_photographs(shapes)
    weights = float_weights(shapes, path)
    graph = quantized_graph(shapes, weights, multiplier_bits)
    return Quantized(graph, weights, "seeded" if path is None else Path(path).name)


def float_weights(shapes: Graph, path: str | None) -> Weights:
    """Return the weights of a darknet file, or seeded ones where `path` is None."""
    if path is not None:
        return read_weights(shapes, path)
    with needing_extra("golden", PURPOSE):
        from hwsim.golden.seeded_weights import draw_weights, with_statistics

        place = statistics_place(shapes)
    shapes = nameless(shapes)
    drawn = draw_weights(shapes, SEED)
    kept = kept_arrays(place)
    if kept is not None:
        with suppress(KeyError, InputError):  # not what these weights need: replace it
            found = with_statistics(shapes, drawn, kept)
            check_float_weights(shapes, found)
            return found
    with importing_extra("golden", PURPOSE):
        from hwsim.golden.statistics import photograph_statistics
    statistics = photograph_statistics(shapes, drawn)
    keep_arrays(place, statistics)
    return with_statistics(shapes, drawn, statistics)


def quantized_graph(shapes: Graph, weights: Weights, multiplier_bits: int) -> Graph:
    """Return the quantized graph, from the cache if an earlier call has stored it there."""
    with needing_extra("golden", PURPOSE):
        place = graph_place(shapes, weights, multiplier_bits)
    kept = kept_arrays(place)
    if kept is not None:
        with suppress(KeyError, InputError):  # not what this graph needs: replace it
            return with_constants(shapes, kept)
    with importing_extra("golden", PURPOSE):
        from hwsim.golden.quantize import quantize
    graph = quantize(shapes, weights, multiplier_bits)
    keep_arrays(place, constants_of(graph))
    return graph


def statistics_place(shapes: Graph) -> Path:
    """Return where the user's cache keeps the statistics that seeded weights are normalised by."""
    return _place("statistics", shapes, [str(SEED).encode()])


def graph_place(shapes: Graph, weights: Weights, multiplier_bits: int) -> Path:
    """Return where the user's cache keeps the graph that `quantized_graph` returns."""
    arrays = [array for stage in weights for array in stage.arrays().values()]
    contents = [hashlib.sha256(np.ascontiguousarray(array).data).digest() for array in arrays]
    return _place("quantized", shapes, [str(multiplier_bits).encode(), *contents])


def _place(what: str, shapes: Graph, parts: list[bytes]) -> Path:
    """Return where the cache keeps what follows from shapes, `parts`, sources and packages."""
    packages = [f"{name} {version(name)}".encode() for name in DECIDING_PACKAGES]
    sources = [source.read_bytes() for source in _deciding_sources()]
    digest = hashlib.sha256()
    for part in (canonical_json(nameless(shapes)).encode(), *packages, *sources, *parts):
        digest.update(hashlib.sha256(part).digest())
    return cache_folder() / f"{what}-{digest.hexdigest()}.safetensors"


def _deciding_sources() -> Iterator[Path]:
    """Yield the source files of every deciding module and package, in a fixed order."""
    for name in DECIDING_MODULES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        yield from (
            sorted(origin.parent.glob("*.py")) if spec.submodule_search_locations else [origin]
        )

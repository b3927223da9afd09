"""Float weights and quantized graphs, of which the user's cache keeps what takes long.

The name of a file there is a hash of all that it depends on: the content of graph and weights, the
sources that do the work, and the packages that these use. A network is found by its content alone:
names decide nothing, and what is kept is given to the layers by their places.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.cache import cache_folder
from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.extras import importing_extra, needing_extra
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.inputs import (
    Arrays,
    check_without_arrays,
    checked_arrays,
    takes_photographs,
)
from hwsim.flows.kept_arrays import keep_arrays, kept_arrays
from hwsim.flows.network import NetworkSource, placed
from hwsim.frontends.darknet import read_weights
from hwsim.graph import Graph
from hwsim.graph.float_weights import FloatWeights, check_float_weights
from hwsim.graph.records import canonical_json
from hwsim.passes.constants import constants_of, with_constants
from hwsim.passes.nameless import nameless

PURPOSE = "quantizing a network"
SEED = 0
DECIDING_PACKAGES = ("torch", "brevitas", "numpy", "pillow", "scikit-image")
DECIDING_MODULES = ("hwsim.golden", "hwsim.graph", "hwsim.fixed_point")

Weights = Sequence[FloatWeights]
Calibration = Sequence[NDArray[np.int8]]  # x[C, H, W] of every input, in order; empty: photographs


@dataclass(frozen=True)
class Quantized:
    """A graph that can be executed, and where its constants come from."""

    graph: Graph
    weights: Weights | None  # floats that it was quantized from; None where it had constants
    origin: str  # a darknet file's name, `seeded`, or `graph` where it had constants


def quantize(
    network: NetworkSource,
    weights: Weights,
    config: ConfigSource = "edge",
    *,
    inputs: Arrays | None = None,
) -> Graph:
    """Return a graph of the same shapes with integer constants, as an accelerator takes them.

    `network` and `config` are as for `estimate`; `config` gives the widths of weights and rescale
    factors. `weights` has the floats of each layer. Scales come from four photographs of
    scikit-image, see `docs/numerics.md`; those of a network with an input that is no photograph
    from `inputs`, which are as for `run`. The user's cache keeps the result. Raises `InputError`
    for a network that has constants, and for weights that are not its own or cannot be quantized.
    """
    shapes, chosen = placed(network, config)
    if shapes.is_quantized:
        raise InputError(f"graph {shapes.name} has constants already")
    arrays = calibration_arrays(shapes, inputs)
    _check_types(weights)
    check_float_weights(shapes, weights)
    return quantized_graph(shapes, weights, chosen.widths.multiplier_bits, arrays)


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


def calibration_arrays(graph: Graph, inputs: Arrays | None) -> Calibration:
    """Return the arrays that a graph is calibrated on: none where photographs can do it.

    So the constants of a network that takes photographs do not depend on what it is run on. Raises
    `InputError` where arrays are needed and not given, or are not those of the graph.
    """
    if inputs is None:
        check_without_arrays(graph)
        return ()
    arrays = checked_arrays(graph, inputs)
    if takes_photographs(graph):
        return ()
    if all(values.min() == values.max() for values in arrays.values()):
        name, values = next(iter(arrays.items()))
        raise InputError(
            f"input {quoted(name)}: every value is {values.flat[0]}: a network is quantized on the "
            "arrays that it is given, whose values must differ"
        )
    return tuple(arrays.values())


def quantized(
    shapes: Graph, path: str | None, multiplier_bits: int, inputs: Arrays | None = None
) -> Quantized:
    """Quantize a graph from a darknet file, or from seeded weights where `path` is None.

    `inputs` are the arrays, if any, that the graph is to be run on. A graph that has constants
    stays as it is. Raises `InputError` for one that has none and needs arrays to be calibrated on.
    """
    if shapes.is_quantized:
        if path is not None:
            raise InputError(f"weights {quoted(path)}: graph {shapes.name} has constants already")
        return Quantized(shapes, None, "graph")
    arrays = calibration_arrays(shapes, inputs)
    weights = float_weights(shapes, path, arrays)
    graph = quantized_graph(shapes, weights, multiplier_bits, arrays)
    return Quantized(graph, weights, "seeded" if path is None else Path(path).name)


def float_weights(shapes: Graph, path: str | None, arrays: Calibration = ()) -> Weights:
    """Return the weights of a darknet file, or seeded ones where `path` is None."""
    if path is not None:
        return read_weights(shapes, path)
    with needing_extra("golden", PURPOSE):
        from hwsim.golden.seeded_weights import draw_weights, with_statistics

        place = statistics_place(shapes, arrays)
    shapes = nameless(shapes)
    drawn = draw_weights(shapes, SEED)
    kept = kept_arrays(place)
    if kept is not None:
        with suppress(KeyError, InputError):  # not what these weights need: replace it
            found = with_statistics(shapes, drawn, kept)
            check_float_weights(shapes, found)
            return found
    with importing_extra("golden", PURPOSE):
        from hwsim.golden.statistics import calibration_statistics
    statistics = calibration_statistics(shapes, drawn, arrays)
    keep_arrays(place, statistics)
    return with_statistics(shapes, drawn, statistics)


def quantized_graph(
    shapes: Graph, weights: Weights, multiplier_bits: int, arrays: Calibration = ()
) -> Graph:
    """Return the quantized graph, from the cache if an earlier call has stored it there."""
    with needing_extra("golden", PURPOSE):
        place = graph_place(shapes, weights, multiplier_bits, arrays)
    kept = kept_arrays(place)
    if kept is not None:
        with suppress(KeyError, InputError):  # not what this graph needs: replace it
            return with_constants(shapes, kept)
    with importing_extra("golden", PURPOSE):
        from hwsim.golden.quantize import quantize
    graph = quantize(shapes, weights, multiplier_bits, arrays)
    keep_arrays(place, constants_of(graph))
    return graph


def statistics_place(shapes: Graph, arrays: Calibration = ()) -> Path:
    """Return where the user's cache keeps the statistics that seeded weights are normalised by."""
    return _place("statistics", shapes, [str(SEED).encode(), *_hashes(arrays)])


def graph_place(
    shapes: Graph, weights: Weights, multiplier_bits: int, arrays: Calibration = ()
) -> Path:
    """Return where the user's cache keeps the graph that `quantized_graph` returns."""
    floats = [array for stage in weights for array in stage.arrays().values()]
    parts = [str(multiplier_bits).encode(), *_hashes(floats), *_hashes(arrays)]
    return _place("quantized", shapes, parts)


def _hashes(arrays: Iterable[NDArray[Any]]) -> list[bytes]:
    return [hashlib.sha256(np.ascontiguousarray(array).data).digest() for array in arrays]


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

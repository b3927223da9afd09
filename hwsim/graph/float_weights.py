"""The learned numbers of a network's stages in float, before anything is quantized."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hwsim.errors import InputError
from hwsim.graph.stages import Graph, Stage


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """The batch normalisation behind a convolution, each `[K]`; `bias` is the stage's."""

    scale: NDArray[np.floating]
    mean: NDArray[np.floating]
    variance: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class FloatWeights:
    """One stage's floats.

    weights  [K, C / groups, R, S]
    bias     [K], added after the batch normalisation, if there is one
    """

    weights: NDArray[np.floating]
    bias: NDArray[np.floating]
    batch_norm: BatchNorm | None = None

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """Return every array by its name, in a fixed order."""
        found = {"weights": self.weights, "bias": self.bias}
        return found if self.batch_norm is None else found | vars(self.batch_norm)

    def as_type(self, dtype: DTypeLike) -> "FloatWeights":
        """Return the same values, rounded to another type."""
        arrays = {name: array.astype(dtype) for name, array in self.arrays().items()}
        weights, bias = arrays.pop("weights"), arrays.pop("bias")
        return FloatWeights(weights, bias, BatchNorm(**arrays) if arrays else None)


def check_chain(graph: Graph) -> None:
    """Raise `InputError` for a graph that branches, for which there are no float weights yet."""
    if not graph.is_chain:
        raise InputError(f"graph {graph.name}: it branches: float weights are those of a chain")


def check_float_weights(graph: Graph, weights: Sequence[FloatWeights]) -> None:
    """Raise `InputError` for the first array that is not finite float32 of its stage's shape."""
    check_chain(graph)
    if len(weights) != len(graph.stages):
        raise InputError(
            f"graph {graph.name} of {len(graph.stages)} layers: weights of {len(weights)}"
        )
    for stage, ours in zip(graph.stages, weights, strict=True):
        for broken in _broken_rules(stage, ours):
            raise InputError(f"layer {stage.name}: {broken}")


def _broken_rules(stage: Stage, weights: FloatWeights) -> Iterator[str]:
    for name, array in weights.arrays().items():
        shape = stage.weights_shapes[0] if name == "weights" else (stage.filters,)
        if array.dtype != np.float32 or array.shape != shape:
            yield f"float {name} must be float32 {shape}, not {array.dtype} {array.shape}"
        if not np.isfinite(array).all():
            place = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
            yield f"float {name} holds {array[place]} at {list(place)}: must be finite"
    if weights.batch_norm is not None and weights.batch_norm.variance.min() < 0:
        yield f"variance holds {weights.batch_norm.variance.min()}: must not be negative"

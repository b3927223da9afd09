"""The learned numbers of a network's stages in float, before anything is quantized."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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

    weights  [K, C / groups, R, S] of each source
    bias     [K], added after the batch normalisation, if there is one, of the sum of all sources
    """

    weights: tuple[NDArray[np.floating], ...]
    bias: NDArray[np.floating]
    batch_norm: BatchNorm | None = None

    def split(self, stage: Stage) -> "FloatWeights":
        """Return those of a convolution, which has one array, as those of the stage's sources.

        The sources show the convolution's input channels one after the other.
        """
        (weights,) = self.weights
        ends = np.cumsum([source.channels // source.groups for source in stage.sources])
        return replace(self, weights=tuple(np.split(weights, ends[:-1], axis=1)))

    @classmethod
    def of_reduction(cls, stage: Stage) -> "FloatWeights":
        """Return those of a stage that passes stored maps on: 1 where a filter sees its channel.

        The filters of several sources follow each other, one for each channel of each source.
        """
        found: list[NDArray[np.float32]] = []
        first = 0
        for source, shape in zip(stage.sources, stage.weights_shapes, strict=True):
            weights = np.zeros(shape, np.float32)
            own = np.arange(source.channels)
            weights[first + own, own % shape[1]] = 1
            found.append(weights)
            first += source.channels
        return cls(tuple(found), np.zeros(stage.filters, np.float32))

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """Return every array by its name, in a fixed order; weights of several are numbered."""
        numbers = [""] if len(self.weights) == 1 else map(str, range(1, len(self.weights) + 1))
        pairs = zip(numbers, self.weights, strict=True)
        found = {f"weights{number}": array for number, array in pairs} | {"bias": self.bias}
        return found if self.batch_norm is None else found | vars(self.batch_norm)

    def as_type(self, dtype: DTypeLike) -> "FloatWeights":
        """Return the same values, rounded to another type."""
        learned = self.batch_norm and BatchNorm(
            **{name: array.astype(dtype) for name, array in vars(self.batch_norm).items()}
        )
        weights = tuple(array.astype(dtype) for array in self.weights)
        return FloatWeights(weights, self.bias.astype(dtype), learned)


def check_float_weights(graph: Graph, weights: Sequence[FloatWeights]) -> None:
    """Raise `InputError` for the first array that is not finite float32 of its stage's shape."""
    if len(weights) != len(graph.stages):
        raise InputError(
            f"graph {graph.name} of {len(graph.stages)} layers: weights of {len(weights)}"
        )
    for stage, ours in zip(graph.stages, weights, strict=True):
        for broken in _broken_rules(stage, ours):
            raise InputError(f"layer {stage.name}: {broken}")


def _broken_rules(stage: Stage, weights: FloatWeights) -> Iterator[str]:
    if len(weights.weights) != len(stage.sources):
        yield f"float weights of {len(weights.weights)} sources: it has {len(stage.sources)}"
    shapes = (*stage.weights_shapes, *[(stage.filters,)] * 4)
    for (name, array), shape in zip(weights.arrays().items(), shapes, strict=False):
        if array.dtype != np.float32 or array.shape != shape:
            yield f"float {name} must be float32 {shape}, not {array.dtype} {array.shape}"
        if not np.isfinite(array).all():
            place = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
            yield f"float {name} holds {array[place]} at {list(place)}: must be finite"
    if weights.batch_norm is not None and weights.batch_norm.variance.min() < 0:
        yield f"variance holds {weights.batch_norm.variance.min()}: must not be negative"
    if stage.is_reduction and not _are_equal(weights, FloatWeights.of_reduction(stage)):
        yield "it only passes stored maps on: its float weights must be those of a reduction"


def _are_equal(ours: FloatWeights, theirs: FloatWeights) -> bool:
    found, expected = ours.arrays(), theirs.arrays()
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name], expected[name]) for name in found
    )

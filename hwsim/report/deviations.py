"""Differences of stages that need not be equal to it from what the file's own operators compute."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwsim.report.table import Table


@dataclass(frozen=True)
class DeviationFigures:
    """A tensor of the accelerator beside that of the file's own operators, from the same inputs."""

    kind: Literal["layer", "output"]
    """`layer` for what a layer stores, `output` for an output as the file has it."""
    name: str
    """The name of the layer, or of the output in the file."""
    elements: int
    """Elements that were compared."""
    different_elements: int
    """The number of those that differ."""
    largest_difference: float
    """The largest difference: steps of an integer, real values of float32."""


def deviation(
    kind: Literal["layer", "output"], name: str, found: NDArray[Any], exact: NDArray[Any]
) -> DeviationFigures:
    """Return how far two tensors of one shape are from each other."""
    wide = np.float64 if exact.dtype.kind == "f" else np.int64
    differences = np.abs(found.astype(wide) - exact.astype(wide))
    return DeviationFigures(
        kind, name, exact.size, int((differences != 0).sum()), float(differences.max(initial=0))
    )


def deviation_table(deviations: Sequence[DeviationFigures]) -> Table:
    """Return a row for each layer and each output."""
    return Table(
        "Beside what the file's own operators compute",
        ("layer or output",),
        ("elements", "differ", "share", "at most by"),
        tuple(
            (
                each.name,
                f"{each.elements:,}",
                f"{each.different_elements:,}",
                f"{each.different_elements / each.elements:.2%}",
                f"{each.largest_difference:.6g}",
            )
            for each in deviations
        ),
    )

"""The place of every map that a network's programs compute, and the bytes that the place saves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hwsim.compiler import plan_of_any_size
from hwsim.cost.estimate import Estimate
from hwsim.program.program import Plan, StageProgram
from hwsim.program.schedule import Ring


@dataclass(frozen=True)
class MapFigures:
    """One stored map, and where it lives from the layer that computes it to its last reader."""

    name: str
    """Name of the tensor in the network."""
    layer: str
    """The layer that computes it."""
    place: Literal["memory", "feature buffer"]
    """`feature buffer` for a map that stays on the chip."""
    size_bytes: int
    """Its size as it is stored, padding channels included."""
    first_word: int | None
    """The word of the feature buffer where it begins; null in memory."""
    ring_rows: int | None
    """The rows of the ring in which it passes through the feature buffer, between layers whose
    bands are computed in turns; null for a map that lies somewhere whole."""
    saved_bytes: int
    """Bytes of features that the same network moves for this map where all maps lie in memory:
    written once, and read by every layer that needs it. 0 for a map in memory."""


def map_figures(estimate: Estimate) -> tuple[MapFigures, ...]:
    """Return the maps in the order in which they are computed."""
    return tuple(
        figures for program in estimate.program.programs for figures in _of_program(program)
    )


def _of_program(program: Plan) -> Iterator[MapFigures]:
    word_bytes = program.config.word_bytes
    moved = _moved_words(program) if program.residents else {}
    for part in program.stages:
        name = part.stage.output.name
        place = program.residents.get(name)
        yield MapFigures(
            name=name,
            layer=part.stage.name,
            place="memory" if place is None else "feature buffer",
            size_bytes=part.output_words * word_bytes,
            first_word=None if place is None else place.first_word,
            ring_rows=_ring_rows(part, place),
            saved_bytes=0 if place is None else moved[name] * word_bytes,
        )


def _ring_rows(part: StageProgram, place: Ring | None) -> int | None:
    whole = part.stage.output.shape.height
    return None if place is None or place.rows == whole else place.rows


def _moved_words(program: Plan) -> dict[str, int]:
    """Return the words that are moved for each map where all lie in memory."""
    plan = plan_of_any_size(program.graph, program.config.without_residency)
    moved = {part.stage.output.name: part.output_words for part in plan.stages}
    for part in plan.stages:
        for source, words in zip(part.stage.sources, part.schedule.source_words, strict=True):
            if source.tensor.name in moved:
                moved[source.tensor.name] += words
    return moved

"""Maps that pass through rings of rows in the feature buffer, put together as they are stored.

No moment of a run has all their rows in the buffer.
"""

import numpy as np
from numpy.typing import NDArray

from hwsim.isa.descriptor import Store
from hwsim.program.program import Program, StageProgram
from hwsim.program.schedule import Ring


class RingMaps:
    """The maps of a program whose ring has fewer rows than they."""

    def __init__(self, program: Program) -> None:
        self._word_bytes = program.config.word_bytes
        self._maps: dict[str, NDArray[np.uint8]] = {}
        self._stores: dict[int, tuple[str, Ring, int]] = {}
        """By the number of a STORE into a ring: the map, its ring, and the first row."""
        rings = {
            stage: part
            for stage, part in enumerate(program.stages)
            if _passes_through(program, part)
        }
        bands = {stage: _bands_of_stores(part) for stage, part in rings.items()}
        number = 0
        counts = dict.fromkeys(rings, 0)
        for owner, descriptor in zip(program.owners, program.descriptors, strict=True):
            if not isinstance(descriptor, Store):
                continue
            number += 1
            if owner in rings:
                name = rings[owner].stage.output.name
                first_row = bands[owner][counts[owner]]
                self._stores[number] = name, program.residents[name], first_row
                counts[owner] += 1
        for part in rings.values():
            place, shape = program.residents[part.stage.output.name], part.stage.output.shape
            size = place.blocks, shape.height * place.row_words, self._word_bytes
            self._maps[part.stage.output.name] = np.zeros(size, np.uint8)

    def keep(self, number: int, runs: list[tuple[int, NDArray[np.uint8]]]) -> None:
        """Take the runs of STORE `number`, by their addresses, if it goes into a ring."""
        if number not in self._stores:
            return
        name, place, first_row = self._stores[number]
        for address, data in runs:
            word = address // self._word_bytes - place.first_word
            block, inside = divmod(word, place.block_words)
            ring_row, column = divmod(inside, place.row_words)
            row = first_row + ring_row - first_row % place.rows
            first = row * place.row_words + column
            words = data.reshape(-1, self._word_bytes)
            self._maps[name][block, first : first + len(words)] = words

    def stored(self, name: str) -> bytes | None:
        """Return a map as it would lie in memory; None if it does not pass through a ring."""
        found = self._maps.get(name)
        return None if found is None else found.tobytes()


def _passes_through(program: Program, part: StageProgram) -> bool:
    place = program.residents.get(part.stage.output.name)
    return place is not None and place.rows < part.stage.output.shape.height


def _bands_of_stores(part: StageProgram) -> list[int]:
    """Return the first row of each STORE of a stage that is one sweep along one stripe."""
    schedule = part.schedule
    (stripe,) = schedule.stripes
    stores = schedule.stores_of_tile * len(stripe)
    bands = [band for bands in schedule.band_sets for band in bands]
    return [band.first_stored for band in bands for _ in range(stores)]

"""The choice of the maps that stay in the feature buffer, so that the fewest bytes are moved.

A map can stay if the program computes it, reads it and leaves it to nobody else: it then lies
*resident* in the feature buffer, whole, from the stage that stores it to its last reader. It is
neither written nor read on the bus, but it takes words from the rings of the stages meanwhile,
which may have to read their weights more often. Where all its readers are interleaved with the
stage that computes it, a ring of its rows is enough.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from hwsim.arch.config import Config
from hwsim.compiler.count import stage_descriptors
from hwsim.compiler.interleave import Interleaver, Relay, own_words
from hwsim.compiler.place import Lived, place_within
from hwsim.compiler.room import Room
from hwsim.compiler.tiling import schedule_stage
from hwsim.errors import InputError
from hwsim.graph import Graph, Stage, Tensor
from hwsim.graph.lifetimes import lifetimes
from hwsim.isa.fields import DESCRIPTOR_BYTES
from hwsim.program.blocking import SourceBlocking, ceil_div
from hwsim.program.program import Interleaved
from hwsim.program.schedule import Ring, Schedule

MOST_STATES = 32  # sets of resident maps that are followed from stage to stage
MOST_INTERLEAVED = 16  # stages
# A map of which so many lie in the feature buffer needs no ring.
SMALL_MAP_SHARE = 4
Names = frozenset[str]
Relays = tuple[tuple[int, int, Relay], ...]  # the first and the last stage of each relay


@dataclass(frozen=True)
class Residency:
    """The schedules of all stages, and the places of the maps that stay."""

    schedules: tuple[Schedule, ...]
    places: dict[str, Ring]
    interleaved: tuple[Interleaved, ...]


def nothing_stays(graph: Graph, config: Config, on_stage: Callable[[], None]) -> Residency:
    """Return the schedules with every map in memory; call `on_stage` for each."""
    schedules: list[Schedule] = []
    for stage in graph.stages:
        schedules.append(schedule_stage(stage, config))
        on_stage()
    return Residency(tuple(schedules), {}, ())


def fewest_bytes(graph: Graph, config: Config, on_stage: Callable[[], None]) -> Residency:
    """Return the residency that moves the fewest bytes of features and weights.

    Of several, the one with the fewest maps. Sets of maps are chosen by the words that they leave
    to each stage; a set whose places leave less in one piece loses the map that saves least.
    """
    choice = Choice(graph, config)
    may_stay = choice.candidates
    while True:
        kept, relays = choice.best_set(may_stay)
        if (found := choice.placed(kept, relays)) is not None:
            for _ in graph.stages:
                on_stage()
            return found
        may_stay = kept - {min(kept, key=lambda name: (choice.saved_words(name), name))}


@dataclass(frozen=True)
class _State:
    """The stages so far: the words moved, the maps that have stayed, those that are alive."""

    moved_words: int
    kept: Names
    alive: Names
    relays: Relays = ()


class Choice:
    """The search for the maps of one graph that stay."""

    def __init__(self, graph: Graph, config: Config) -> None:
        self._graph, self._config = graph, config
        self._lives = lifetimes(graph)
        self._schedules: dict[tuple[int, Room], Schedule | None] = {}
        self._interleaver = Interleaver(graph.stages, config)
        self._ends: dict[tuple[int, Names], list[int]] = {}

    @cached_property
    def candidates(self) -> Names:
        """The names of the maps that fit and that only stages of the program need."""
        outputs = {tensor.name for tensor in self._graph.outputs}
        read = {tensor.name for stage in self._graph.stages for tensor in stage.inputs}
        return frozenset(
            stage.output.name
            for stage in self._graph.stages
            if stage.output.name in read - outputs
            and map_words(stage.output, self._config) <= self._config.feature_words
        )

    @cached_property
    def _words(self) -> dict[str, int]:
        return {
            stage.output.name: map_words(stage.output, self._config) for stage in self._graph.stages
        }

    def best_set(self, may_stay: Names) -> tuple[Names, Relays]:
        """Return the maps that stay whole, and the relays of stages that are interleaved.

        The best sets of maps are followed from stage to stage, or from a relay to the next stage.
        """
        stages = self._graph.stages
        reached: list[dict[Names, _State]] = [{} for _ in range(len(stages) + 1)]
        reached[0][frozenset()] = _State(0, frozenset(), frozenset())
        for index, stage in enumerate(stages):
            for state in sorted(reached[index].values(), key=_rank)[:MOST_STATES]:
                for output in self._outputs(stage, may_stay):
                    _add(reached[index + 1], self._after(index, state, output))
                for last in self._ends_of_relays(index, may_stay):
                    for output in self._outputs(stages[last], may_stay):
                        _add(reached[last + 1], self._after_relay(index, last, state, output))
        best = min(reached[-1].values(), key=_rank)
        return best.kept, best.relays

    def _ends_of_relays(self, first: int, may_stay: Names) -> list[int]:
        """Return the last stages of relays from stage `first` on, in which some map is large."""
        key = first, may_stay
        if key not in self._ends:
            self._ends[key] = list(self._found_ends(first, may_stay))
        return self._ends[key]

    def _found_ends(self, first: int, may_stay: Names) -> Iterator[int]:
        stages, config = self._graph.stages, self._config
        outputs = {tensor.name for tensor in self._graph.outputs}
        large = config.feature_words // SMALL_MAP_SHARE
        has_large = False
        for last in range(first + 1, min(first + MOST_INTERLEAVED, len(stages))):
            inside = stages[last - 1].output.name
            if inside in outputs or not self._interleaver.hold_their_weights(first, last):
                return
            has_large |= self._words[inside] > large
            if has_large and self._left_by(first, last) <= may_stay:
                yield last

    def _left_by(self, first: int, last: int) -> Names:
        """Return the maps of a relay but the last one that stages behind it read."""
        names = (stage.output.name for stage in self._graph.stages[first:last])
        return frozenset(name for name in names if self._lives[name][1] > last)

    def _after_relay(self, first: int, last: int, state: _State, output: Names) -> _State | None:
        """Return the state behind a relay, or None if it does not fit."""
        meanwhile = state.alive | self._left_by(first, last) | output
        room = self._config.feature_words - sum(self._words[name] for name in meanwhile)
        relay = self._interleaver.best_relay(first, last, meanwhile, room)
        if relay is None:
            return None
        moved = state.moved_words + relay.moved_words
        if not output:
            moved += self._words[self._graph.stages[last].output.name]
        alive = frozenset(name for name in meanwhile if self._lives[name][1] > last)
        kept = state.kept | (meanwhile - state.alive)
        return _State(moved, kept, alive, (*state.relays, (first, last, relay)))

    def _outputs(self, stage: Stage, may_stay: Names) -> list[Names]:
        """Return what a stage may add to the maps that stay."""
        name = stage.output.name
        return [frozenset(), frozenset({name})] if name in may_stay else [frozenset()]

    def _after(self, index: int, state: _State, output: Names) -> _State | None:
        """Return the state behind a stage, or None if the stage does not fit."""
        meanwhile = state.alive | output
        room = self._config.feature_words - sum(self._words[name] for name in meanwhile)
        schedule = self._schedule(index, room, meanwhile)
        if schedule is None:
            return None
        stage = self._graph.stages[index]
        descriptors = stage_descriptors(stage, schedule, self._config)
        moved = schedule.read_words + schedule.weight_read_words
        moved += descriptors * DESCRIPTOR_BYTES // self._config.word_bytes
        if not output:
            moved += self._words[stage.output.name]
        alive = frozenset(name for name in meanwhile if self._lives[name][1] > index)
        return _State(state.moved_words + moved, state.kept | output, alive, state.relays)

    def _schedule(self, index: int, words: int, kept: Names) -> Schedule | None:
        """Return the schedule of a stage with so many words for its rings, or None if none fits."""
        if words < 0:
            return None
        stage = self._graph.stages[index]
        room = Room(words, tuple(source.tensor.name in kept for source in stage.sources))
        key = index, room
        if key not in self._schedules:
            try:
                self._schedules[key] = schedule_stage(stage, self._config, room)
            except InputError:
                if not kept:
                    raise  # it does not fit at all
                self._schedules[key] = None
        return self._schedules[key]

    def saved_words(self, name: str) -> int:
        """Return the words of a map that are not moved if it stays and is read once a stage."""
        readers = sum(
            name in {tensor.name for tensor in stage.inputs} for stage in self._graph.stages
        )
        return self._words[name] * (1 + readers)

    def placed(self, kept: Names, relays: Relays = ()) -> Residency | None:
        """Return the places of these maps, or None if they leave some stage no room for its rings.

        A stage has its rings in the largest gap, a relay all of its own in one place.
        """
        together = [(first, last) for first, last, _ in relays]
        names = sorted(kept, key=lambda name: self._lives[name])
        lived = [Lived(self._words[name], *self._lives[name]).widened(together) for name in names]
        lived += [Lived(relay.words, first, last) for first, last, relay in relays]
        placement = place_within(lived, self._config.feature_words)
        if placement is None:
            return None
        starts = dict(zip(names, placement, strict=False))
        places = {
            name: whole_map(tensor, starts[name], self._config)
            for tensor in self._graph.tensors
            if (name := tensor.name) in kept
        }
        relayed: dict[int, Schedule] = {}
        for (first, last, relay), start in zip(relays, placement[len(names) :], strict=True):
            relayed |= self._placed_relay(first, last, relay, start, places)
        schedules: list[Schedule] = []
        for index, stage in enumerate(self._graph.stages):
            if index in relayed:
                schedules.append(relayed[index])
                continue
            alive = [name for name in names if _is_alive(self._lives[name], index)]
            taken = sorted((places[name].first_word, places[name].end_word) for name in alive)
            start, words = _largest_gap(taken, self._config.feature_words)
            schedule = self._schedule(index, words, frozenset(alive))
            if schedule is None:
                return None
            schedules.append(_with_places(stage, schedule, start, places))
        interleaved = tuple(
            Interleaved(
                first, last, tuple((first + stage, band) for stage, band in relay.turns.order)
            )
            for first, last, relay in relays
        )
        return Residency(tuple(schedules), places, interleaved)

    def _placed_relay(
        self, first: int, last: int, relay: Relay, start: int, places: dict[str, Ring]
    ) -> dict[int, Schedule]:
        """Return the schedules of a relay from word `start` on; add its rings to `places`."""
        stages = self._graph.stages[first : last + 1]
        for stage, rows in zip(stages, relay.turns.ring_rows, strict=True):
            name = stage.output.name
            if name in relay.ring_words:
                places[name] = replace(whole_map(stage.output, start, self._config), rows=rows)
                start = places[name].end_word
        found: dict[int, Schedule] = {}
        for index, (stage, schedule) in enumerate(zip(stages, relay.schedules, strict=True), first):
            found[index] = _with_places(stage, schedule, start, places)
            start += own_words(schedule)
        return found


def map_words(tensor: Tensor, config: Config) -> int:
    """Return the words of a stored map."""
    shape = tensor.shape
    return ceil_div(shape.channels, config.array.input_lanes) * shape.height * shape.width


def whole_map(tensor: Tensor, first_word: int, config: Config) -> Ring:
    """Return the place of a whole map in the feature buffer."""
    shape = tensor.shape
    blocks = ceil_div(shape.channels, config.array.input_lanes)
    return Ring(first_word, shape.height, shape.width, blocks)


def _add(reached: dict[Names, _State], state: _State | None) -> None:
    """Add a state, if there is one, unless a better one keeps the same maps alive."""
    if state is not None:
        known = reached.get(state.alive)
        if known is None or _rank(state) < _rank(known):
            reached[state.alive] = state


def _rank(state: _State) -> tuple[int, int]:
    return state.moved_words, len(state.kept)


def _is_alive(life: tuple[int, int], index: int) -> bool:
    return life[0] <= index <= life[1]


def _largest_gap(taken: list[tuple[int, int]], words: int) -> tuple[int, int]:
    """Return (start, words) of the largest gap between ranges in their order."""
    edges = [(0, 0), *taken, (words, words)]
    gaps = [(start - end, end) for (_, end), (start, _) in pairwise(edges)]
    size, start = max(gaps, key=lambda gap: (gap[0], -gap[1]))
    return start, size


def _with_places(stage: Stage, schedule: Schedule, start: int, places: dict[str, Ring]) -> Schedule:
    """Return a schedule whose rings begin at `start`, and whose resident sources have theirs."""
    rings = [
        _slice(places[source.tensor.name], own)
        if is_resident
        else replace(ring, first_word=ring.first_word + start)
        for source, own, ring, is_resident in zip(
            stage.sources,
            schedule.blocking.sources,
            schedule.rings,
            schedule.resident,
            strict=True,
        )
    ]
    return replace(schedule, rings=tuple(rings))


def _slice(place: Ring, own: SourceBlocking) -> Ring:
    """Return the place of a source's blocks in that of the whole map."""
    first_word = place.first_word + own.first_block * place.block_words
    return replace(place, first_word=first_word, blocks=own.stored_blocks)

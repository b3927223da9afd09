"""When loads happen: one read DMA, in program order, against the reference memory.

Loads are timed lazily, when somebody asks for what they bring: a weight load may have to wait for
room that tiles make which come later in the program.
"""

from array import array
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.descriptor import Load
from hwsim.isa.fields import DESCRIPTOR_BYTES, PAGE_DESCRIPTORS, Destination
from hwsim.isa.tokens import HALF, unwrap
from hwsim.timeline.burst_train import BurstTrain, Pace
from hwsim.timeline.events import EventLog, LoadEvent
from hwsim.timeline.pieces import Pieces
from hwsim.timeline.releases import Releases


class WeightLoad(NamedTuple):
    """A load of weights; its bursts cross the bus as `train` says if the queue has room."""

    words: int
    train: BurstTrain


class ChunkLoad(NamedTuple):
    """Chunks of one load that arrive evenly."""

    chunks: int
    first_cycle: int  # last beat of the first one
    step_cycles: int  # from one to the next


class ReadChannel:
    """The load unit, the read manager and the memory's read side.

    `chunk_cycle`, `weight_cycle` and `descriptor_cycle` answer when something is usable on chip.
    What nobody can ask for any more is forgotten: descriptors are asked for in order, weights until
    they are released, chunks as far back as a token can name them.
    """

    def __init__(self, config: Config, computes: Sequence[int], stores: Sequence[int]) -> None:
        self._cycles_per_beat = max(1, round(1 / config.beats_per_cycle))
        self._latency = config.memory.latency_cycles
        self._pace = Pace(self._latency, config.bus.outstanding_reads, self._cycles_per_beat)
        self._burst = config.bus.burst_beats
        self._capacity = config.weight_words
        self._descriptor_beats = DESCRIPTOR_BYTES // config.word_bytes
        self._computes, self._stores = computes, stores  # cycle in which each was done
        # The newest load's last bursts may ask for room when all of it has been released.
        self.releases = Releases(self._capacity + (1 + pipeline.BURSTS_HELD) * self._burst)
        self.events: EventLog[LoadEvent] = EventLog(LoadEvent)
        self.popped = array("q")  # cycle in which the load unit took each load
        self.begun = array("q")  # and from which on it had all that the load waits for
        self._pending: deque[tuple[Load, int, int]] = deque()
        self._unit_free = 0
        self._data_free = 0
        self._addresses = [-1] * pipeline.BURSTS_HELD  # cycles of the last ones on the bus
        self._answered = [-pipeline.READ_SLOT] * config.bus.outstanding_reads  # last beats
        self._chunks: Pieces[ChunkLoad] = Pieces()
        self._weights: Pieces[WeightLoad] = Pieces()
        self._pages: deque[BurstTrain] = deque()  # the page that is read, and those behind it
        self._page = 0  # the number of the page that is read

    @property
    def chunk_count(self) -> int:
        """Chunks of the loads timed so far."""
        return self._chunks.total

    def add(self, load: Load, delivered: int, layer: int) -> None:
        """Queue a load that reaches the head of the load queue no earlier than `delivered`."""
        self._pending.append((load, delivered, layer))

    def first_page(self) -> None:
        """The fetch that `start` causes."""
        beats = PAGE_DESCRIPTORS * self._descriptor_beats
        train = self._train(1, beats, pipeline.START_TO_FETCH)
        self._pages.append(train)
        self._send(0, 1, beats, train)
        self.events.add(LoadEvent(0, Destination.PROGRAM, train.first_beat, self._data_free, beats))

    def finish(self) -> None:
        """Time all loads that nobody has asked for."""
        while self._pending:
            self._next()

    def popped_cycle(self, index: int) -> int:
        """Cycle in which load number `index` left the queue."""
        while len(self.popped) <= index:
            self._next()
        return self.popped[index]

    def descriptor_cycle(self, index: int) -> int:
        """Cycle in which the last word of descriptor `index` is usable in the program buffer.

        Descriptors are asked for in order.
        """
        page, slot = divmod(index, PAGE_DESCRIPTORS)
        if page > self._page:
            while len(self._pages) < 2:
                self._next()
            self._pages.popleft()
            self._page = page
        beat = (slot + 1) * self._descriptor_beats - 1
        return self._paced_beat(self._pages[0], beat) + pipeline.LOAD_VISIBLE

    def chunk_cycle(self, chunk: int) -> int:
        """Cycle in which the chunk token has reached `chunk` and the array may read it."""
        while self._chunks.total < chunk:
            self._next()
        end, load = self._chunks.find(chunk)
        number = chunk - 1 - (end - load.chunks)
        return load.first_cycle + number * load.step_cycles + pipeline.LOAD_VISIBLE

    def weight_cycle(self, word: int) -> int:
        """Cycle in which weight word number `word` (from 1) can be read from the queue."""
        while self._weights.total < word:
            self._next()
        end, load = self._weights.find(word)
        return self._beat_cycle(word - (end - load.words), end, load) + pipeline.LOAD_VISIBLE

    def paced_weight_cycle(self, word: int) -> int:
        """The same if the queue had room all along: the bus alone sets the pace."""
        while self._weights.total < word:
            self._next()
        end, load = self._weights.find(word)
        beat = word - (end - load.words) - 1
        return self._paced_beat(load.train, beat) + pipeline.LOAD_VISIBLE

    def release(self, words: int, first: int, last: int) -> None:
        """The next `words` words leave the weight queue from cycle `first` to cycle `last`."""
        self.releases.add(words, first, last)
        self._weights.drop(self.releases.words)

    def starts_without_future_room(self, word: int) -> bool:
        """True if the loads up to the one that brings `word` start without room yet to be made."""
        while self._weights.total < word:
            if not self._pending or self._needs_future_room(self._pending[0][0]):
                return False
            self._next()
        return True

    def _needs_future_room(self, load: Load) -> bool:
        loaded = self._weights.total
        if load.destination != Destination.WEIGHTS and not loaded:
            return False
        if loaded - self._capacity > self.releases.words:
            return True  # the load before is still waiting for room
        first_burst = min(load.row_words, self._burst)
        return (
            load.destination == Destination.WEIGHTS
            and loaded + first_burst - self._capacity > self.releases.words
        )

    def _paced_beat(self, train: BurstTrain, beat: int) -> int:
        """Cycle of beat `beat` (from 0) of a load of one run, at the bus's pace."""
        if not train.has_gaps:
            return train.first_beat + beat * self._cycles_per_beat
        burst, place = divmod(beat, self._burst)
        return train.start(burst) + place * self._cycles_per_beat

    def _beat_cycle(self, beat: int, end: int, load: WeightLoad) -> int:
        """Cycle of beat `beat` (from 1) of a weight load: at the bus's pace, or the queue's.

        `end` is the number of the load's last word.
        """
        paced = self._paced_beat(load.train, beat - 1)
        burst_start = (beat - 1) // self._burst * self._burst
        burst_end = end - load.words + min(burst_start + self._burst, load.words)
        room = self.releases.cycle(burst_end - self._capacity)
        if not room:
            return paced
        waited = room + pipeline.WEIGHT_ROOM + self._latency
        return max(paced, waited + (beat - burst_start - 1) * self._cycles_per_beat)

    def _next(self) -> None:
        """Time the next load."""
        load, delivered, layer = self._pending.popleft()
        self._settle_weights()
        computes = unwrap(load.wait_computes, len(self._computes))
        stores = unwrap(load.wait_stores, len(self._stores))
        popped = max(delivered, self._unit_free)
        begins = max(
            popped,
            self._computes[computes - 1] if computes else 0,
            self._stores[stores - 1] if stores else 0,
        )
        self.popped.append(popped)
        self.begun.append(begins)
        address = max(begins + pipeline.LOAD_START, self._addresses[-1] + 1)
        if load.destination == Destination.WEIGHTS:
            first_burst = self._weights.total + min(load.row_words, self._burst)
            room = self.releases.cycle(first_burst - self._capacity)
            if room:
                address = max(address, room + pipeline.WEIGHT_ROOM)
        runs = load.rows * load.blocks
        train = self._train(runs, load.row_words, address)
        self._send(begins, runs, load.row_words, train)
        if load.destination == Destination.FEATURES:
            self._add_chunks(load, train)
        elif load.destination == Destination.WEIGHTS:
            self._weights.add(load.row_words, WeightLoad(load.row_words, train))
        else:
            self._pages.append(train)
        kind, beats = Destination(load.destination), load.row_words * runs
        self.events.add(LoadEvent(layer, kind, train.first_beat, self._data_free, beats))

    def _train(self, runs: int, run_words: int, address: int) -> BurstTrain:
        """The bursts of a load whose first address may be on the bus in cycle `address`.

        Those of several runs have their average length.
        """
        run_bursts = -(-run_words // self._burst)
        cycles = run_words * self._cycles_per_beat / run_bursts
        last_cycles = cycles
        if runs == 1:
            cycles = min(run_words, self._burst) * self._cycles_per_beat
            last_cycles = (run_words - (run_bursts - 1) * self._burst) * self._cycles_per_beat
        bursts = run_bursts * runs
        pace, free = self._pace, self._data_free
        return BurstTrain(pace, bursts, cycles, last_cycles, address, free, self._answered)

    def _send(self, begins: int, runs: int, run_words: int, train: BurstTrain) -> None:
        """Follow a load's bursts to the bus: the next load is taken when the last run begins."""
        run_bursts = -(-run_words // self._burst)
        bursts = run_bursts * runs

        def address_cycle(number: int) -> int:
            """Cycle of burst `number` on the bus; below 0, of the loads before."""
            return self._addresses[number] if number < 0 else train.address(number)

        # The last run's first burst follows those that the unit holds.
        ahead = bursts - run_bursts - pipeline.BURSTS_HELD
        self._unit_free = max(begins + pipeline.LOAD_START + ahead, address_cycle(ahead))
        held = range(bursts - pipeline.BURSTS_HELD, bursts)
        self._addresses = [address_cycle(number) for number in held]
        self._answered = train.answered(self._answered)
        self._data_free = train.end(bursts)

    def _add_chunks(self, load: Load, train: BurstTrain) -> None:
        """The blocks of a feature load: evenly spaced, unless the bus waits in between."""
        block_bursts = -(-load.row_words // self._burst) * load.rows
        ends = [train.end(block * block_bursts) for block in range(1, load.blocks + 1)]
        first_beat = train.first_beat
        step = ends[0] - first_beat
        if ends[-1] == first_beat + load.blocks * step:
            first_cycle = ends[0] - self._cycles_per_beat
            self._chunks.add(load.blocks, ChunkLoad(load.blocks, first_cycle, step))
        else:
            for end in ends:
                self._chunks.add(1, ChunkLoad(1, end - self._cycles_per_beat, 0))
        self._chunks.drop(self._chunks.total - HALF)

    def _settle_weights(self) -> None:
        """Before a load that follows weights: those may have waited for room until now."""
        newest = self._weights.last()
        if newest is None:
            return
        end, load = newest
        last = self._beat_cycle(load.words, end, load)
        if last + self._cycles_per_beat > self._data_free:
            self._data_free = last + self._cycles_per_beat
            bursts = -(-load.words // self._burst)
            for back in range(1, 1 + min(bursts, pipeline.BURSTS_HELD)):
                beat = 1 + (bursts - back) * self._burst
                address = self._beat_cycle(beat, end, load) - self._latency
                self._addresses[-back] = max(self._addresses[-back], address)
            event = self.events[-1]
            if event.destination is Destination.WEIGHTS:
                self.events.replace_last(event._replace(last_cycle=self._data_free))

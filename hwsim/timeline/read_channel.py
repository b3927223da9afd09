"""The times of loads: the load unit reads the reference memory in program order.

A load is timed only when somebody asks for its words, because a load of weights may have to wait
for room that later tiles of the program make.
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
from hwsim.timeline.bursts import Bursts, Cutter, longest_burst
from hwsim.timeline.events import EventLog, LoadEvent
from hwsim.timeline.pieces import Pieces
from hwsim.timeline.releases import Releases
from hwsim.timeline.writes import Writes

MOST_FOLLOWED = 64  # bursts of unequal lengths in a load that are followed one by one
MOST_LIMITED = 4096  # the same where the bus waits for answers, so that each burst costs time
MOST_ARRIVALS = 1024  # so many are remembered: weights that stay are asked for by every tile


class WeightLoad(NamedTuple):
    """A load of weights; `train` has the times of its bursts if the queue always has room.

    `starts` has the times of its first bursts where they delay each other, as far as anybody has
    asked.
    """

    words: int
    bursts: Bursts
    train: BurstTrain
    starts: list[int]


class ChunkLoad(NamedTuple):
    """Chunks of one load, which arrive evenly; times are in ticks."""

    chunks: int
    first: int  # last beat of the first chunk
    step: int  # from one chunk to the next


class ReadChannel:
    """The load unit, the read manager and the reads of the memory.

    `chunk_cycle`, `weight_cycle` and `next_descriptor_cycle` return the cycle from which on
    something is usable on chip. Old entries are dropped: callers ask for weights until they are
    released, and for chunks as far back as a token can name them.
    """

    def __init__(self, config: Config, computes: Sequence[int], stores: Sequence[int]) -> None:
        self._latency = config.memory.latency_cycles
        beat, cycle = config.cycles_per_beat.as_integer_ratio()
        self._pace = Pace(self._latency, config.bus.outstanding_reads, beat, cycle)
        self._beat_ticks, self._cycle_ticks = beat, cycle
        self._word_ticks = config.beats_per_word * beat
        self._to_last_beat = self._word_ticks - beat  # of a word, from its first one
        longest = longest_burst(config)
        # Those behind it are not late, too, if the bus is as fast as words leave the queue.
        answer = self._latency + pipeline.READ_SLOT - 1
        self._is_late_burst_alone = (
            self._word_ticks == cycle and answer <= (config.bus.outstanding_reads - 1) * longest
        )
        turnaround = (self._latency + pipeline.READ_SLOT) * cycle - beat
        rest = (config.bus.outstanding_reads - 1) * longest * self._word_ticks
        self._awaits_answers = turnaround > rest  # so that the bus pauses
        self._cutter = Cutter(config, MOST_LIMITED if self._awaits_answers else MOST_FOLLOWED)
        self._capacity = config.weight_words
        self._descriptor_beats = DESCRIPTOR_BYTES // config.word_bytes
        self._computes, self._stores = computes, stores  # cycles in which they are done
        # The last bursts of the newest load may need the times of releases this far back.
        self.releases = Releases(self._capacity + (1 + pipeline.BURSTS_HELD) * longest)
        self.events: EventLog[LoadEvent] = EventLog(LoadEvent)
        self.popped = array("q")  # cycle in which the load unit accepts each load
        self.begun = array("q")  # cycle in which the load's tokens are visible, too
        self._pending: deque[tuple[Load, int, int, Bursts]] = deque()
        self._unit_free = 0
        self._data_free = 0  # in ticks
        self._busy_since = 0  # in ticks; from then to _data_free no burst comes after a pause
        self._writes: Writes | None = None  # those that reads go around
        self._newest: BurstTrain | None = None  # of the load that was timed last
        self._addresses = [-1] * pipeline.BURSTS_HELD  # cycles of the last addresses on the bus
        self._answered = [
            -pipeline.READ_SLOT
        ] * config.bus.outstanding_reads  # cycles of last beats
        self._chunks: Pieces[ChunkLoad] = Pieces()
        self._weights: Pieces[WeightLoad] = Pieces()
        self._weights_unsettled = False  # true while the newest load is one of weights
        self._descriptors: deque[int] = deque()  # cycles in which those ahead are usable
        self._arrivals: dict[int, int] = {}  # of weight words that were asked for before

    @property
    def chunk_count(self) -> int:
        """The number of chunks in the loads timed so far."""
        return self._chunks.total

    def add(self, load: Load, delivered: int, stage: int) -> None:
        """Queue a load that reaches the head of the load queue no earlier than `delivered`."""
        self._pending.append((load, delivered, stage, self._cutter.cut(load)))

    def first_page(self) -> None:
        """Time the fetch of the first page, which `start` causes."""
        beats = PAGE_DESCRIPTORS * self._descriptor_beats
        bursts = Bursts(self._cutter.longest, 1, beats)
        train = self._train(bursts, pipeline.START_TO_FETCH)
        self._descriptors.extend(self._page_cycles(bursts, train))
        self._record_bursts(0, bursts, train)
        self._add_event(0, Destination.PROGRAM, train, beats)

    def write(self, offered: int, free: int, ticks: int) -> int:
        """Return the time at which a write begins that takes so many ticks.

        It is offered at one time; at another, the write before it ends.
        """
        assert ticks > 0
        return max(offered, free)

    def finish(self) -> None:
        """Time all remaining loads."""
        while self._pending:
            self._time_next()

    def popped_cycle(self, index: int) -> int:
        """Return the cycle in which load number `index` leaves the queue."""
        while len(self.popped) <= index:
            self._time_next()
        return self.popped[index]

    def next_descriptor_cycle(self) -> int:
        """Return the cycle in which the last word of the next descriptor is usable."""
        while not self._descriptors:
            self._time_next()
        return self._descriptors.popleft()

    def _page_cycles(self, bursts: Bursts, train: BurstTrain) -> list[int]:
        """Return the cycles in which the last words of a page's descriptors are usable."""
        last_beats = range(self._descriptor_beats - 1, bursts.run_words, self._descriptor_beats)
        first, word_ticks = train.first_beat + self._to_last_beat, self._word_ticks
        times = [
            self._paced_beat_time(bursts, train, beat)
            if train.has_gaps
            else first + beat * word_ticks
            for beat in last_beats
        ]
        cycle_ticks, visible = self._cycle_ticks, pipeline.LOAD_VISIBLE
        return [-(-time // cycle_ticks) + visible for time in times]

    def chunk_cycle(self, chunk: int) -> int:
        """Return the cycle in which the chunk token reaches `chunk`."""
        while self._chunks.total < chunk:
            self._time_next()
        end, load = self._chunks.find(chunk)
        number = chunk - 1 - (end - load.chunks)
        ticks = load.first + number * load.step
        return -(-ticks // self._cycle_ticks) + pipeline.LOAD_VISIBLE

    def is_even(self, first: int, last: int) -> bool:
        """Return True if some chunks arrive evenly, as those of one load without pauses do."""
        while self._chunks.total < last:
            self._time_next()
        return self._chunks.find(first)[0] >= last

    def comes_in_clusters(self, first: int, last: int) -> bool:
        """Return True if the bus pauses within the load of either of two words of weights."""
        find = self._weights.find
        return find(first)[1].train.has_gaps or find(last)[1].train.has_gaps

    def weight_cycle(self, word: int) -> int:
        """Return the cycle in which weight word `word` (from 1) can be read from the queue."""
        arrival = self._arrivals.get(word)
        if arrival is None:
            while self._weights.total < word:
                self._time_next()
            end, load = self._weights.find(word)
            time = self._beat_time(word - (end - load.words), end, load)
            arrival = -(-time // self._cycle_ticks) + pipeline.LOAD_VISIBLE
            if len(self._arrivals) == MOST_ARRIVALS:
                self._arrivals.clear()
            self._arrivals[word] = arrival
        return arrival

    def paced_weight_cycle(self, word: int) -> int:
        """Return when weight word `word` (from 1) could be read if the queue were never full.

        Only the bus then decides when the word arrives: no burst waits for room in the queue.
        """
        while self._weights.total < word:
            self._time_next()
        end, load = self._weights.find(word)
        beat = word - (end - load.words) - 1
        time = self._paced_beat_time(load.bursts, load.train, beat)
        return -(-time // self._cycle_ticks) + pipeline.LOAD_VISIBLE

    def release(self, words: int, first: int, last: int, block_words: int) -> None:
        """Record that the next words leave the queue in blocks, as `Releases.add` has it."""
        self.releases.add(words, first, last, block_words)
        self._weights.drop(self.releases.words)

    def starts_without_future_room(self, word: int) -> bool:
        """Return True if the load of `word` can start with the releases known so far."""
        while self._weights.total < word:
            if not self._pending or self._needs_future_room(self._pending[0][0]):
                return False
            self._time_next()
        return True

    def _needs_future_room(self, load: Load) -> bool:
        loaded = self._weights.total
        if load.destination != Destination.WEIGHTS and not loaded:
            return False
        if loaded - self._capacity > self.releases.words:
            return True  # the load before is still waiting for room
        first_burst = self._pending[0][3].end(0)
        return (
            load.destination == Destination.WEIGHTS
            and loaded + first_burst - self._capacity > self.releases.words
        )

    def _paced_beat_time(self, bursts: Bursts, train: BurstTrain, beat: int) -> int:
        """Return the time of a beat (from 0) of a load of one burst run, at the bus's pace."""
        if not train.has_gaps:
            return train.first_beat + beat * self._word_ticks + self._to_last_beat
        burst, place = bursts.place(beat)
        ticks = place * self._word_ticks + self._to_last_beat
        return self._around_writes(train.start(burst), ticks)

    def _around_writes(self, start: int, ticks: int, free: int = 0) -> int:
        """Return the time of a beat that comes so many ticks after another, without writes."""
        if self._writes is None:
            return start + ticks
        begin, length = self._writes.around(start, ticks, free)
        return int(begin + length)

    def _beat_time(self, beat: int, end: int, load: WeightLoad) -> int:
        """Return the time of a beat (from 1) of a weight load whose last word is number `end`.

        It comes at the pace of the bus, or later if the queue has no room. Where words leave the
        queue faster than the bus brings them, the bus is then busy with the bursts before it.
        """
        burst, place = load.bursts.place(beat - 1)
        if self._is_late_burst_alone:
            start = self._burst_time(burst, end, load)
        else:
            starts = load.starts
            while len(starts) <= burst:
                free, allowed = self._free_behind(starts, load.bursts)
                due = max(free, allowed, self._burst_time(len(starts), end, load))
                starts.append(self._around_writes(due, 0, free))
            start = starts[burst]
        return self._around_writes(start, place * self._word_ticks + self._to_last_beat)

    def _free_behind(self, starts: Sequence[int], bursts: Bursts) -> tuple[int, int]:
        """Return when the bursts that began at `starts` end, and when the next can be answered."""
        before, outstanding = len(starts), self._pace.outstanding

        def last_beat(burst: int) -> int:
            ticks = (bursts.end(burst) - bursts.begin(burst)) * self._word_ticks
            return self._around_writes(starts[burst], ticks - self._beat_ticks)

        free = last_beat(before - 1) + self._beat_ticks if starts else 0
        if before < outstanding:
            return free, 0
        answered = self._pace.cycle(last_beat(before - outstanding))
        due = (answered + pipeline.READ_SLOT + self._latency) * self._cycle_ticks
        return free, due

    def _burst_time(self, burst: int, end: int, load: WeightLoad) -> int:
        """Return the time of a burst (from 0) of a weight load, if none before it is late."""
        paced = self._paced_beat_time(load.bursts, load.train, load.bursts.begin(burst))
        paced -= self._to_last_beat
        last_word = end - load.words + load.bursts.end(burst)
        released = last_word - self._capacity
        if released <= self.releases.forgotten:  # so long ago that nothing waits for it
            return paced
        room = self.releases.cycle(released)
        waited = (room + pipeline.WEIGHT_ROOM + self._latency) * self._cycle_ticks
        return max(paced, waited)

    def _time_next(self) -> None:
        """Time the next load."""
        load, _, stage, bursts = self._pending[0]
        popped, begins, train = self._coming()
        self._pending.popleft()
        self.popped.append(popped)
        self.begun.append(begins)
        self._record_bursts(begins, bursts, train)
        self._add_words(load, bursts, train)
        kind, beats = Destination(load.destination), load.row_words * bursts.runs
        self._add_event(stage, kind, train, beats)

    def _add_words(self, load: Load, bursts: Bursts, train: BurstTrain) -> None:
        """Record when the words of a load are there."""
        if load.destination == Destination.FEATURES:
            self._add_chunks(load, bursts, train)
        elif load.destination == Destination.WEIGHTS:
            self._weights.add(load.row_words, WeightLoad(load.row_words, bursts, train, []))
            self._weights_unsettled = True
        else:
            self._descriptors.extend(self._page_cycles(bursts, train))

    def _coming(self) -> tuple[int, int, BurstTrain]:
        """Return when the next load leaves the queue, and when it begins, and its bursts."""
        load, delivered, _, bursts = self._pending[0]
        self._settle_weights()
        computes = unwrap(load.wait_computes, len(self._computes))
        stores = unwrap(load.wait_stores, len(self._stores))
        popped = max(delivered, self._unit_free)
        begins = max(
            popped,
            self._computes[computes - 1] if computes else 0,
            self._stores[stores - 1] if stores else 0,
        )
        address = max(begins + pipeline.LOAD_START, self._addresses[-1] + 1)
        if load.destination == Destination.WEIGHTS:
            first_burst = self._weights.total + bursts.end(0)
            room = self.releases.cycle(first_burst - self._capacity)
            if room:
                address = max(address, room + pipeline.WEIGHT_ROOM)
        return popped, begins, self._train(bursts, address)

    def _add_event(self, stage: int, kind: Destination, train: BurstTrain, beats: int) -> None:
        cycle_ticks = self._cycle_ticks
        first, end = -(-train.first_beat // cycle_ticks), -(-self._data_free // cycle_ticks)
        self.events.add(LoadEvent(stage, kind, first, end, beats))

    def _train(self, bursts: Bursts, address: int) -> BurstTrain:
        """Return the times of bursts, the first address of which may be on the bus in a cycle.

        Where their lengths are not known one by one, those of several runs get their average.
        """
        words, word_ticks = bursts.runs * bursts.run_words, self._word_ticks
        ticks = last_ticks = words * word_ticks / bursts.count
        if bursts.runs == 1 and not bursts.lengths:
            longest = min(bursts.run_words, bursts.longest)
            ticks = longest * word_ticks
            last_ticks = (words - (bursts.count - 1) * longest) * word_ticks
        lengths: list[float] = [length * word_ticks for length in bursts.lengths or ()]
        writes = self._writes
        if writes is not None and not writes.go_on_behind(self._data_free):
            writes = None
        if writes and not lengths:
            of_run = [bursts.longest * word_ticks] * (bursts.of_last_run - 1)
            last = (bursts.run_words - (bursts.of_last_run - 1) * bursts.longest) * word_ticks
            lengths = [*of_run, last] * bursts.runs
        pace, free, before, count = self._pace, self._data_free, self._answered, bursts.count
        return BurstTrain(pace, count, ticks, last_ticks, address, free, before, lengths, writes)

    def _record_bursts(self, begins: int, bursts: Bursts, train: BurstTrain) -> None:
        """Record a load's bursts; the next load is accepted when the last burst run is issued."""
        # When the last burst run is issued, the unit still holds so many bursts before it. A number
        # below 0 is one of an earlier load.
        ahead = bursts.count - bursts.of_last_run - pipeline.BURSTS_HELD
        address = self._addresses[ahead] if ahead < 0 else train.address(ahead)
        self._unit_free = max(begins + pipeline.LOAD_START + ahead, address)
        own = range(max(bursts.count - pipeline.BURSTS_HELD, 0), bursts.count)
        self._addresses = [*self._addresses[len(own) :], *map(train.address, own)]
        self._answered = train.answered(self._answered)
        self._newest = train
        if train.first_beat > self._data_free:
            self._busy_since = train.first_beat
        self._data_free = train.end(bursts.count)

    def _add_chunks(self, load: Load, bursts: Bursts, train: BurstTrain) -> None:
        """Record the chunks of a load: evenly spaced unless the bus waits in between."""
        block_words = load.row_words * load.rows
        first_end = train.end(bursts.through(block_words))
        step = first_end - train.first_beat
        if train.end(bursts.count) == train.first_beat + load.blocks * step:
            first = first_end - self._beat_ticks
            self._chunks.add(load.blocks, ChunkLoad(load.blocks, first, step))
        else:
            for block in range(1, load.blocks + 1):
                end = train.end(bursts.through(block * block_words))
                self._chunks.add(1, ChunkLoad(1, end - self._beat_ticks, 0))
        self._chunks.drop(self._chunks.total - HALF)

    def _settle_weights(self) -> None:
        """Correct the times of the bus if the newest load of weights has waited for room.

        This is done before the next load, when the releases that it waited for are known.
        """
        if not self._weights_unsettled:
            return
        self._weights_unsettled = False
        end, load = self._weights.last()
        free = self._beat_time(load.words, end, load) + self._beat_ticks
        if free > self._data_free or self._awaits_answers:
            self._data_free = max(free, self._data_free)
            bursts = load.bursts
            for back in range(1, 1 + min(bursts.count, pipeline.BURSTS_HELD)):
                beat = 1 + bursts.begin(bursts.count - back)
                start = self._beat_time(beat, end, load) - self._to_last_beat
                address = self._pace.cycle(start) - self._latency
                self._addresses[-back] = max(self._addresses[-back], address)
            for back in range(1, 1 + min(bursts.count, self._pace.outstanding)):
                last_word = bursts.end(bursts.count - back)
                answered = self._pace.cycle(self._beat_time(last_word, end, load))
                self._answered[-back] = max(self._answered[-back], answered)
            event = self.events.last()
            self.events.replace_last(event._replace(last_cycle=self._pace.cycle(self._data_free)))

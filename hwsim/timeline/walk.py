"""A walk through a program, tile by tile, that determines the cycle of every event.

Within a tile the walk uses a closed formula: weight blocks follow each other at a fixed period
unless weights or features arrive more slowly. Both arrive evenly, so that the last block decides.
A tile is stepped block by block where its weights wait for room that the tile itself makes, where
the bus is slower than the array, and where words come in clusters, as the bus waits for answers.
"""

from array import array
from collections.abc import Callable
from typing import NamedTuple

from hwsim.arch import pipeline
from hwsim.isa.descriptor import Compute, Descriptor, End, Load, Store
from hwsim.isa.fields import DESCRIPTOR_BYTES, QUEUE_DEPTH, StoreDestination
from hwsim.isa.stream import words_behind_weights
from hwsim.isa.tokens import unwrap
from hwsim.program.program import Program
from hwsim.timeline.events import EventLog, StoreEvent, TileEvent
from hwsim.timeline.read_channel import ReadChannel
from hwsim.timeline.shared_read_channel import SharedReadChannel
from hwsim.timeline.tile_shape import TileShape, shape_key, tile_shape

WAIT_FEATURES, WAIT_WEIGHTS, WAIT_DRAIN, WAIT_PROGRAM = "features", "weights", "drain", "program"


class _BlockCycles(NamedTuple):
    """The cycles in which a tile's weight blocks are computed."""

    start: int  # beginning of the first one
    last_start: int  # and of the last one
    waited_for: str  # the reason for idle cycles of the array, if there are any


class Walk:
    """The state of all units during a walk; `end_cycle` is the value of CYCLES at the end."""

    def __init__(self, program: Program) -> None:
        config = program.config
        self.program, self.config = program, config
        self.computes = array("q")  # cycle in which each tile was issued
        self.drains = array("q")  # cycle of each drain token
        self.staged = array("q")  # cycle of each token of a store that has left staging
        self.stores = array("q")  # cycle of each store token
        channel = SharedReadChannel if config.memory.shared else ReadChannel
        self.reads = channel(config, self.computes, self.stores)
        self.tiles: EventLog[TileEvent] = EventLog(TileEvent)
        self.store_events: EventLog[StoreEvent] = EventLog(StoreEvent)
        self.end_cycle = 0
        self._beat_ticks, self._cycle_ticks = config.cycles_per_beat.as_integer_ratio()
        self._word_ticks = config.beats_per_word * self._beat_ticks
        self._descriptor_beats = DESCRIPTOR_BYTES // config.word_bytes
        self._read_free = 0
        self._loads = 0  # loads handed to the load queue
        # The cycles in which descriptors left the queues; at first, all entries are free.
        self._issue_popped = array("q", [0] * QUEUE_DEPTH)
        self._drain_popped = array("q", [0] * QUEUE_DEPTH)  # of COMPUTEs with `last`
        self._store_popped = array("q", [0] * QUEUE_DEPTH)
        self._weight_base = 0  # words released from the queue so far
        self._loader_free = 0
        self._last_part = 0  # beginning of the newest COMPUTE's last block, or of its parameters
        self._array_free = 0
        self._last_tap = 0  # beginning of the last tap of the newest COMPUTE
        self._drain_free = 0
        self._bank_free = [0, 0]
        self._write_free = 0
        self._store_free = 0
        self._accepted = (-1, -1)  # cycles in which the bus took the last two words
        self._written = -1  # the cycle of the last word that the bus took for memory
        self._kept = -pipeline.KEPT_ORDER  # cycle of the last word stored into the feature buffer
        self._store_address = -1  # cycle of the last write address on the bus
        self._accumulate = pipeline.accumulate(config)
        self._shapes: dict[tuple[int, ...], TileShape] = {}

    def run(self, on_stage: Callable[[], None] = lambda: None) -> "Walk":
        """Walk the whole program and return self; call `on_stage` after each stage."""
        self.reads.first_page()
        newest = 0
        for stage, descriptor in zip(self.program.owners, self.program.descriptors, strict=True):
            if stage > newest:
                on_stage()
                newest = stage
            self._take(descriptor, stage)
        on_stage()
        self.reads.finish()
        return self

    def _take(self, descriptor: Descriptor, stage: int) -> None:
        """Hand one descriptor to its unit."""
        if type(descriptor) is Compute:
            issue_free, drain_free = (
                self._issue_popped[-QUEUE_DEPTH],
                self._drain_popped[-QUEUE_DEPTH],
            )
            delivered = self._deliver(max(issue_free, drain_free))
            self._compute(descriptor, delivered, stage)
        elif type(descriptor) is Store:
            delivered = self._deliver(self._store_popped[-QUEUE_DEPTH])
            self._store(descriptor, delivered, stage)
        elif type(descriptor) is Load:
            full = self._loads >= QUEUE_DEPTH
            slot_free = self.reads.popped_cycle(self._loads - QUEUE_DEPTH) if full else 0
            self.reads.add(descriptor, self._deliver(slot_free), stage)
            self._loads += 1
        elif type(descriptor) is End:
            delivered = self._deliver(slot_free=0)
            stores = unwrap(descriptor.wait_stores, len(self.stores))
            self.end_cycle = max(delivered, self.stores[stores - 1]) + pipeline.END_VISIBLE

    def _deliver(self, slot_free: int) -> int:
        """Return the cycle in which the next descriptor heads its queue, if that is empty."""
        read = max(self._read_free, self.reads.next_descriptor_cycle())
        delivered = read + self._descriptor_beats + pipeline.DISTRIBUTE
        delivered = max(delivered, slot_free + pipeline.DISTRIBUTE_ROOM)
        self._read_free = delivered - pipeline.DISTRIBUTE + pipeline.DISTRIBUTE_GAP
        return delivered

    # --- compute ----------------------------------------------------------------------------

    def _compute(self, tile: Compute, delivered: int, stage: int) -> None:
        shape, bank = self._shape_of(tile), len(self.drains) % 2
        bank_free = self._bank_free[bank] if tile.first else 0
        blocks = self._weight_blocks(tile, shape, delivered, bank_free)
        issue_end = blocks.last_start + shape.duration - shape.unused
        left_array = self._last_tap + pipeline.ISSUE_ROOM
        self._issue_popped.append(max(delivered, left_array, self._last_part))
        self._last_tap = blocks.last_start + shape.last_tap
        self._last_part = blocks.last_start + shape.lead
        self._loader_free = self._last_part + self.config.weight_block_words
        drain_start = drain_end = issue_end  # nothing is drained but with `last`
        if tile.release:
            self._weight_base += shape.weight_words
        if tile.last:
            # The drain takes a tile from its queue with the last read of the tile before, and holds
            # it until its sums are there.
            self._drain_popped.append(max(delivered, self._drain_free - 1))
            in_place = self._parameters(tile, shape, bank)
            drain_start, drain_end = self._drain(tile, shape.drain_cycles, issue_end, in_place)
            self._bank_free[bank] = drain_end - 1 + pipeline.BANK_VISIBLE
        self.tiles.add(
            TileEvent(
                stage,
                blocks.start,
                issue_end,
                shape.busy_cycles,
                blocks.waited_for,
                drain_start,
                drain_end,
            )
        )
        self.computes.append(issue_end - 1 + pipeline.ISSUE_VISIBLE)
        self._array_free = issue_end + shape.unused

    def _parameters(self, tile: Compute, shape: TileShape, bank: int) -> int:
        """Return the cycle from which on a tile's parameters, and table, are in place."""
        reads, words = self.reads, words_behind_weights(tile, self.config)
        behind = 0 if tile.release else tile.weight_offset + shape.weight_words
        there = reads.weight_cycle(self._weight_base + behind + words)
        begin = max(self._loader_free, self._bank_free[bank], there + pipeline.PARAMETERS_VISIBLE)
        if tile.release:
            first = begin + pipeline.FIRST_READ
            reads.release(words, first, first, words)
            self._weight_base += words
        self._last_part = begin
        self._loader_free = begin + words
        return self._loader_free + pipeline.PARAMETERS_FILL

    def _shape_of(self, tile: Compute) -> TileShape:
        key = shape_key(tile)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = tile_shape(tile, self.config)
        return shape

    def _weight_blocks(
        self, tile: Compute, shape: TileShape, delivered: int, bank_free: int
    ) -> _BlockCycles:
        """Return the cycles of the tile's weight blocks, and record their release."""
        reads, block_words = self.reads, self.config.weight_block_words
        base, period = self._weight_base + tile.weight_offset, shape.period
        words = base + shape.weight_words

        # The first block needs its descriptor, the array, the loader, its words and its chunk.
        ready = delivered + pipeline.ISSUE_START
        first_words = reads.weight_cycle(base + block_words) + pipeline.BLOCK_VISIBLE
        chunks = unwrap(tile.wait_chunks, reads.chunk_count)
        first_chunk = last_chunk = self._input_cycle(tile, chunks + 1)
        free = max(self._array_free, self._loader_free)
        start = max(free, ready, first_words, first_chunk, bank_free)
        if shape.chunks > 1:
            last_chunk = reads.chunk_cycle(chunks + shape.chunks)
        last_chunk += (shape.taps - 1) * period

        last_start = start
        if shape.blocks > 1 and not self._is_closed_form(shape, chunks, base + block_words, words):
            last_start = self._step_blocks(tile, shape, start, chunks)
        else:
            if shape.blocks > 1:
                last_words = reads.paced_weight_cycle(words) + pipeline.BLOCK_VISIBLE
                last_start = max(start + (shape.blocks - 1) * period, last_chunk, last_words)
            if tile.release:
                first = start + shape.lead + pipeline.FIRST_READ
                last = last_start + shape.lead + pipeline.FIRST_READ
                reads.release(shape.weight_words, first, last, block_words)
        waited = self._waited_for(first_chunk, last_chunk, bank_free, ready, start, last_start)
        return _BlockCycles(start, last_start, waited)

    def _input_cycle(self, tile: Compute, chunk: int) -> int:
        """Return the cycle in which a COMPUTE can read this chunk, or what was stored for it."""
        if not tile.awaits_stores:
            return self.reads.chunk_cycle(chunk)
        stores = unwrap(tile.wait_chunks, len(self.staged))
        return self.staged[stores - 1] - pipeline.KEPT_VISIBLE + pipeline.KEPT_READABLE

    def _is_closed_form(self, shape: TileShape, chunks: int, first_word: int, words: int) -> bool:
        """Return False if the tile's weights wait for room that the tile itself makes.

        Nor does it hold where weights or features come in clusters, as the bus waits for answers.
        """
        reads = self.reads
        if not shape.covers_bursts or not reads.starts_without_future_room(words):
            return False
        if shape.chunks > 1 and not reads.is_even(chunks + 1, chunks + shape.chunks):
            return False
        return not reads.comes_in_clusters(first_word, words)

    def _step_blocks(self, tile: Compute, shape: TileShape, start: int, chunks: int) -> int:
        """Step through the blocks; return the beginning of the last one."""
        reads, block_words = self.reads, self.config.weight_block_words
        base = self._weight_base + tile.weight_offset
        for block in range(shape.blocks):
            if block:
                there = reads.weight_cycle(base + (block + 1) * block_words)
                is_there = tile.packed or tile.awaits_stores
                chunk = 0 if is_there else reads.chunk_cycle(chunks + block // shape.taps + 1)
                start = max(start + shape.period, there + pipeline.BLOCK_VISIBLE, chunk)
            if tile.release:
                first = start + shape.lead + pipeline.FIRST_READ
                reads.release(block_words, first, first, block_words)
        return start

    def _waited_for(
        self,
        first_chunk: int,
        last_chunk: int,
        bank: int,
        ready: int,
        start: int,
        last_start: int,
    ) -> str:
        """Return the reason for which the array was idle, if it was."""
        if start > self._array_free:
            if start == first_chunk:
                return WAIT_FEATURES
            if start == bank:
                return WAIT_DRAIN
            return WAIT_PROGRAM if start == ready else WAIT_WEIGHTS
        if last_start == last_chunk:
            return WAIT_FEATURES
        return WAIT_WEIGHTS

    # --- drain and store --------------------------------------------------------------------

    def _drain(
        self, tile: Compute, drain_cycles: int, issue_end: int, parameters: int
    ) -> tuple[int, int]:
        """Return (first, past the last) of the cycles in which the tile's accumulators are read.

        `parameters` is the cycle from which on its parameters are in place.
        """
        wait = unwrap(tile.wait_staged, len(self.staged))
        first = max(
            issue_end - 1 + self._accumulate,
            parameters,
            self._drain_free,
            self.staged[wait - 1] if wait else 0,
        )
        last = first + drain_cycles
        self._drain_free = last
        self.drains.append(last - 1 + pipeline.DRAIN)
        return first, last

    def _store(self, store: Store, delivered: int, stage: int) -> None:
        wait = unwrap(store.wait_drains, len(self.drains))
        popped = max(delivered, self._store_free)
        begins = max(popped, self.drains[wait - 1])
        self._store_popped.append(popped)
        runs = store.rows * store.blocks
        bursts = -(-store.row_words // self.config.burst_words)
        ahead = bursts * (runs - 1) - pipeline.BURSTS_HELD  # of the last run's first burst
        address = max(begins + pipeline.STORE_START, self._store_address + 1)
        self._store_free = address + ahead
        self._store_address = address + bursts * runs - 1
        beats = store.row_words * runs
        begin = max(
            address + pipeline.STORE_DATA,
            self._accepted[1] + 1,
            # The last word waits in staging until that of a store before it has been written.
            self._kept + pipeline.KEPT_ORDER - (beats - 1),
        )
        if store.destination == StoreDestination.FEATURES:
            self._keep(begin, beats, stage)
        else:
            self._write(address, begin, beats, stage)

    def _write(self, address: int, begin: int, beats: int, stage: int) -> None:
        """Write a store's words to memory, from cycle `begin` on at the earliest."""
        cycle_ticks, ticks = self._cycle_ticks, beats * self._word_ticks
        follows = begin == self._written + 1  # and so was due when the word before it ended
        first = self.reads.write((begin - follows) * cycle_ticks, self._write_free, ticks)
        end = self._write_free = first + ticks
        self.staged.append(self._last_read(address, end, beats) + pipeline.STAGED_VISIBLE)
        self._written = self._accepted[1]
        response = self._written + self.config.memory.latency_cycles
        self.stores.append(response + pipeline.STORE_VISIBLE)
        place, last = StoreDestination.MEMORY, -(-end // cycle_ticks)
        begin = -(-first // cycle_ticks)
        self.store_events.add(StoreEvent(stage, place, begin, last, response, beats))

    def _keep(self, first: int, words: int, stage: int) -> None:
        """Write a store's words into the feature buffer, as if no load held them up."""
        end = first + words
        self._kept = end - 1
        self._accepted = (self._accepted[1] if words == 1 else end - 2), end - 1
        self.staged.append(end - 1 + pipeline.KEPT_VISIBLE)
        place = StoreDestination.FEATURES
        self.store_events.add(StoreEvent(stage, place, first, end, end - 1, words))

    def _last_read(self, address: int, end: int, beats: int) -> int:
        """Return the cycle in which a store's last word is read from staging.

        `end` is the time behind its last word on the bus, in ticks. A word waits until the one two
        places before it has been accepted.
        """
        word, cycle_ticks, (second_last, last) = self._word_ticks, self._cycle_ticks, self._accepted
        accepted = end - self._beat_ticks  # in ticks; a word is accepted with its last beat
        before = last if beats == 1 else -((word - accepted) // cycle_ticks)
        self._accepted = before, -(-accepted // cycle_ticks)
        if beats > 2:
            return -((2 * word - accepted) // cycle_ticks)
        read = max(address + pipeline.STORE_DATA - 2, second_last)
        return read if beats == 1 else max(read + 1, last)

"""Walks a program tile by tile and says when everything happens.

Closed form within a tile: its weight blocks follow each other at a fixed period unless weights or
features arrive more slowly, and both arrive evenly, so the last one decides. Only a tile whose
weights wait for room that the tile itself makes is stepped block by block.
"""

from hwsim.arch import pipeline
from hwsim.graph import SpatialPool
from hwsim.isa.descriptor import Compute, End, Load, Store
from hwsim.isa.fields import DESCRIPTOR_BYTES, QUEUE_DEPTH
from hwsim.isa.tokens import unwrap
from hwsim.program.program import Program
from hwsim.timeline.events import StoreEvent, TileEvent
from hwsim.timeline.read_channel import ReadChannel

WAIT_FEATURES, WAIT_WEIGHTS, WAIT_DRAIN, WAIT_PROGRAM = "features", "weights", "drain", "program"


class Walk:
    """The state of all units while a program is walked. `end_cycle` is what CYCLES reads."""

    def __init__(self, program: Program) -> None:
        config = program.config
        self.program, self.config = program, config
        self.computes: list[int] = []  # cycle in which each tile was issued
        self.drains: list[int] = []  # cycle of each drain token
        self.stores: list[int] = []  # cycle of each store token
        self.reads = ReadChannel(config, self.computes, self.stores)
        self.tiles: list[TileEvent] = []
        self.store_events: list[StoreEvent] = []
        self.end_cycle = 0
        self._cycles_per_beat = max(1, round(1 / config.beats_per_cycle))
        self._descriptor_beats = DESCRIPTOR_BYTES // config.word_bytes
        self._read_free = 0
        self._compute_popped: list[int] = []
        self._store_popped: list[int] = []
        self._weight_base = 0  # cumulative words at the queue's head
        self._loader_free = 0
        self._shadow_free = 0
        self._issue_end = 0
        self._drain_free = 0
        self._bank_free = [0, 0]
        self._write_free = 0
        self._store_free = 0
        self._store_address = -1  # cycle of the last one on the bus
        self._packed_fill = pipeline.packed_fill(config)
        self._accumulate = pipeline.accumulate(config)

    def run(self) -> "Walk":
        program = self.program
        self.reads.first_page()
        owners = [
            index
            for index, part in enumerate(program.layers)
            for _ in range(part.first_descriptor, part.last_descriptor)
        ]
        loads = 0
        for index, (descriptor, layer) in enumerate(zip(program.descriptors, owners, strict=True)):
            if type(descriptor) is Compute:
                slot_free = self._slot_free(self._compute_popped)
                self._compute(descriptor, self._deliver(index, slot_free), layer)
            elif type(descriptor) is Store:
                slot_free = self._slot_free(self._store_popped)
                self._store(descriptor, self._deliver(index, slot_free), layer)
            elif type(descriptor) is Load:
                full = loads >= QUEUE_DEPTH
                slot_free = self.reads.popped_cycle(loads - QUEUE_DEPTH) if full else 0
                self.reads.add(descriptor, self._deliver(index, slot_free), layer)
                loads += 1
            elif type(descriptor) is End:
                delivered = self._deliver(index, slot_free=0)
                stores = unwrap(descriptor.wait_stores, len(self.stores))
                self.end_cycle = max(delivered, self.stores[stores - 1]) + pipeline.END_VISIBLE
        self.reads.finish()
        return self

    @staticmethod
    def _slot_free(popped: list[int]) -> int:
        """Cycle in which a queue has room, from when all that it was given left it."""
        return popped[-QUEUE_DEPTH] if len(popped) >= QUEUE_DEPTH else 0

    def _deliver(self, index: int, slot_free: int) -> int:
        """Cycle in which a descriptor heads its unit's queue, if the queue is empty."""
        read = max(self._read_free, self.reads.descriptor_cycle(index))
        delivered = read + self._descriptor_beats + pipeline.DISTRIBUTE
        delivered = max(delivered, slot_free + pipeline.DISTRIBUTE_ROOM)
        self._read_free = delivered - pipeline.DISTRIBUTE + pipeline.DISTRIBUTE_GAP
        return delivered

    # --- compute ----------------------------------------------------------------------------

    def _compute(self, tile: Compute, delivered: int, layer: int) -> None:
        config, reads = self.config, self.reads
        taps = 1 if tile.packed else tile.kernel_rows * tile.kernel_columns
        block_words = config.weight_block_words
        blocks = tile.blocks * taps
        words = blocks * block_words
        base = self._weight_base + tile.weight_offset
        pixels = tile.rows * tile.columns
        lead = self._packed_fill if tile.packed else 0  # cycles before a row's first pixel
        duration = pixels + tile.rows * lead
        refill = block_words + pipeline.BLOCK_OVERHEAD  # first pixel to the next shadow full
        period = max(duration, lead + refill)
        bank = len(self.computes) % 2

        # The first block needs its descriptor, the loader, the shadow and its words.
        ready = delivered + pipeline.ISSUE_START
        loader = max(ready, self._loader_free, self._shadow_free)
        first_fill = max(loader, reads.weight_cycle(base + block_words))
        first_full = first_fill + block_words + pipeline.SHADOW_FILL
        chunks = unwrap(tile.wait_chunks, reads.chunk_count)
        first_chunk = reads.chunk_cycle(chunks + 1)
        start = max(first_full, first_chunk, ready, self._issue_end, self._bank_free[bank])
        stored_blocks = 1 if tile.packed else tile.blocks
        last_chunk = reads.chunk_cycle(chunks + stored_blocks) + (taps - 1) * period

        if blocks == 1:
            last_start, last_full = start, first_full
            if tile.release:
                reads.releases.add(words, first_fill, first_full - 1)
        elif self._is_closed_form(base + words, period):
            last_words = reads.paced_weight_cycle(base + words) + block_words
            last_start = max(start + (blocks - 1) * period, last_chunk, last_words)
            last_full = max(last_start - period + lead + refill, last_words)
            if tile.release:
                reads.releases.add(words, first_fill, last_full - 1)
        else:
            last_start, last_full = self._step(tile, base, start, first_fill, chunks)
        issue_end = last_start + duration

        parameters = max(
            last_full,
            self._bank_free[bank],
            reads.weight_cycle(base + words + config.parameter_words),
        )
        parameters_end = parameters + config.parameter_words
        if tile.release:
            reads.releases.add(config.parameter_words, parameters, parameters_end - 1)
            self._weight_base += words + config.parameter_words
        waited = self._waited_for(
            first_chunk, last_chunk, self._bank_free[bank], first_fill == ready, start, last_start
        )
        drain_start, drain_end = self._drain(tile, issue_end, parameters_end)
        self.tiles.append(
            TileEvent(layer, start, issue_end, blocks * pixels, waited, drain_start, drain_end)
        )
        self.computes.append(issue_end - 1 + pipeline.ISSUE_VISIBLE)
        self._compute_popped.append(drain_start)
        self._bank_free[bank] = drain_end - 1 + pipeline.BANK_VISIBLE
        self._loader_free = parameters_end
        self._shadow_free = last_start + lead + pipeline.SHADOW_FREE
        self._issue_end = issue_end

    def _is_closed_form(self, last_word: int, period: int) -> bool:
        """True unless the tile's weights wait for room in the queue that the tile itself makes.

        A queue that holds more time than a burst needs to arrive never keeps the array waiting
        once it has been full: its lead in weight blocks, times their period, covers the latency.
        """
        config = self.config
        lead_blocks = (config.weight_words - config.bus.burst_beats) // config.weight_block_words
        burst = config.memory.latency_cycles + config.bus.burst_beats * self._cycles_per_beat
        covered = (lead_blocks - 1) * period > burst + pipeline.WEIGHT_ROOM + pipeline.LOAD_VISIBLE
        return covered and self.reads.starts_without_future_room(last_word)

    def _step(
        self, tile: Compute, base: int, start: int, first_fill: int, chunks: int
    ) -> tuple[int, int]:
        """Block by block: (start of the last block, cycle in which its shadow was full)."""
        block_words = self.config.weight_block_words
        taps = 1 if tile.packed else tile.kernel_rows * tile.kernel_columns
        lead = self._packed_fill if tile.packed else 0
        duration = tile.rows * (tile.columns + lead)
        full = first_fill + block_words
        if tile.release:
            self.reads.releases.add(block_words, first_fill, full - 1)
        for block in range(1, tile.blocks * taps):
            words_there = self.reads.weight_cycle(base + (block + 1) * block_words)
            fill_start = max(start + lead + pipeline.SHADOW_FREE, words_there)
            full = fill_start + block_words + pipeline.SHADOW_FILL
            if tile.release:
                self.reads.releases.add(block_words, fill_start, full - 1)
            chunk = 0 if tile.packed else self.reads.chunk_cycle(chunks + block // taps + 1)
            start = max(start + duration, full, chunk)
        return start, full

    def _waited_for(
        self,
        first_chunk: int,
        last_chunk: int,
        bank: int,
        late_program: bool,
        start: int,
        last_start: int,
    ) -> str:
        """What kept the array from issuing, or nothing if it followed on without a gap."""
        if start > self._issue_end:
            if start == first_chunk:
                return WAIT_FEATURES
            if start == bank:
                return WAIT_DRAIN
            return WAIT_PROGRAM if late_program else WAIT_WEIGHTS
        if last_start == last_chunk:
            return WAIT_FEATURES
        return WAIT_WEIGHTS

    # --- drain and store --------------------------------------------------------------------

    def _drain(self, tile: Compute, issue_end: int, parameters: int) -> tuple[int, int]:
        """(first, past the last) cycle in which the tile's accumulators are read."""
        window = SpatialPool(tile.spatial_pool).window
        slots = tile.pooled_rows * tile.pooled_columns * window * window
        wait = unwrap(tile.wait_stores, len(self.stores))
        first = max(
            issue_end - 1 + self._accumulate,
            parameters + pipeline.PARAMETERS_FILL,
            self._drain_free,
            self.stores[wait - 1] if wait else 0,
        )
        last = first + slots * self.config.rescale_groups
        self._drain_free = last
        self.drains.append(last - 1 + pipeline.DRAIN)
        return first, last

    def _store(self, store: Store, delivered: int, layer: int) -> None:
        wait = unwrap(store.wait_drains, len(self.drains))
        popped = max(delivered, self._store_free)
        begins = max(popped, self.drains[wait - 1])
        self._store_popped.append(popped)
        runs = store.rows * store.blocks
        bursts = -(-store.row_words // self.config.bus.burst_beats)
        ahead = bursts * (runs - 1) - pipeline.BURSTS_HELD  # of the last run's first burst
        address = max(begins + pipeline.STORE_START, self._store_address + 1)
        self._store_free = address + ahead
        self._store_address = address + bursts * runs - 1
        first = max(address + pipeline.STORE_DATA, self._write_free)
        beats = store.row_words * runs
        last = first + beats * self._cycles_per_beat
        response = last - self._cycles_per_beat + self.config.memory.latency_cycles
        self._write_free = last
        self.stores.append(response + pipeline.STORE_VISIBLE)
        self.store_events.append(StoreEvent(layer, first, last, response, beats))

"""Writes one layer's descriptors, and the tokens that order them.

Every wait names an event of an earlier descriptor. Loads are written as early as the ring has room
without waiting for work that follows them, so that the load unit runs ahead of the array.
"""

from dataclasses import dataclass, field

from hwsim.arch.config import Config
from hwsim.graph import Layer
from hwsim.isa.descriptor import Compute, Descriptor, Load, Store
from hwsim.isa.fields import QUEUE_DEPTH, Destination
from hwsim.isa.tokens import TOKEN_MASK
from hwsim.program.program import Region
from hwsim.program.schedule import Schedule, Span, WeightScope, stripe_columns

IN_FLIGHT = 2 * QUEUE_DEPTH  # more than any unit has unfinished while a later descriptor runs


def met(count: int) -> int:
    """A wait that holds by the time its descriptor runs: work so old that it has left its queue."""
    return max(0, count - IN_FLIGHT)


@dataclass
class Tokens:
    """What the descriptors written so far will have counted once they are all done."""

    chunks: int = 0
    computes: int = 0
    stores: int = 0  # tiles alternate between the halves of the staging buffer, store by store


@dataclass(frozen=True)
class Place:
    """Where a layer finds and leaves things in memory."""

    weights: Region
    input: Region
    output: Region


@dataclass(frozen=True)
class Unit:
    """Bands that share one reading of the weights, in one stripe."""

    bands: tuple[Span, ...]
    rows: tuple[int, int]  # first, past the last input row
    last: bool  # the last unit of its pass: weights are not needed after it


@dataclass
class LayerEmitter:
    """Writes the descriptors of one layer; `tokens` carries the counts from layer to layer."""

    layer: Layer
    schedule: Schedule
    config: Config
    place: Place
    tokens: Tokens
    descriptors: list[Descriptor] = field(default_factory=list)

    def emit(self) -> list[Descriptor]:
        """All descriptors of the layer, in program order."""
        self._barrier_stores = self.tokens.stores
        self._barrier_pending = True
        for index, (first_group, groups) in enumerate(self.schedule.passes):
            last_pass = index == len(self.schedule.passes) - 1
            assert last_pass or self.schedule.scope is WeightScope.LAYER
            self._released = 0
            if self.schedule.scope is WeightScope.LAYER:
                self._load_weights(*self._blocks_of(first_group, groups))
            for stripe_index, stripe in enumerate(self.schedule.stripes):
                last_stripe = stripe_index == len(self.schedule.stripes) - 1
                self._sweep(stripe, range(first_group, first_group + groups), last_stripe)
        return self.descriptors

    # --- loads ------------------------------------------------------------------------------

    def _blocks_of(self, first_group: int, groups: int) -> tuple[int, int]:
        """(first, count) of the output blocks in these groups."""
        blocking = self.schedule.blocking
        first = first_group * blocking.group_blocks
        return first, min(groups * blocking.group_blocks, blocking.output_blocks - first)

    def _load_weights(self, first_block: int, blocks: int) -> None:
        words = self.schedule.blocking.weight_words
        self._load_weight_words(first_block * words, blocks * words)

    def _load_weight_words(self, first_word: int, words: int) -> None:
        if words:
            address = self.place.weights.address + first_word * self.config.word_bytes
            self.descriptors.append(
                Load.single_run(
                    Destination.WEIGHTS,
                    address,
                    words,
                    wait_computes=met(self.tokens.computes) & TOKEN_MASK,
                    wait_stores=met(self.tokens.stores) & TOKEN_MASK,
                )
            )

    def _load_rows(self, first: int, last: int, wait_computes: int) -> None:
        """Rows `first` up to `last` of every block of the current stripe, into the ring."""
        schedule, word_bytes = self.schedule, self.config.word_bytes
        blocking, shape = schedule.blocking, self.layer.input.shape
        column, end = self._columns
        row_words = blocking.input_row_words(end - column, self.config)
        whole_row = blocking.input_row_words(shape.width, self.config)
        offset = column * 4 // word_bytes if blocking.packed else column
        wait_stores = self._barrier_stores if self._barrier_pending else met(self.tokens.stores)
        self._barrier_pending = False
        # Whole rows lie one behind the other, in memory as in the buffer: one run, where the ring
        # does not wrap.
        joined = row_words == whole_row == schedule.row_words and (
            first % schedule.ring_rows + (last - first) <= schedule.ring_rows
        )
        rows = last - first
        self.descriptors.append(
            Load(
                destination=Destination.FEATURES,
                wait_computes=max(wait_computes, met(self.tokens.computes)) & TOKEN_MASK,
                wait_stores=wait_stores & TOKEN_MASK,
                address=self.place.input.address + (first * whole_row + offset) * word_bytes,
                row_words=row_words * rows if joined else row_words,
                rows=1 if joined else rows,
                row_stride_bytes=whole_row * word_bytes,
                blocks=blocking.stored_blocks,
                block_stride_bytes=shape.height * whole_row * word_bytes,
                buffer_address=first % schedule.ring_rows * row_words if joined else 0,
                buffer_block_words=schedule.ring_rows * schedule.row_words,
                ring_row=0 if joined else first % schedule.ring_rows,
                ring_rows=1 if joined else schedule.ring_rows,
            )
        )
        self.tokens.chunks += blocking.stored_blocks

    # --- one sweep over the input -----------------------------------------------------------

    def _units(self, last_stripe: bool) -> list[Unit]:
        height = self.layer.input.shape.height
        strips = self.schedule.strips
        return [
            Unit(
                strip,
                (strip[0].clipped(height)[0], strip[-1].clipped(height)[1]),
                last_stripe and index == len(strips) - 1,
            )
            for index, strip in enumerate(strips)
        ]

    def _sweep(self, stripe: tuple[Span, ...], groups: range, last_stripe: bool) -> None:
        """One reading of the input: all units of a stripe, for some groups of output blocks."""
        self._columns = stripe_columns(
            stripe, self.layer.input.shape.width, self.schedule.blocking, self.config
        )
        units = self._units(last_stripe)
        self._loaded_rows = units[0].rows[0]
        self._chunk_base: dict[int, int] = {}  # band's first stored row -> chunks loaded before it
        self._ends: list[int] = []  # computes written when each unit was complete
        self._start_computes = self.tokens.computes
        resident = self.schedule.scope is WeightScope.LAYER
        streamed = 0
        if not resident:
            streamed = self._stream_ahead(groups)
        for index, unit in enumerate(units):
            self._load_unit(units, index)
            if resident and index + 1 < len(units) and self._has_room(units, index):
                self._load_unit(units, index + 1)
            self._compute_unit(unit, stripe, groups, streamed)
            self._ends.append(self.tokens.computes)
            if not resident and index + 1 < len(units):
                streamed = self._stream_ahead(groups)

    def _stream_ahead(self, groups: range) -> int:
        """Load the next weights before features that may have to wait; returns their words.

        No more than the queue holds: the rest would wait for tiles that wait for the features.
        """
        first, blocks = self._blocks_of(groups[0], 1)
        words = min(blocks * self.schedule.blocking.weight_words, self.config.weight_words)
        self._load_weight_words(first * self.schedule.blocking.weight_words, words)
        return words

    def _has_room(self, units: list[Unit], index: int) -> bool:
        """True if unit `index + 1` can be loaded over rows that unit `index` does not read."""
        needed = units[index + 1].rows[1] - units[index].rows[0]
        return needed <= self.schedule.ring_rows

    def _load_unit(self, units: list[Unit], index: int) -> None:
        """Load, band by band, the rows of a unit that are not in the ring yet."""
        height = self.layer.input.shape.height
        for band in units[index].bands:
            last = band.clipped(height)[1]
            if last > self._loaded_rows:
                overwritten = last - self.schedule.ring_rows  # rows before this one are given up
                self._load_rows(self._loaded_rows, last, self._last_reader(units, overwritten))
                self._loaded_rows = last
            blocks = self.schedule.blocking.stored_blocks
            self._chunk_base.setdefault(band.first_stored, self.tokens.chunks - blocks)

    def _chunks_before(self, band: Span) -> int:
        """Chunks loaded before a band's own, or so many that their loads have left the queue."""
        in_flight = IN_FLIGHT * self.schedule.blocking.stored_blocks
        return max(self._chunk_base[band.first_stored], self.tokens.chunks - in_flight)

    def _last_reader(self, units: list[Unit], overwritten: int) -> int:
        """Computes that must be done before rows below `overwritten` are written over."""
        readers = [
            end for unit, end in zip(units, self._ends, strict=False) if unit.rows[0] < overwritten
        ]
        return max(readers, default=self._start_computes)

    def _compute_unit(
        self, unit: Unit, stripe: tuple[Span, ...], groups: range, streamed: int
    ) -> None:
        tiles = [(band, tile) for band in unit.bands for tile in stripe]
        scope = self.schedule.scope
        if scope is WeightScope.TILE:
            for index, pair in enumerate(tiles):
                for group in groups:
                    ahead = streamed if index == 0 and group == groups[0] else 0
                    self._stream_group(group, ahead)
                    self._compute_group(group, groups, [pair], release=True)
            return
        for group in groups:
            if scope is WeightScope.STRIP:
                self._stream_group(group, streamed if group == groups[0] else 0)
            release = unit.last or scope is WeightScope.STRIP
            self._compute_group(group, groups, tiles, release)

    def _stream_group(self, group: int, ahead: int) -> None:
        """Load a group's weights, less the words that were loaded ahead."""
        first, blocks = self._blocks_of(group, 1)
        words = self.schedule.blocking.weight_words
        self._load_weight_words(first * words + ahead, blocks * words - ahead)

    def _compute_group(
        self, group: int, groups: range, tiles: list[tuple[Span, Span]], release: bool
    ) -> None:
        """All tiles of one group of output blocks; the last tile may release the weights."""
        words = self.schedule.blocking.weight_words
        first, blocks = self._blocks_of(group, 1)
        resident = self.schedule.scope is WeightScope.LAYER
        base = first - self._blocks_of(groups[0], 1)[0] if resident else 0
        for index, (band, tile) in enumerate(tiles):
            releasing = release and index == len(tiles) - 1
            half = self.tokens.stores % 2 * (self.config.staging_words // 2)
            wait_stores = max(0, self.tokens.stores - 1)  # all but the last: it used the other half
            for block in range(blocks):
                offset = (base + block) * words - (self._released if resident else 0)
                if not resident and releasing:
                    offset = 0
                self._compute(
                    first + block, block, band, tile, offset, releasing, half, wait_stores
                )
                if resident and releasing:
                    self._released += words
            self._store(group, band, tile, half)

    # --- single descriptors -----------------------------------------------------------------

    def _compute(
        self,
        output_block: int,
        slot: int,
        band: Span,
        tile: Span,
        weight_offset: int,
        release: bool,
        staging_address: int,
        wait_stores: int,
    ) -> None:
        schedule, layer, config = self.schedule, self.layer, self.config
        blocking, shape = schedule.blocking, layer.input.shape
        column, end = self._columns
        row_words = blocking.input_row_words(end - column, config)
        block_words = schedule.ring_rows * schedule.row_words
        first_input_block = blocking.first_input_block(output_block)
        self.tokens.computes += 1
        self.descriptors.append(
            Compute(
                wait_chunks=(self._chunks_before(band) + first_input_block) & TOKEN_MASK,
                wait_stores=wait_stores & TOKEN_MASK,
                buffer_address=first_input_block * block_words,
                buffer_block_words=block_words,
                row_words=row_words,
                ring_row=band.first_input % schedule.ring_rows,
                ring_rows=schedule.ring_rows,
                top=band.first_input,
                left=tile.first_input,
                column_origin=column,
                input_height=shape.height,
                input_width=shape.width,
                input_zero_point=layer.input.zero_point,
                rows=band.computed,
                columns=tile.computed,
                kernel_rows=layer.kernel[0],
                kernel_columns=layer.kernel[1],
                blocks=blocking.reduction_blocks,
                packed=int(blocking.packed),
                weight_offset=weight_offset,
                release=int(release),
                channel_pool=layer.channel_pool.bit_length() - 1,
                spatial_pool=int(layer.spatial_pool),
                pooled_rows=band.stored,
                pooled_columns=tile.stored,
                output_zero_point=layer.output.zero_point,
                staging_address=staging_address,
                byte_offset=slot * config.array.output_lanes // layer.channel_pool,
            )
        )

    def _store(self, group: int, band: Span, tile: Span, staging_address: int) -> None:
        blocking, shape = self.schedule.blocking, self.layer.output.shape
        word_bytes = self.config.word_bytes
        first_word = group * blocking.group_words
        plane = shape.height * shape.width
        pixel = band.first_stored * shape.width + tile.first_stored
        whole_rows = tile.stored == shape.width
        self.tokens.stores += 1
        self.descriptors.append(
            Store(
                wait_drains=self.tokens.computes & TOKEN_MASK,
                address=self.place.output.address + (first_word * plane + pixel) * word_bytes,
                row_words=tile.stored * (band.stored if whole_rows else 1),
                rows=1 if whole_rows else band.stored,
                row_stride_bytes=shape.width * word_bytes,
                blocks=min(blocking.group_words, blocking.output_words - first_word),
                block_stride_bytes=plane * word_bytes,
                staging_address=staging_address,
            )
        )

"""The descriptors of a tile: the COMPUTEs of each output block of a bundle, then a STORE.

Each source has a COMPUTE, or one for each part of a large kernel.
"""

from collections.abc import Callable

from hwsim.compiler.feature_ring import FeatureRing
from hwsim.compiler.resident_source import ResidentSource
from hwsim.compiler.spans import COLUMNS, ROWS, first_tap, least_ring_rows, outside_tile
from hwsim.compiler.task import Task
from hwsim.compiler.tokens import Tokens
from hwsim.compiler.weight_stream import WeightStream
from hwsim.graph import Source
from hwsim.graph.check import ACTIVATION_RANGE
from hwsim.isa.descriptor import Compute, Descriptor, Store, compute_setter
from hwsim.isa.fields import StoreDestination
from hwsim.isa.tokens import TOKEN_MASK
from hwsim.program.drain_reads import has_wide_factors
from hwsim.program.kernel_parts import KernelPart
from hwsim.program.schedule import Ring, Span

SourceRows = FeatureRing | ResidentSource

# The fields that a tile's place decides, and those that differ between its output blocks.
_set_place = compute_setter(
    "first_line",
    "ring_row",
    "top",
    "left",
    "rows",
    "columns",
    "pooled_rows",
    "pooled_columns",
    "window_top",
    "window_left",
)
_set_block = compute_setter(
    "wait_chunks",
    "wait_staged",
    "first_line",
    "weight_offset",
    "release",
    "staging_address",
    "byte_offset",
)


class TileWriter:
    """Writes the tiles of one sweep.

    The fields of a COMPUTE that its part of a kernel decides are written once, those that the band
    and the columns decide once for all output blocks.
    """

    def __init__(
        self,
        task: Task,
        tokens: Tokens,
        descriptors: list[Descriptor],
        rings: list[SourceRows],
        weights: WeightStream,
    ) -> None:
        self._task, self._tokens, self._descriptors = task, tokens, descriptors
        self._weights = weights
        parts = [(ring, part) for ring in rings for part in ring.blocking.kernel_parts]
        self._parts = parts * task.stage.weight_limbs  # the higher limbs come first
        self._parts_of_limb = len(parts)
        self._half_words = task.config.staging_words // 2
        self._parameter_words = task.schedule.blocking.parameter_words
        self._bundle_blocks = task.schedule.blocking.bundle_blocks
        # Bytes of a stored pixel that one output block fills.
        self._block_bytes = task.config.array.output_lanes // task.stage.channel_pool
        self._of_part = [self._part_fields(index) for index in range(len(self._parts))]
        self._of_tile: dict[tuple[Span, Span], list[Compute]] = {}

    def write(
        self,
        bundle_set: range,
        band: Span,
        span: Span,
        release: bool,
        before_compute: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Write all output blocks of a bundle set on one tile; `release` drops their weights.

        `before_compute` is called before each COMPUTE with the words that it takes from the queue.
        """
        tokens, weights = self._tokens, self._weights
        half = tokens.staged % 2 * self._half_words
        # The drain waits for all stores but the last, which reads the other half.
        wait_staged = max(0, tokens.staged - 1) & TOKEN_MASK
        first, blocks = self._task.blocks_of(bundle_set)
        staged_words = self._task.schedule.blocking.bundle_words * band.stored * span.stored
        staging_addresses = [half + index * staged_words for index in range(len(bundle_set))]
        offset = weights.offset(first)  # stays where words are released as they are read
        templates = self._tile_fields(band, span)
        for block in range(blocks):
            bundle, slot = divmod(block, self._bundle_blocks)
            for template, (ring, part) in zip(templates, self._parts, strict=True):
                words = part.weight_words
                if template.last:
                    words += self._parameter_words
                before_compute(words)
                first_block = ring.blocking.first_input_block(first + block)
                self._descriptors.append(
                    _set_block(
                        template,
                        ring.awaited(band, first_block) & TOKEN_MASK,
                        wait_staged,
                        template.first_line + first_block * template.buffer_block_words,
                        offset,
                        int(release),
                        staging_addresses[bundle],
                        slot * self._block_bytes,
                    )
                )
                if release:
                    weights.release(words)
                else:
                    offset += words
        tokens.computes += blocks * len(self._parts)
        tokens.drains += blocks
        self._store(bundle_set, band, span, staging_addresses[0])

    def _tile_fields(self, band: Span, span: Span) -> list[Compute]:
        """Return the COMPUTEs of a tile, without what differs between its output blocks."""
        key = band, span
        if key not in self._of_tile:
            self._of_tile[key] = [
                self._place(template, ring, part, band, span)
                for template, (ring, part) in zip(self._of_part, self._parts, strict=True)
            ]
        return self._of_tile[key]

    def _place(
        self, template: Compute, ring: SourceRows, part: KernelPart, band: Span, span: Span
    ) -> Compute:
        """Return a COMPUTE with the fields that the tile's place decides."""
        pool = self._task.stage.spatial_pool
        top = _part_start(ring.source, part, band, ROWS)
        ring_row = top // ring.source.upsample % template.ring_rows
        return _set_place(
            template,
            ring.place.first_word + ring_row * template.row_words,
            ring_row,
            top,
            _part_start(ring.source, part, span, COLUMNS),
            band.computed,
            span.computed,
            band.stored,
            span.stored,
            outside_tile(pool, band, ROWS),
            outside_tile(pool, span, COLUMNS),
        )

    def _part_fields(self, index: int) -> Compute:
        """Return COMPUTE number `index` with what all tiles share; the other fields are 0."""
        stage, (ring, part) = self._task.stage, self._parts[index]
        source, own, place = ring.source, ring.blocking, ring.place
        pool = stage.spatial_pool
        height, width = source.size
        ring_rows = place.rows
        if ring_rows == source.tensor.shape.height:  # never wraps where rows are read
            ring_rows = max(ring_rows, least_ring_rows(source))
        ring_words = ring_rows * ring.row_words
        stride_words = ring.row_words * source.stride[ROWS]
        dilation_words = ring.row_words * source.dilation[ROWS]
        return Compute(
            wait_chunks=0,
            wait_staged=0,
            first_line=0,
            buffer_block_words=place.block_words,
            row_words=ring.row_words,
            ring_row=0,
            ring_rows=ring_rows,
            top=0,
            left=0,
            column_origin=ring.first_column * source.upsample,
            input_height=height,
            input_width=width,
            input_zero_point=source.tensor.zero_point,
            rows=0,
            columns=0,
            kernel_rows=part.kernel[ROWS],
            kernel_columns=part.kernel[COLUMNS],
            stride_rows=source.stride[ROWS],
            stride_columns=source.stride[COLUMNS],
            stride_words=stride_words,
            stride_wrap_words=ring_words - stride_words,
            dilation_rows=source.dilation[ROWS],
            dilation_columns=source.dilation[COLUMNS],
            dilation_words=dilation_words,
            dilation_wrap_words=ring_words - dilation_words,
            upsample=source.upsample - 1,
            blocks=own.reduction_blocks,
            packed=int(own.packed),
            first=int(index == 0),
            last=int(index == len(self._parts) - 1),
            weight_offset=0,
            release=0,
            channel_pool=stage.channel_pool.bit_length() - 1,
            window_rows=pool.window[ROWS],
            window_columns=pool.window[COLUMNS],
            window_stride_rows=pool.stride[ROWS],
            window_stride_columns=pool.stride[COLUMNS],
            window_top=0,
            window_left=0,
            pooled_rows=0,
            pooled_columns=0,
            output_zero_point=stage.added_offset,
            staging_address=0,
            byte_offset=0,
            rounding=int(stage.rounding),
            scale_sums=int(index > 0 and index % self._parts_of_limb == 0),
            wide_factors=int(has_wide_factors(stage, self._task.config)),
            clamp_low=stage.limits[0] - ACTIVATION_RANGE[0],
            clamp_high=ACTIVATION_RANGE[1] - stage.limits[1],
            diagonal=int(own.diagonal),
            table=int(stage.table is not None),
            awaits_stores=int(ring.awaits_stores),
            chained=int(own.chained),
        )

    def _store(self, bundles: range, band: Span, span: Span, staging_address: int) -> None:
        task, shape = self._task, self._task.stage.output.shape
        blocking, word_bytes = task.schedule.blocking, task.config.word_bytes
        first_word, last_word = (
            end * blocking.bundle_words for end in (bundles.start, bundles.stop)
        )
        words = min(last_word, blocking.output_words) - first_word
        output = task.output
        is_kept = isinstance(output, Ring)
        start = output.first_word * word_bytes if isinstance(output, Ring) else output.address
        rows = output.rows if isinstance(output, Ring) else shape.height
        plane = rows * shape.width
        # No band passes the end of a ring.
        pixel = band.first_stored % rows * shape.width + span.first_stored
        # Whole rows lie one behind the other, and so do whole blocks: they are one burst run.
        joined_rows = band.stored if span.stored == shape.width else 1
        joined_blocks = words if span.stored * band.stored == plane else 1
        self._tokens.count_store(task.stage.output.name, band.first_stored, not is_kept)
        self._descriptors.append(
            Store(
                wait_drains=self._tokens.drains & TOKEN_MASK,
                address=start + (first_word * plane + pixel) * word_bytes,
                row_words=span.stored * joined_rows * joined_blocks,
                rows=band.stored // joined_rows,
                row_stride_bytes=shape.width * word_bytes,
                blocks=words // joined_blocks,
                block_stride_bytes=plane * word_bytes,
                staging_address=staging_address,
                destination=StoreDestination.FEATURES if is_kept else StoreDestination.MEMORY,
            )
        )


def _part_start(source: Source, part: KernelPart, span: Span, axis: int) -> int:
    """Return where the first tap of a kernel's part reads the source.

    Past the source every tap reads the zero point, so that none needs to begin further out.
    """
    start = first_tap(source, span, axis) + part.first[axis] * source.dilation[axis]
    return min(start, source.size[axis])

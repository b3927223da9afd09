"""The descriptors of a tile: the COMPUTEs of each output block of a bundle, then a STORE.

Each source has a COMPUTE, or one for each part of a large kernel.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hwsim.compiler.feature_ring import FeatureRing
from hwsim.compiler.spans import COLUMNS, ROWS, first_tap
from hwsim.compiler.task import Task
from hwsim.compiler.tokens import Tokens
from hwsim.compiler.weight_stream import WeightStream
from hwsim.graph import Source
from hwsim.isa.descriptor import Compute, Descriptor, Store
from hwsim.isa.tokens import TOKEN_MASK
from hwsim.program.blocking import KernelPart
from hwsim.program.schedule import Span


@dataclass(frozen=True)
class _Tile:
    """A tile of one bundle, and what its COMPUTEs have in common."""

    band: Span
    span: Span  # of columns
    release: bool
    staging_address: int
    wait_staged: int


class TileWriter:
    """Writes the tiles of one sweep."""

    def __init__(
        self,
        task: Task,
        tokens: Tokens,
        descriptors: list[Descriptor],
        rings: list[FeatureRing],
        weights: WeightStream,
    ) -> None:
        self._task, self._tokens, self._descriptors = task, tokens, descriptors
        self._parts = [(ring, part) for ring in rings for part in ring.blocking.kernel_parts]
        self._weights = weights

    def write(
        self,
        bundle: int,
        band: Span,
        span: Span,
        release: bool,
        before_compute: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Write all output blocks of a bundle on one tile; `release` drops their weights.

        `before_compute` is called before each COMPUTE with the words that it takes from the queue.
        """
        tokens, weights = self._tokens, self._weights
        staging = tokens.stores % 2 * (self._task.config.staging_words // 2)
        wait_staged = max(0, tokens.stores - 1)  # all but the last, which reads the other half
        tile = _Tile(band, span, release, staging, wait_staged & TOKEN_MASK)
        first, blocks = self._task.blocks_of(bundle)
        for slot in range(blocks):
            words_before = 0
            for index, (_, part) in enumerate(self._parts):
                is_last = index == len(self._parts) - 1
                words = part.weight_words
                before_compute(words + is_last * self._task.config.parameter_words)
                offset = weights.offset(first + slot, words_before)
                self._compute(first + slot, slot, index, tile, offset)
                words_before += words
                if release:
                    weights.release(words)
            if release:
                weights.release(self._task.config.parameter_words)
        tokens.computes += blocks * len(self._parts)
        tokens.drains += blocks
        self._store(bundle, band, span, staging)

    def _compute(
        self, output_block: int, slot: int, index: int, tile: _Tile, weight_offset: int
    ) -> None:
        """Write the COMPUTE number `index` of one output block."""
        task, stage = self._task, self._task.stage
        ring, part = self._parts[index]
        source, own, place = ring.source, ring.blocking, ring.place
        first_block = own.first_input_block(output_block)
        height, width = source.size
        top = _part_start(source, part, tile.band, ROWS)
        stored_row = top // source.upsample  # of the tensor
        ring_rows, row_words = place.rows, ring.row_words
        if ring_rows == source.tensor.shape.height:  # never wraps where rows are read
            ring_rows = max(ring_rows, source.stride[ROWS], source.dilation[ROWS])
        ring_row = stored_row % ring_rows
        first_line = place.first_word + first_block * place.block_words + ring_row * row_words
        ring_words = ring_rows * row_words
        stride_words = row_words * source.stride[ROWS]
        dilation_words = row_words * source.dilation[ROWS]
        self._descriptors.append(
            Compute(
                wait_chunks=(ring.chunks_before(tile.band) + first_block) & TOKEN_MASK,
                wait_staged=tile.wait_staged,
                first_line=first_line,
                buffer_block_words=place.block_words,
                row_words=row_words,
                ring_row=ring_row,
                ring_rows=ring_rows,
                top=top,
                left=_part_start(source, part, tile.span, COLUMNS),
                column_origin=ring.first_column * source.upsample,
                input_height=height,
                input_width=width,
                input_zero_point=source.tensor.zero_point,
                rows=tile.band.computed,
                columns=tile.span.computed,
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
                weight_offset=weight_offset,
                release=int(tile.release),
                channel_pool=stage.channel_pool.bit_length() - 1,
                spatial_pool=int(stage.spatial_pool),
                pooled_rows=tile.band.stored,
                pooled_columns=tile.span.stored,
                output_zero_point=stage.output.zero_point,
                staging_address=tile.staging_address,
                byte_offset=slot * task.config.array.output_lanes // stage.channel_pool,
            )
        )

    def _store(self, bundle: int, band: Span, span: Span, staging_address: int) -> None:
        task, shape = self._task, self._task.stage.output.shape
        blocking, word_bytes = task.schedule.blocking, task.config.word_bytes
        first_word = bundle * blocking.bundle_words
        plane = shape.height * shape.width
        pixel = band.first_stored * shape.width + span.first_stored
        whole_rows = span.stored == shape.width
        self._tokens.stores += 1
        self._descriptors.append(
            Store(
                wait_drains=self._tokens.drains & TOKEN_MASK,
                address=task.output.address + (first_word * plane + pixel) * word_bytes,
                row_words=span.stored * (band.stored if whole_rows else 1),
                rows=1 if whole_rows else band.stored,
                row_stride_bytes=shape.width * word_bytes,
                blocks=min(blocking.bundle_words, blocking.output_words - first_word),
                block_stride_bytes=plane * word_bytes,
                staging_address=staging_address,
            )
        )


def _part_start(source: Source, part: KernelPart, span: Span, axis: int) -> int:
    """Return where the first tap of a kernel's part reads the source.

    Past the source every tap reads the zero point, so that none needs to begin further out.
    """
    start = first_tap(source, span, axis) + part.first[axis] * source.dilation[axis]
    return min(start, source.size[axis])

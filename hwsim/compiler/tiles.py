"""The descriptors of a tile: a COMPUTE for each output block of a bundle, then a STORE."""

from hwsim.compiler.feature_ring import FeatureRing
from hwsim.compiler.task import Task
from hwsim.compiler.tokens import Tokens
from hwsim.compiler.weight_stream import WeightStream
from hwsim.isa.descriptor import Compute, Descriptor, Store
from hwsim.isa.tokens import TOKEN_MASK
from hwsim.program.schedule import Span


class TileWriter:
    """Writes the tiles of one sweep."""

    def __init__(
        self,
        task: Task,
        tokens: Tokens,
        descriptors: list[Descriptor],
        ring: FeatureRing,
        weights: WeightStream,
    ) -> None:
        self._task, self._tokens, self._descriptors = task, tokens, descriptors
        self._ring, self._weights = ring, weights

    def write(self, bundle: int, band: Span, tile: Span, release: bool) -> None:
        """Write all output blocks of a bundle on one tile; `release` drops their weights."""
        tokens, weights = self._tokens, self._weights
        staging = tokens.stores % 2 * (self._task.config.staging_words // 2)
        wait_stores = max(0, tokens.stores - 1)  # all but the last, which reads the other half
        chunks = self._ring.chunks_before(band)
        first, blocks = self._task.blocks_of(bundle)
        for slot in range(blocks):
            self._compute(first + slot, slot, band, tile, release, staging, wait_stores, chunks)
            if release:
                weights.release()
        tokens.computes += blocks
        self._store(bundle, band, tile, staging)

    def _compute(
        self,
        output_block: int,
        slot: int,
        band: Span,
        tile: Span,
        release: bool,
        staging_address: int,
        wait_stores: int,
        chunks_before: int,
    ) -> None:
        task, ring = self._task, self._ring
        schedule, stage = task.schedule, task.stage
        blocking, shape = schedule.blocking, stage.sources[0].tensor.shape
        first_input_block = blocking.first_input_block(output_block)
        self._descriptors.append(
            Compute(
                wait_chunks=(chunks_before + first_input_block) & TOKEN_MASK,
                wait_stores=wait_stores & TOKEN_MASK,
                buffer_address=first_input_block * ring.block_words,
                buffer_block_words=ring.block_words,
                row_words=ring.row_words,
                ring_row=band.first_input % schedule.ring_rows,
                ring_rows=schedule.ring_rows,
                top=band.first_input,
                left=tile.first_input,
                column_origin=ring.first_column,
                input_height=shape.height,
                input_width=shape.width,
                input_zero_point=stage.sources[0].tensor.zero_point,
                rows=band.computed,
                columns=tile.computed,
                kernel_rows=stage.sources[0].kernel[0],
                kernel_columns=stage.sources[0].kernel[1],
                blocks=blocking.reduction_blocks,
                packed=int(blocking.packed),
                weight_offset=self._weights.offset(output_block),
                release=int(release),
                channel_pool=stage.channel_pool.bit_length() - 1,
                spatial_pool=int(stage.spatial_pool),
                pooled_rows=band.stored,
                pooled_columns=tile.stored,
                output_zero_point=stage.output.zero_point,
                staging_address=staging_address,
                byte_offset=slot * task.config.array.output_lanes // stage.channel_pool,
            )
        )

    def _store(self, bundle: int, band: Span, tile: Span, staging_address: int) -> None:
        task, shape = self._task, self._task.stage.output.shape
        blocking, word_bytes = task.schedule.blocking, task.config.word_bytes
        first_word = bundle * blocking.bundle_words
        plane = shape.height * shape.width
        pixel = band.first_stored * shape.width + tile.first_stored
        whole_rows = tile.stored == shape.width
        self._tokens.stores += 1
        self._descriptors.append(
            Store(
                wait_drains=self._tokens.computes & TOKEN_MASK,
                address=task.output.address + (first_word * plane + pixel) * word_bytes,
                row_words=tile.stored * (band.stored if whole_rows else 1),
                rows=1 if whole_rows else band.stored,
                row_stride_bytes=shape.width * word_bytes,
                blocks=min(blocking.bundle_words, blocking.output_words - first_word),
                block_stride_bytes=plane * word_bytes,
                staging_address=staging_address,
            )
        )

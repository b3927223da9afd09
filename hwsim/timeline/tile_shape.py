"""The cycles that follow from a tile's size alone, which most tiles of a stage share."""

from operator import attrgetter
from typing import NamedTuple

from hwsim.arch import pipeline
from hwsim.arch.chain import strip_cycles
from hwsim.arch.config import Config
from hwsim.isa.descriptor import Compute
from hwsim.program.drain_reads import reads_per_pixel


class TileShape(NamedTuple):
    """The weight blocks of a tile, and their cycles."""

    taps: int  # weight blocks per input block
    blocks: int  # weight blocks of the tile
    chunks: int  # chunks of features that the tile reads
    weight_words: int  # without the parameters
    busy_cycles: int  # cycles of all blocks in which a pixel enters the array
    lead: int  # from a block's beginning to its first pixel
    duration: int  # cycles from a block's beginning to the first that the next could begin in
    last_tap: int  # from a block's beginning to that of its last tap
    unused: int  # cycles at a block's end in which nothing is issued
    period: int  # from block to block if nothing is waited for
    covers_bursts: bool  # a full queue holds more time than a burst of weights takes to arrive
    drain_cycles: int  # reads of the accumulators


SHAPE_FIELDS = (
    "rows",
    "columns",
    "kernel_rows",
    "kernel_columns",
    "blocks",
    "packed",
    "diagonal",
    "chained",
    "stride_rows",
    "stride_columns",
    "window_rows",
    "window_columns",
    "pooled_rows",
    "pooled_columns",
    "wide_factors",
    "awaits_stores",
)
shape_key = attrgetter(*SHAPE_FIELDS)


def tile_shape(tile: Compute, config: Config) -> TileShape:
    """Return the shape of a tile, which depends only on the fields in `SHAPE_FIELDS`."""
    packed = bool(tile.packed)
    blocks, taps_per_block = tile.weight_blocks, tile.taps_per_block
    pixels = tile.rows * tile.columns
    lead = pipeline.packed_fill(config) if packed else 0
    issued = pixels + tile.rows * lead
    if tile.chained:
        stride = tile.stride_rows, tile.stride_columns
        issued = strip_cycles(tile.rows, tile.columns, stride)
    of_tap = max(issued, pipeline.REVISIT)
    duration = taps_per_block * of_tap
    period = max(duration, lead + config.weight_block_words)
    # A queue that holds more time than a burst needs to arrive never keeps the array waiting once
    # it has been full: its lead in weight blocks, times their period, covers the latency.
    lead_blocks = (config.weight_words - config.burst_words) // config.weight_block_words
    burst = config.memory.latency_cycles + config.burst_cycles
    covers = (lead_blocks - 1) * period > burst + pipeline.WEIGHT_ROOM + pipeline.LOAD_VISIBLE
    # Where the bus is slower than the array, the time that it stood still is never made up for.
    block_cycles = config.weight_block_words * config.beats_per_word * config.cycles_per_beat
    reads = reads_per_pixel(config, tile.window_taps, bool(tile.wide_factors))
    return TileShape(
        taps=blocks // tile.blocks,
        blocks=blocks,
        chunks=1 if packed or tile.awaits_stores else tile.blocks,
        weight_words=blocks * config.weight_block_words,
        busy_cycles=blocks * taps_per_block * pixels,
        lead=lead,
        duration=duration,
        last_tap=duration - of_tap,
        unused=of_tap - issued,
        period=period,
        covers_bursts=covers and block_cycles <= period,
        drain_cycles=tile.pooled_rows * tile.pooled_columns * reads,
    )

"""The bins of `coverage.py` that a program, its timeline, its values and its end have seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.fixed_point import ROUNDED_ONCE
from hwsim.graph import Rounding, Source, SpatialPool, Stage
from hwsim.isa.descriptor import Compute, End, Load, Store
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import PAGE_BYTES, Destination
from hwsim.isa.tokens import unwrap
from hwsim.program.blocking import SourceBlocking
from hwsim.program.drain_reads import has_wide_factors
from hwsim.program.program import Program, StageProgram
from hwsim.timeline.walk import Walk

POOL_BINS = {
    SpatialPool.NONE: "no spatial pool",
    SpatialPool.STRIDE_2: "spatial pool 2/2",
    SpatialPool.STRIDE_1: "spatial pool 2/1",
}
WAITED_FOR = {  # the text of a `TileEvent` -> its bin
    "features": "tile waited for chunks",
    "weights": "tile waited for weights",
    "drain": "tile waited for bank",
}


def bins_of_program(program: Program) -> set[str]:
    """Return the bins that follow from the program alone, not from values or memory."""
    config = program.config
    bins = {
        f"weights of {config.widths.weight_bits} bits",
        f"multiplier of {config.widths.multiplier_bits} bits",
        "channel pool built" if config.channel_pool else "channel pool left out",
        "tables built" if config.tables else "tables left out",
    }
    if program.code.size_bytes > PAGE_BYTES:
        bins.add("page load")
    for part in program.stages:
        bins |= _bins_of_layer(part, config)
    for descriptor in program.descriptors:
        if isinstance(descriptor, Compute):
            bins |= _bins_of_tile(descriptor)
        elif isinstance(descriptor, Load) and _wraps(descriptor):
            bins.add("load wraps ring")
    return bins


def _wraps(load: Load) -> bool:
    """True if a LOAD of features passes the last row of its ring and goes on at the first."""
    into_ring = load.destination == Destination.FEATURES
    return into_ring and load.ring_row + load.rows > load.ring_rows


def _bins_of_layer(part: StageProgram, config: Config) -> set[str]:
    layer, schedule, blocking = part.stage, part.schedule, part.schedule.blocking
    constants = layer.constants
    assert constants is not None
    holds = {
        f"k {layer.channel_pool}": True,
        POOL_BINS.get(layer.spatial_pool, "other spatial pool"): True,
        "reduction only": layer.is_reduction,
        "several tiles": schedule.tiles > 1,
        "several bands": sum(map(len, schedule.band_sets)) > 1,
        "several stripes": len(schedule.stripes) > 1,
        "several sweeps": len(schedule.sweeps) > 1,
        "several output blocks": blocking.output_blocks > 1,
        "several sources": len(layer.sources) > 1,
        "two limbs": layer.weight_limbs > 1,
        "clamp": layer.clamp is not None,
        "table": layer.table is not None,
        "rounded twice": _is_rounded_twice(layer),
        "wide factors": has_wide_factors(layer, config),
        "negative factor": bool(np.any(constants.negative_multiplier < 0)),
        "two shifts": bool(np.any(constants.shift_below_0 != constants.shift)),
        "empty output lanes": layer.filters % config.array.output_lanes > 0,
        f"weights per {schedule.scope.value}": True,
        "multi-word bundle": blocking.bundle_words > 1,
        "bundle set": min(schedule.set_bundles, blocking.bundles) > 1,
    }
    own = (
        _bins_of_source(*pair, config) for pair in zip(layer.sources, blocking.sources, strict=True)
    )
    return {name for name, true in holds.items() if true}.union(*own)


def _is_rounded_twice(layer: Stage) -> bool:
    assert layer.constants is not None
    shifts = layer.constants.shift, layer.constants.shift_below_0
    has_large_shift = any(bool(np.any(each > ROUNDED_ONCE)) for each in shifts)
    return layer.rounding is Rounding.TWICE and has_large_shift


def _bins_of_source(source: Source, blocking: SourceBlocking, config: Config) -> set[str]:
    holds = {
        f"kernel {source.kernel[0]}": source.kernel in {(1, 1), (3, 3)},
        "packed image": blocking.packed,
        "diagonal": blocking.diagonal and not blocking.chained,
        "chained": blocking.chained,
        "several input blocks": not blocking.packed and blocking.reduction_blocks > 1,
        "empty input lanes": source.channels % config.array.input_lanes > 0,
        "stride": max(source.stride) > 1,
        "dilation": max(source.dilation) > 1,
        "kernel in parts": len(blocking.kernel_parts) > 1,
        "upsampling": source.upsample > 1,
        "slice": source.is_slice,
        "grouped": source.groups > 1,
        "unequal padding": not source.padding.is_even,
    }
    return {name for name, true in holds.items() if true}


def _bins_of_tile(tile: Compute) -> set[str]:
    """Return the bins of borders, ring and weight queue that one COMPUTE's fields show."""
    # Rows of input from the tile's first tap to its last, and columns.
    rows = (tile.rows - 1) * tile.stride_rows + (tile.kernel_rows - 1) * tile.dilation_rows + 1
    columns = (tile.columns - 1) * tile.stride_columns + 1
    columns += (tile.kernel_columns - 1) * tile.dilation_columns
    first = max(tile.top, 0)  # first row of the input, and the row after the last
    last = min(tile.top + rows, tile.input_height)
    ring_row = (tile.ring_row + (first - tile.top >> tile.upsample)) % tile.ring_rows
    holds = {
        "border top": tile.top < 0,
        "border bottom": tile.top + rows > tile.input_height,
        "border left": tile.left < 0,
        "border right": tile.left + columns > tile.input_width,
        "tile wraps ring": ring_row + (last - first >> tile.upsample) > tile.ring_rows,
        "weights released" if tile.release else "weights kept": True,
        "weights behind head": tile.weight_offset > 0,
        "window in front of tile": tile.window_top + tile.window_left > 0,
        "multi-block bundle": tile.byte_offset > 0,
    }
    return {name for name, true in holds.items() if true}


def bins_of_timeline(program: Program) -> set[str]:
    """Return the bins of waits that really waited, on the config's reference memory.

    A unit really waited if it went on in the very cycle of the token. The hardware's cycles are
    compared with those of the same timeline.
    """
    walk = Walk(program).run()
    bins = {WAITED_FOR[event.waited_for] for event in walk.tiles if event.waited_for in WAITED_FOR}
    loads = computes = drains = stores = 0
    for descriptor in program.descriptors:
        if isinstance(descriptor, Load):
            began = walk.reads.begun[loads]
            loads += 1
            if began == _token(walk.computes, descriptor.wait_computes, computes):
                bins.add("load waited for computes")
            if began == _token(walk.stores, descriptor.wait_stores, stores):
                bins.add("load waited for stores")
        elif isinstance(descriptor, Compute):
            began = walk.tiles[computes].drain_start
            computes += 1
            drains += descriptor.last
            if descriptor.last and began == _token(walk.staged, descriptor.wait_staged, stores):
                bins.add("drain waited for stores")
        elif isinstance(descriptor, Store):
            address = walk.store_events[stores].first_cycle - pipeline.STORE_DATA
            stores += 1
            drained = _token(walk.drains, descriptor.wait_drains, drains)
            if drained is not None and address - pipeline.STORE_START == drained:
                bins.add("store waited for drains")
        elif isinstance(descriptor, End):
            stored = _token(walk.stores, descriptor.wait_stores, stores)
            if stored is not None and walk.end_cycle - pipeline.END_VISIBLE == stored:
                bins.add("end waited for stores")
    return bins


def _token(cycles: Sequence[int], wait: int, near: int) -> int | None:
    """Return the cycle in which a counter reached a wait; None if the wait needs no token."""
    count = unwrap(wait, near)
    return cycles[count - 1] if count > 0 else None


def bins_of_values(layer: Stage, stored: NDArray[np.int8]) -> set[str]:
    """Return the bins of the rescale that a layer's stored output `x[C, H, W]` has seen.

    They are both ends of the range and both signs of the sum. Where no multiplier is negative, a
    value below the zero point had a negative sum.
    """
    assert layer.constants is not None
    below_0 = layer.constants.negative_multiplier
    leaky = np.all(below_0 >= 0) and np.any(layer.constants.multiplier != below_0)
    holds = {
        "saturated low": np.any(stored == -128),
        "saturated high": np.any(stored == 127),
        "leaky negative": leaky and np.any(stored < layer.output.zero_point),
        "leaky positive": leaky and np.any(stored > layer.output.zero_point),
    }
    return {name for name, true in holds.items() if true}


def bins_of_end(code: ErrorCode) -> set[str]:
    """Return the bin of a run's end, from ERROR_CODE."""
    return {f"error {code.name.lower()}"}

"""The record that `axi_recorder.sv` wrote of a run, and the layer to which each word belongs.

The accelerator reads in program order, and writes in program order. So the program says which word
must come next, and the record says which word came. If both sequences of addresses are equal, the
layer of every word is known, and with it a layer's bytes, its stored values and its end.
"""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import Config
from hwsim.compiler.pack import unpack_padded_features
from hwsim.graph import Stage
from hwsim.isa.descriptor import Load, Store
from hwsim.isa.fields import PAGE_BYTES, StoreDestination
from hwsim.program.program import Program, Region, Traffic
from hwsim.program.traffic import ByteCounts

Addresses = NDArray[np.int64]
EVENT = np.dtype([("cycle", "<u8"), ("address", "<u4"), ("beats", "<u2"), ("kind", "<u2")])


class Kind(IntEnum):
    """The kinds of events, with the codes of `axi_recorder.sv`."""

    START = 0
    READ_ADDRESS = 1
    WRITE_ADDRESS = 2
    WRITE_RESPONSE = 3


@dataclass(frozen=True, eq=False)
class BusRecord:
    """Everything that one run moved over the bus, with an entry for each word, in order.

    A read word has its address in `read_addresses`. A written word has its address in
    `write_addresses`, its data in `words[n, byte]` and its byte enables in `strobes[n, byte]`.
    `response_cycles` says in which cycle, counted from the start pulse, the response to the word's
    burst came. It is shorter than the other arrays if the run ended before the last response.
    """

    read_addresses: Addresses
    write_addresses: Addresses
    response_cycles: Addresses
    words: NDArray[np.uint8]
    strobes: NDArray[np.bool_]


def load_record(prefix: Path, config: Config) -> BusRecord:
    """Read the two files of one run."""
    events = np.fromfile(f"{prefix}.events", EVENT)
    beat_bytes, per_word = config.bus.bus_bits // 8, config.beats_per_word
    beat = np.dtype([("strobes", "u1", (8,)), ("data", "u1", (beat_bytes,))])
    written = np.fromfile(f"{prefix}.written", beat)
    events["beats"] = events["beats"] // per_word  # words from here on
    start = int(events["cycle"][events["kind"] == Kind.START][0])
    reads = events[events["kind"] == Kind.READ_ADDRESS]
    writes = events[events["kind"] == Kind.WRITE_ADDRESS]
    responses = events["cycle"][events["kind"] == Kind.WRITE_RESPONSE].astype(np.int64) - start
    strobes = np.unpackbits(written["strobes"], axis=1, bitorder="little")
    return BusRecord(
        read_addresses=_word_addresses(reads, config.word_bytes),
        write_addresses=_word_addresses(writes, config.word_bytes),
        response_cycles=np.repeat(responses, writes["beats"][: len(responses)]),
        words=written["data"].reshape(-1, config.word_bytes),
        strobes=strobes[:, :beat_bytes].reshape(-1, config.word_bytes).astype(bool),
    )


def _word_addresses(bursts: NDArray[np.void], word_bytes: int) -> Addresses:
    """Return the address of every word of some bursts."""
    beats = bursts["beats"].astype(np.int64)
    first = np.repeat(np.cumsum(beats) - beats, beats)
    offsets = np.arange(len(first)) - first
    return np.repeat(bursts["address"].astype(np.int64), beats) + offsets * word_bytes


# --- the program's words --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Expected:
    """The words that a program moves in one direction, in order, with the layer of each."""

    addresses: Addresses
    layers: NDArray[np.int64]


def expected_reads(program: Program) -> Expected:
    """Return the words of the first page, then those that every LOAD reads."""
    page = program.code.address + np.arange(0, PAGE_BYTES, program.config.word_bytes)
    return _expected(program, Load, [(0, page)])


def expected_writes(program: Program) -> Expected:
    return _expected(program, Store, [])


def _expected(
    program: Program, kind: type[Load | Store], before: list[tuple[int, Addresses]]
) -> Expected:
    parts = list(before)
    for owner, descriptor in zip(program.owners, program.descriptors, strict=True):
        if isinstance(descriptor, kind) and not _stays_on_chip(descriptor):
            parts.append((owner, _descriptor_addresses(descriptor, program.config.word_bytes)))
    addresses = [addresses for _, addresses in parts]
    return Expected(
        np.concatenate(addresses) if addresses else np.zeros(0, np.int64),
        np.repeat([index for index, _ in parts], [len(addresses) for _, addresses in parts]),
    )


def _stays_on_chip(descriptor: Load | Store) -> bool:
    """Return True for a STORE whose words the bus does not carry."""
    return isinstance(descriptor, Store) and descriptor.destination == StoreDestination.FEATURES


def _descriptor_addresses(descriptor: Load | Store, word_bytes: int) -> Addresses:
    """Return the addresses of a descriptor's words, block by block, row by row."""
    blocks = np.arange(descriptor.blocks)[:, None, None] * descriptor.block_stride_bytes
    rows = np.arange(descriptor.rows)[:, None] * descriptor.row_stride_bytes
    words = np.arange(descriptor.row_words) * word_bytes
    addresses: Addresses = (descriptor.address + blocks + rows + words).ravel()
    return addresses


# --- program and record together ------------------------------------------------------------------


@dataclass(frozen=True)
class Misplaced:
    """The first word at a wrong address; an address is None if the word is missing there."""

    direction: str  # "read" or "written"
    word: int  # number of the word, from 0
    layer: str
    found: int | None
    expected: int | None

    def __str__(self) -> str:
        found, expected = (
            "nothing" if address is None else f"{address:#010x}"
            for address in (self.found, self.expected)
        )
        return (
            f"word {self.word:,} {self.direction} is in {self.layer}: "
            f"{found} on the bus, {expected} in the program"
        )


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """The words of one layer that the bus carried.

    `end_cycle` is the cycle of its last write response, None if there was none. `stored` is its
    output as it was written, int8 `x[C, H, W]` with padding channels; `is_stored` is True for the
    elements that were written. Both are empty for a map that stays on the chip.
    """

    layer: Stage
    bytes: ByteCounts
    end_cycle: int | None
    stored: NDArray[np.int8]
    is_stored: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Attribution:
    layers: tuple[LayerRecord, ...]
    misplaced: tuple[Misplaced, ...]  # at most one in each direction


def attribute(program: Program, record: BusRecord) -> Attribution:
    """Assign every word on the bus to a layer, by its place in the program's order.

    A word's class follows from its address alone. Words past the program's end go to the last
    layer.
    """
    reads, writes = expected_reads(program), expected_writes(program)
    names = [part.stage.name for part in program.stages]
    misplaced = [
        _first_misplaced("read", reads, record.read_addresses, names),
        _first_misplaced("written", writes, record.write_addresses, names),
    ]
    readers = _owners(reads, len(record.read_addresses))
    writers = _owners(writes, len(record.write_addresses))
    classes = _classes(program, record.read_addresses)
    layers: list[LayerRecord] = []
    for index, part in enumerate(program.stages):
        mine = writers == index
        words = {kind: int(np.sum((readers == index) & where)) for kind, where in classes.items()}
        words[Traffic.FEATURES_WRITTEN] = int(np.sum(mine))
        cycles = _of(record.response_cycles, mine)
        stored, is_stored = _stored(program, part.stage, record, mine)
        layers.append(
            LayerRecord(
                part.stage,
                ByteCounts.by_class(
                    {kind: count * program.config.word_bytes for kind, count in words.items()}
                ),
                int(cycles[-1]) if len(cycles) else None,
                stored,
                is_stored,
            )
        )
    return Attribution(tuple(layers), tuple(one for one in misplaced if one))


def _first_misplaced(
    direction: str, expected: Expected, found: Addresses, names: list[str]
) -> Misplaced | None:
    common = min(len(found), len(expected.addresses))
    different = np.flatnonzero(found[:common] != expected.addresses[:common])
    if not len(different) and len(found) == len(expected.addresses):
        return None
    word = int(different[0]) if len(different) else common
    return Misplaced(
        direction,
        word,
        names[int(_owners(expected, word + 1)[word])],
        int(found[word]) if word < len(found) else None,
        int(expected.addresses[word]) if word < len(expected.addresses) else None,
    )


def _owners(expected: Expected, words: int) -> NDArray[np.int64]:
    """Return the layer of each of the first `words` words."""
    surplus = max(0, words - len(expected.layers))
    return np.pad(expected.layers, (0, surplus), mode="edge")[:words]


def _classes(program: Program, addresses: Addresses) -> dict[Traffic, NDArray[np.bool_]]:
    """Return, for each class of traffic, a mask that is True for the reads of that class.

    A read inside the program's region is PROGRAM, one inside a layer's weights is WEIGHTS, and any
    other is FEATURES_READ.
    """

    def inside(region: Region) -> NDArray[np.bool_]:
        return (addresses >= region.address) & (addresses < region.end)

    code = inside(program.code)
    weights = np.logical_or.reduce([inside(part.weights) for part in program.stages])
    return {
        Traffic.PROGRAM: code,
        Traffic.WEIGHTS: weights,
        Traffic.FEATURES_READ: ~code & ~weights,
    }


def _of(values: NDArray[Any], mine: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the values of a layer's words; a run that was cut short has fewer of them."""
    common = min(len(values), len(mine))
    return values[:common][mine[:common]]


def _stored(
    program: Program, layer: Stage, record: BusRecord, mine: NDArray[np.bool_]
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return a layer's output after these words, in order, and a mask of the elements written."""
    if layer.output.name in program.residents:
        nothing = np.zeros((0, layer.output.shape.height, layer.output.shape.width), np.int8)
        return nothing, nothing.astype(bool)
    region = program.region(layer.output)
    data, is_stored = np.zeros(region.size_bytes, np.uint8), np.zeros(region.size_bytes, np.int8)
    words, strobes = _of(record.words, mine), _of(record.strobes, mine)
    offsets = _of(record.write_addresses, mine)[: len(words)] - region.address
    places = offsets[:, None] + np.arange(program.config.word_bytes)
    lands = strobes & (places >= 0) & (places < region.size_bytes)
    data[places[lands]] = words[lands]
    is_stored[places[lands]] = 1
    shape, config = layer.output.shape, program.config
    return (
        unpack_padded_features(data.tobytes(), shape, config),
        unpack_padded_features(is_stored.tobytes(), shape, config).astype(bool),
    )


# --- values --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """The first of `elements` different elements; `found` is None if it was never stored."""

    channel: int
    row: int
    column: int
    found: int | None
    expected: int
    elements: int


def first_difference(
    expected: NDArray[np.int8],
    found: NDArray[np.int8],
    is_stored: NDArray[np.bool_] | None = None,
    padding: NDArray[np.int8] | None = None,
) -> Difference | None:
    """Return the first difference of int8 `x[C, H, W]`.

    Channels past the expected must hold `padding`, which is 0 unless it is given.
    """
    padded = np.zeros_like(found)
    padded[: len(expected)] = expected
    if padding is not None:
        padded[len(expected) :] = padding[:, None, None]
    differs = padded != found
    if is_stored is not None:
        differs |= ~is_stored
    if not differs.any():
        return None
    channel, row, column = (int(axis) for axis in np.argwhere(differs)[0])
    missing = is_stored is not None and not is_stored[channel, row, column]
    return Difference(
        channel,
        row,
        column,
        None if missing else int(found[channel, row, column]),
        int(padded[channel, row, column]),
        int(np.count_nonzero(differs)),
    )

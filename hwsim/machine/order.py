"""The order that a program's tokens enforce, and a check that nothing unread is overwritten.

Units run ahead of each other as far as tokens allow. An event comes behind those that it waits
for, and behind the earlier events of its own unit. This file follows from that alone: it knows no
cycles and no depth of a queue, so that every unit may be as late as it likes.

A unit that is late must not see a counter that has gone so far past the count it waits for that
both can no longer be compared modulo 2**16.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.packed import IMAGE_PIXEL_BYTES
from hwsim.isa.descriptor import Compute, End, Load, Store
from hwsim.isa.fields import Destination, StoreDestination
from hwsim.isa.tokens import HALF, unwrap
from hwsim.machine.convolution import places
from hwsim.program.program import Program

Words = NDArray[np.int64]  # numbers of words in a buffer or in memory


class OrderError(AssertionError):
    """Two accesses to one word come in an order that no token enforces, or a wait has no end."""


class Clock(NamedTuple):
    """For each token, a count that has certainly been reached."""

    chunks: int = 0
    computes: int = 0
    drains: int = 0
    staged: int = 0
    stores: int = 0

    def joined(self, *others: "Clock") -> "Clock":
        """Return what is certain for whoever waits for all these clocks."""
        return Clock(*map(max, zip(self, *others, strict=True)))


class Place:
    """A buffer or memory: for each word, the number of its last access by each unit.

    Each unit counts its accesses by a token, of which `reader` is that of the only unit that reads.
    """

    def __init__(self, name: str, words: int, reader: str, writers: tuple[str, ...]) -> None:
        self._name = name
        self._reader, self._writers = reader, writers
        self._last = {token: np.zeros(words, np.int64) for token in (reader, *writers)}

    def read(self, words: Words, number: int, certain: Clock, who: str) -> None:
        """Record a read; all writes to its words must be `certain`."""
        for writer in self._writers:
            self._check(writer, words, certain, f"{who} reads", "write")
        self._last[self._reader][words] = number

    def write(self, words: Words, writer: str, number: int, certain: Clock, who: str) -> None:
        """Record a write; all reads of its words, and other units' writes, must be `certain`."""
        self._check(self._reader, words, certain, f"{who} overwrites", "read")
        for other in self._writers:
            if other != writer:
                self._check(other, words, certain, f"{who} overwrites", "write")
        self._last[writer][words] = number

    def _check(self, token: str, words: Words, certain: Clock, who: str, access: str) -> None:
        last, reached = self._last[token], getattr(certain, token)
        late = words[last[words] > reached]
        if late.size:
            raise OrderError(
                f"{who} word {late[0]} of {self._name}, whose {access} number {last[late[0]]} may "
                f"come later: {reached} {token} are certain"
            )


def check_order(program: Program) -> None:
    """Raise `OrderError` for the first access or wait whose order the tokens leave open."""
    _Replay(program).run()


class _Replay:
    """The clocks of all events so far, in program order; entry n of a list is event n's."""

    def __init__(self, program: Program) -> None:
        config = program.config
        self._program, self._word_bytes = program, config.word_bytes
        self._features = Place(
            "the feature buffer", config.feature_words, "computes", ("chunks", "staged")
        )
        self._staging = Place("staging", config.staging_words, "staged", ("drains",))
        memory_words = -(-program.features.limit // config.word_bytes) + 1
        self._memory = Place("memory", memory_words, "chunks", ("stores",))
        self._chunks = [Clock()]
        self._computes = [Clock()]
        self._drains = [Clock()]
        self._staged = [Clock()]
        self._stores = [Clock()]
        self._load_begun = Clock()
        self._awaited: list[tuple[int, int]] = []  # a heap: chunks awaited, number of the COMPUTE
        self._outrun = 0  # the last COMPUTE that the next chunk is too far ahead of

    def run(self) -> None:
        for index, descriptor in enumerate(self._program.descriptors):
            who = f"descriptor {index}, {type(descriptor).__name__.upper()},"
            if isinstance(descriptor, Load):
                self._load(descriptor, who)
            elif isinstance(descriptor, Compute):
                self._compute(descriptor, who)
            elif isinstance(descriptor, Store):
                self._store(descriptor, who)
            elif isinstance(descriptor, End):
                self._end(descriptor, who)

    def _reached(self, clocks: list[Clock], wait: int, who: str) -> Clock:
        """Return what is certain once a token has reached `wait`."""
        newest = len(clocks) - 1
        count = unwrap(wait, newest)
        if count > newest:
            raise OrderError(f"{who} waits for event {count} of {newest}")
        if newest - count >= HALF:
            raise OrderError(f"{who} waits for event {count}, {HALF} or more before {newest}")
        return clocks[max(0, count)]

    def _load(self, load: Load, who: str) -> None:
        """A LOAD begins behind the one before; the words of both arrive in this order."""
        self._load_begun = self._load_begun.joined(
            self._reached(self._computes, load.wait_computes, who),
            self._reached(self._stores, load.wait_stores, who),
        )
        if load.destination != Destination.FEATURES:
            return
        for block in range(load.blocks):
            number = len(self._chunks)
            first = load.address + block * load.block_stride_bytes
            source = self._rows(first, load.rows, load.row_stride_bytes, load.row_words)
            self._memory.read(source, number, self._load_begun, who)
            target = np.concatenate(list(_buffer_rows(load, block)))
            self._features.write(target, "chunks", number, self._load_begun, who)
            self._check_lead(number, who)
            self._chunks.append(self._chunks[-1].joined(self._load_begun, Clock(chunks=number)))

    def _check_lead(self, chunk: int, who: str) -> None:
        """Raise `OrderError` if a COMPUTE may still wait for a chunk too far before this one."""
        while self._awaited and chunk - self._awaited[0][0] >= HALF:
            self._outrun = max(self._outrun, heappop(self._awaited)[1])
        if self._outrun > self._load_begun.computes:
            raise OrderError(
                f"{who} counts chunk {chunk}, {HALF} or more ahead of those that COMPUTE number "
                f"{self._outrun} may still wait for: {self._load_begun.computes} are certain"
            )

    def _compute(self, tile: Compute, who: str) -> None:
        number = len(self._computes)
        if not tile.awaits_stores:
            first_chunk = unwrap(tile.wait_chunks + 1, len(self._chunks) - 1)
            heappush(self._awaited, (first_chunk, number))
        done = self._computes[-1].joined(Clock(computes=number))
        for block, words in enumerate(_read_words(tile, self._word_bytes)):
            if tile.awaits_stores:
                ready = self._reached(self._staged, tile.wait_chunks, who)
            else:
                ready = self._reached(self._chunks, tile.wait_chunks + block + 1, who)
            done = done.joined(ready)
            self._features.read(words, number, done, who)
        self._computes.append(done)
        if tile.last:
            self._drain(tile, done, who)

    def _drain(self, tile: Compute, accumulated: Clock, who: str) -> None:
        number = len(self._drains)
        begun = accumulated.joined(
            self._drains[-1], self._reached(self._staged, tile.wait_staged, who)
        )
        pixels = tile.pooled_rows * tile.pooled_columns
        lanes = self._program.config.array.output_lanes >> tile.channel_pool
        planes = max(1, lanes // self._word_bytes)
        words = tile.staging_address + np.arange(planes * pixels)
        self._staging.write(words, "drains", number, begun, who)
        self._drains.append(begun.joined(Clock(drains=number)))

    def _store(self, store: Store, who: str) -> None:
        number = len(self._staged)
        begun = self._staged[-1].joined(self._reached(self._drains, store.wait_drains, who))
        words = store.staging_address + np.arange(store.blocks * store.rows * store.row_words)
        self._staging.read(words, number, begun, who)
        kept = store.destination == StoreDestination.FEATURES
        place, writer = (self._features, "staged") if kept else (self._memory, "stores")
        count = number if kept else len(self._stores)
        for block in range(store.blocks):
            first = store.address + block * store.block_stride_bytes
            target = self._rows(first, store.rows, store.row_stride_bytes, store.row_words)
            place.write(target, writer, count, begun, who)
        done = begun.joined(Clock(staged=number))
        self._staged.append(done)
        if not kept:
            self._stores.append(self._stores[-1].joined(done, Clock(stores=count)))

    def _end(self, end: End, who: str) -> None:
        """END drops what it does not wait for."""
        certain = self._reached(self._stores, end.wait_stores, who).stores
        last = len(self._stores) - 1
        if certain < last:
            raise OrderError(f"{who} drops store {last}: {certain} are certain")

    def _rows(self, first: int, rows: int, stride_bytes: int, words: int) -> Words:
        """Return the words of memory, or of the feature buffer, in `rows` burst runs."""
        starts = (first + np.arange(rows) * stride_bytes) // self._word_bytes
        found: Words = (starts[:, None] + np.arange(words)).ravel()
        return found


def _buffer_rows(load: Load, block: int) -> Iterator[Words]:
    """Yield the words of the feature buffer that each burst run of a block goes to."""
    for row in range(load.rows):
        wraps = (load.ring_row + row) // load.ring_rows
        start = load.first_line + block * load.buffer_block_words + row * load.row_words
        start -= wraps * (load.row_words + load.wrap_words)
        yield start + np.arange(load.row_words)


def _read_words(tile: Compute, word_bytes: int) -> Iterator[Words]:
    """Yield the words of the feature buffer that a COMPUTE reads, input block by input block."""
    pixels_per_word = word_bytes // IMAGE_PIXEL_BYTES if tile.packed else 1
    inside, place = places(tile, pixels_per_word)
    for block in range(place.shape[2]):
        yield np.unique(place[:, :, block][inside[:, :, 0]] // pixels_per_word)

"""The execution of a program as the hardware does it, with queues, tokens and rings, but no time.

Units take turns in any order that the tokens allow, and the result must not depend on the order. A
wait that is missing in the program gives wrong values in some order; a wait for a wrong count gives
a deadlock.
"""

from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hwsim.compiler.image import packed_inputs
from hwsim.compiler.pack import unpack_padded_features
from hwsim.graph import Stage
from hwsim.isa.descriptor import Compute, Descriptor, End, Load, Store, decode
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    PAGE_BYTES,
    QUEUE_DEPTH,
    Destination,
    StoreDestination,
)
from hwsim.isa.stream import words_behind_weights
from hwsim.isa.tokens import token_reached
from hwsim.machine.convolution import (
    accumulate,
    accumulate_diagonal,
    gather,
    unpack_weights,
    window_of,
)
from hwsim.machine.drain import drain
from hwsim.machine.memory import Memory
from hwsim.machine.ring_maps import RingMaps
from hwsim.machine.weight_queue import WeightQueue
from hwsim.program.blocking import padding_values
from hwsim.program.program import Program, Traffic

Unit = Generator[bool, None, None]  # yields True after progress, False while it must wait
Order = Callable[[int], list[int]]  # number of units -> the order in which they are tried


class Stored(NamedTuple):
    """A STORE: its number, its words by the address of each run, and the stage that they end."""

    number: int
    runs: list[tuple[int, NDArray[np.uint8]]]
    completes: int | None


class DeadlockError(RuntimeError):
    """No unit can go on, because the program waits for something that never comes."""


def loads_first(units: int) -> list[int]:
    """Return the order in which the units nearest to the reads come first."""
    return list(range(units))


class Machine:
    """One accelerator and its memory, which holds a program and an image `x[C, H, W]`.

    Tests choose the `order` in which units are tried. `on_stage` is called with each stage and its
    stored output `x[C, H, W]`, as soon as the stage's last store is done.
    """

    def __init__(
        self,
        program: Program,
        inputs: Mapping[str, NDArray[np.int8]],
        order: Order = loads_first,
        on_stage: Callable[[Stage, NDArray[np.int8]], None] | None = None,
    ) -> None:
        config = program.config
        self.program, self.config = program, config
        self.memory = Memory(program.size_bytes)
        for address, data in (program.image() | packed_inputs(program, inputs)).items():
            self.memory.place(address, data)
        self.features = np.zeros((config.feature_words, config.word_bytes), np.int8)
        self.staging = np.zeros((config.staging_words, config.word_bytes), np.int8)
        self.weights = WeightQueue(config.weight_words)
        self.chunks = self.computes = self.drains = self.staged = self.stores = 0
        self._unanswered: deque[Stored] = deque()
        self._sums: NDArray[np.int64] = np.zeros((0, 0), np.int64)  # of the tile at hand
        self.pages: deque[bytes] = deque()
        self.queues: dict[type[Descriptor], deque[Descriptor]] = {
            kind: deque() for kind in (Load, Compute, Store)
        }
        self._order, self._on_stage = order, on_stage
        self._ring_maps = RingMaps(program)
        self._complete: dict[int, NDArray[np.int8]] = {}  # outputs that wait for earlier stages
        self._reported = 0
        self._patches: tuple[tuple[int, ...], NDArray[np.float32]] | None = None
        self._feature_writes = 0  # LOADs and STOREs that have written into the feature buffer

    def run(self) -> Memory:
        """Execute the program and return its memory; raise `DeadlockError` if it cannot finish."""
        # A tile's product is too small for several threads: on busy cores they wait for each other.
        with threadpool_limits(limits=1, user_api="blas"):
            return self._run()

    def _run(self) -> Memory:
        units = [self._distribute(), self._load(), self._compute(), self._store(), self._respond()]
        alive = dict(enumerate(units))
        while 0 in alive:
            if not any(self._step(alive, index) for index in self._order(len(units))):
                raise DeadlockError(
                    f"after {self.computes} tiles and {self.stores} stores, queues hold "
                    f"{', '.join(f'{len(q)} {kind.__name__}' for kind, q in self.queues.items())}"
                )
        return self.memory

    @staticmethod
    def _step(alive: dict[int, Unit], index: int) -> bool:
        """Resume one unit until it next yields; return True if it made progress.

        A unit that has finished is removed from `alive`, which counts as progress.
        """
        if index not in alive:
            return False
        try:
            return next(alive[index])
        except StopIteration:
            del alive[index]
            return True

    # --- units ------------------------------------------------------------------------------

    def _distribute(self) -> Unit:
        """Fetch the first page, then hand descriptors to the queues in program order."""
        code = self.program.code
        self.pages.append(self.memory.read(Traffic.PROGRAM, code.address, PAGE_BYTES).tobytes())
        while True:
            while not self.pages:
                yield False
            data = self.pages.popleft()
            for start in range(0, len(data), DESCRIPTOR_BYTES):
                descriptor = decode(data[start : start + DESCRIPTOR_BYTES])
                if isinstance(descriptor, End):
                    while not token_reached(self.stores, descriptor.wait_stores):
                        yield False
                    return
                queue = self.queues[type(descriptor)]
                while len(queue) >= QUEUE_DEPTH:
                    yield False
                queue.append(descriptor)
                yield True

    def _load(self) -> Unit:
        queue = self.queues[Load]
        while True:
            while not queue:
                yield False
            load = queue.popleft()
            assert isinstance(load, Load)
            while not (
                token_reached(self.computes, load.wait_computes)
                and token_reached(self.stores, load.wait_stores)
            ):
                yield False
            if load.destination == Destination.PROGRAM:
                size = load.row_words * self.config.word_bytes
                self.pages.append(self.memory.read(Traffic.PROGRAM, load.address, size).tobytes())
                yield True
            elif load.destination == Destination.WEIGHTS:
                yield from self._load_weights(load)
            else:
                yield from self._load_features(load)

    def _load_weights(self, load: Load) -> Unit:
        done = 0
        while done < load.row_words:
            words = min(load.row_words - done, self.weights.room)
            if words:
                address = load.address + done * self.config.word_bytes
                data = self.memory.read(Traffic.WEIGHTS, address, words * self.config.word_bytes)
                self.weights.push(data.reshape(words, -1))
                done += words
            yield words > 0

    def _load_features(self, load: Load) -> Unit:
        self._feature_writes += 1
        size = load.row_words * self.config.word_bytes
        for block in range(load.blocks):
            for row in range(load.rows):
                address = (
                    load.address + block * load.block_stride_bytes + row * load.row_stride_bytes
                )
                wraps = (load.ring_row + row) // load.ring_rows
                start = (
                    load.first_line
                    + block * load.buffer_block_words
                    + row * load.row_words
                    - wraps * (load.row_words + load.wrap_words)
                )
                data = self.memory.read(Traffic.FEATURES_READ, address, size)
                words = data.view(np.int8).reshape(-1, self.config.word_bytes)
                self.features[start : start + load.row_words] = words
            self.chunks += 1
            yield True

    def _compute(self) -> Unit:
        queue, config = self.queues[Compute], self.config
        lanes_in, lanes_out = config.array.input_lanes, config.array.output_lanes
        while True:
            while not queue:
                yield False
            tile = queue.popleft()
            assert isinstance(tile, Compute)
            weight_words = tile.weight_blocks * config.weight_block_words
            parameter_words = words_behind_weights(tile, config)
            while not self._has_inputs(tile):
                yield False  # no weight leaves the queue before its features are there
            taken = yield from self._take_weights(tile, weight_words + parameter_words)
            while tile.last and not token_reached(self.staged, tile.wait_staged):
                yield False
            weights = unpack_weights(
                taken[:weight_words].reshape(-1), config.widths.weight_bits, lanes_out, lanes_in
            )
            windows = self._windows(tile)
            if tile.diagonal:
                sums = accumulate_diagonal(tile, windows, weights)
            else:
                sums = accumulate(windows, weights)
            limb = tile.scale_sums * config.widths.weight_bits
            self._sums = sums if tile.first else (self._sums << limb) + sums
            if tile.last:
                drain(tile, self._sums, taken[weight_words:], self.staging, config)
                self.drains += 1
            self.computes += 1
            yield True

    def _has_inputs(self, tile: Compute) -> bool:
        """Return True once all that a COMPUTE reads is in the feature buffer."""
        if tile.awaits_stores:
            return token_reached(self.staged, tile.wait_chunks)
        chunks = 1 if tile.packed else tile.blocks
        return token_reached(self.chunks, tile.wait_chunks + chunks)

    def _store(self) -> Unit:
        ends = self._last_stores()
        queue = self.queues[Store]
        while True:
            while not queue:
                yield False
            store = queue.popleft()
            assert isinstance(store, Store)
            while not token_reached(self.drains, store.wait_drains):
                yield False
            runs: list[tuple[int, NDArray[np.uint8]]] = []
            for block in range(store.blocks):
                for row in range(store.rows):
                    start = store.staging_address + (block * store.rows + row) * store.row_words
                    address = (
                        store.address
                        + block * store.block_stride_bytes
                        + row * store.row_stride_bytes
                    )
                    words = self.staging[start : start + store.row_words]
                    runs.append((address, words.reshape(-1).view(np.uint8).copy()))
            self.staged += 1
            stored = Stored(self.staged, runs, ends.get(self.staged))
            if store.destination == StoreDestination.FEATURES:
                self._keep(stored)
            else:
                self._unanswered.append(stored)
            yield True

    def _respond(self) -> Unit:
        """Let the words of each STORE arrive in memory, and count it when all have."""
        while True:
            while not self._unanswered:
                yield False
            stored = self._unanswered.popleft()
            for address, data in stored.runs:
                self.memory.write(Traffic.FEATURES_WRITTEN, address, data)
            self.stores += 1
            self._report(stored.completes)
            yield True

    # --- work of the units ------------------------------------------------------------------

    def _take_weights(self, tile: Compute, words: int) -> Generator[bool, None, NDArray[np.uint8]]:
        """Wait for the tile's weight words and return them; with `release` they leave the queue."""
        if not tile.release:
            while self.weights.words < tile.weight_offset + words:
                yield False
            return self.weights.peek(tile.weight_offset, words)
        assert tile.weight_offset == 0
        parts: list[NDArray[np.uint8]] = []
        while words:
            available = min(words, self.weights.words)
            if available:
                parts.append(self.weights.pop(available))
                words -= available
            yield available > 0
        return np.concatenate(parts)

    def _keep(self, stored: Stored) -> None:
        """Write the words of a STORE into the feature buffer."""
        self._feature_writes += 1
        self._ring_maps.keep(stored.number, stored.runs)
        for address, data in stored.runs:
            words = data.view(np.int8).reshape(-1, self.config.word_bytes)
            first = address // self.config.word_bytes
            self.features[first : first + len(words)] = words
        self._report(stored.completes)

    def _windows(self, tile: Compute) -> NDArray[np.float32]:
        """Return the tile's kernel windows; consecutive tiles on the same pixels share them."""
        key = (self._feature_writes, *window_of(tile))
        if self._patches is None or self._patches[0] != key:
            self._patches = key, gather(self.features, tile)
        return self._patches[1]

    def _last_stores(self) -> dict[int, int]:
        """Return the numbers of the stages by the number of the STORE that completes each."""
        program = self.program
        stores = [
            owner
            for owner, descriptor in zip(program.owners, program.descriptors, strict=True)
            if isinstance(descriptor, Store)
        ]
        last = {owner: number for number, owner in enumerate(stores, 1)}
        return {number: owner for owner, number in last.items()}

    def _report(self, index: int | None) -> None:
        """Hand on the outputs of the stages that are complete, in the order of the stages."""
        if index is None or self._on_stage is None:
            return
        self._complete[index] = self._stored(self.program.stages[index].stage)
        while self._reported in self._complete:
            stage = self.program.stages[self._reported].stage
            self._on_stage(stage, self._complete.pop(self._reported))
            self._reported += 1

    def _stored(self, stage: Stage) -> NDArray[np.int8]:
        """Return the output `x[C, H, W]` of a stage that has just been completed."""
        place = self.program.residents.get(stage.output.name)
        in_ring = self._ring_maps.stored(stage.output.name)
        if in_ring is not None:
            data = in_ring
        elif place is not None:
            data = self.features[place.first_word : place.end_word].tobytes()
        else:
            region = self.program.region(stage.output)
            data = self.memory.data[region.address : region.end].tobytes()
        padded = unpack_padded_features(data, stage.output.shape, self.config)
        channels = stage.output.shape.channels
        expected = padding_values(stage, self.config)[:, None, None]
        assert (padded[channels:] == expected).all(), f"{stage.name}: padding channels"
        return padded[:channels]

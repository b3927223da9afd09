"""The reference memory of `docs/architecture.md` behind an AXI4 manager, and a monitor on its bus.

Everything happens at the falling edge: what the hardware drives in a cycle is settled there, and
what is driven there is sampled at the rising edge that ends the cycle. Cycles are counted in
falling edges, so an address seen in cycle t with latency 1 has its data driven in cycle t + 1.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hwsim.arch.config import Config
from hwsim.program.program import Program, Traffic
from hwsim.testbenches.coverage_bins import Burst, BusObserver

OKAY = 0
Response = Callable[[bool, int], int]  # (is a write, address of the beat or burst) -> xRESP
STALL = 0.4  # share of the cycles in which a channel of a stalling memory does nothing


class Memory:
    """Bytes from address 0, with every region's class of traffic."""

    def __init__(self, program: Program):
        self.config = program.config
        self.features, self.constants = program.features, program.constants
        self.data = bytearray(max(self.features.limit, self.constants.limit) + 1)
        for address, part in program.image().items():
            self.place(address, part)
        features = program.tensors.values()
        regions = [program.code, *(part.weights for part in program.layers), *features]
        self._regions = sorted(regions, key=lambda region: region.address)

    def place(self, address: int, part: bytes) -> None:
        self.data[address : address + len(part)] = part

    def traffic(self, address: int, size: int, write: bool) -> Traffic:
        """Class of an access; it must lie inside one kind of region."""
        kinds = {
            region.traffic
            for region in self._regions
            if region.address <= address and address + size <= region.end
        }
        features = {Traffic.FEATURES_READ, Traffic.FEATURES_WRITTEN}
        if kinds and kinds <= features:
            return Traffic.FEATURES_WRITTEN if write else Traffic.FEATURES_READ
        stray = write or len(kinds) != 1
        assert not stray, f"stray access to {address:#x}, {size} bytes"
        return kinds.pop()

    def is_open(self, address: int, size: int, write: bool) -> bool:
        """Whether an access lies in the windows that the program opens."""
        windows = [self.features] if write else [self.features, self.constants]
        return any(
            window.base <= address and address + size - 1 <= window.limit for window in windows
        )


@dataclass
class Monitor:
    """What crosses the bus, counted by address alone; also checks the burst rules."""

    config: Config
    memory: Memory
    classifies: bool = True  # False for programs that may go anywhere in the windows
    bursts: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})  # by is-a-write
    bytes: dict[Traffic, int] = field(default_factory=lambda: dict.fromkeys(Traffic, 0))

    def address(self, address: int, beats: int, write: bool) -> None:
        size = beats * self.config.word_bytes
        self.bursts[write] += 1
        assert address % self.config.word_bytes == 0, f"{address:#x} is not aligned"
        assert 1 <= beats <= self.config.bus.burst_beats, f"burst of {beats} beats"
        assert address // 4096 == (address + size - 1) // 4096, f"{address:#x} crosses 4 KiB"
        assert self.memory.is_open(address, size, write), f"{address:#x} is outside the windows"
        if self.classifies:
            self.bytes[self.memory.traffic(address, size, write)] += size


class ReferenceMemory:
    """Answers reads and takes writes at the latency and bandwidth of `config.memory`.

    With `stalls`, every handshake of every channel is put off at random: no reference for cycles,
    but for the protocol. `respond` chooses responses other than OKAY.
    """

    def __init__(
        self,
        dut: Any,
        config: Config,
        memory: Memory,
        stalls: random.Random | None = None,
        respond: Response = lambda _write, _address: OKAY,
    ):
        self._dut, self._config, self.memory, self._stalls = dut, config, memory, stalls
        self._respond = respond
        self._offered: dict[str, tuple[int, ...]] = {}  # what a channel must go on offering
        self.monitor = Monitor(config, memory)
        self.observer = BusObserver(config)
        self._interval = max(1, config.word_bytes // config.memory.bandwidth_bytes_per_cycle)
        self._reads: deque[tuple[int, Iterator[tuple[int, int, bool]]]] = deque()
        self._beats: Iterator[tuple[int, int, bool]] | None = None
        self._next_read = 0  # first cycle in which the channel may carry a beat
        self._driving = False
        self._bursts: deque[tuple[int, int]] = deque()  # address and beats, waiting for data
        self._beat = 0
        self._next_write = 0
        self._responses: deque[tuple[int, int]] = deque()  # cycle and response
        self.responding = False
        self._unanswered = 0
        self.written_beats = 0  # whose strobes were set
        # What crosses in this cycle: a beat, and whether it is its burst's last; a response.
        self.read_last: bool | None = None
        self.write_last: bool | None = None
        for name in ("arready", "awready", "wready"):
            getattr(dut, f"m_axi_{name}").value = 1
        for name in ("rvalid", "bvalid", "rlast", "rresp", "bresp", "rdata"):
            getattr(dut, f"m_axi_{name}").value = 0

    @property
    def is_quiet(self) -> bool:
        """Nothing is under way."""
        return not (self._reads or self._beats or self._bursts or self._responses)

    def _burst(self, address: int, beats: int) -> Iterator[tuple[int, int, bool]]:
        """Data and response of each beat, and whether it is the last."""
        word_bytes = self._config.word_bytes
        for beat in range(beats):
            start = address + beat * word_bytes
            data = self.memory.data[start : start + word_bytes]
            yield int.from_bytes(data, "little"), self._respond(False, start), beat == beats - 1

    def _stalled(self) -> bool:
        return self._stalls is not None and self._stalls.random() < STALL

    def _takes(self, channel: str, payload: tuple[str, ...], able: bool = True) -> bool:
        """Whether a channel hands over its payload in this cycle; it must not change until then."""
        dut = self._dut
        if self._stalls is None:
            return bool(getattr(dut, f"m_axi_{channel}valid").value)
        ready = able and not self._stalled()
        getattr(dut, f"m_axi_{channel}ready").value = ready
        valid = bool(getattr(dut, f"m_axi_{channel}valid").value)
        values = tuple(int(getattr(dut, f"m_axi_{channel}{name}").value) for name in payload)
        if channel in self._offered:
            assert valid, f"{channel}valid fell before {channel}ready"
            assert values == self._offered[channel], f"{channel} changed before {channel}ready"
        self._offered.pop(channel, None)
        if valid and not ready:
            self._offered[channel] = values
        return valid and ready

    def step(self, cycle: int) -> None:
        """One falling edge."""
        dut, latency = self._dut, self._config.memory.latency_cycles
        self.read_last = self.write_last = None
        ar = aw = None
        if self._takes("ar", ("addr", "len")):
            address, beats = int(dut.m_axi_araddr.value), int(dut.m_axi_arlen.value) + 1
            self.monitor.address(address, beats, write=False)
            ar = Burst(address, beats)
            self._reads.append((cycle + latency, self._burst(address, beats)))
            self._unanswered += 1
            assert self._unanswered <= self._config.bus.outstanding_reads
        self._read_data(cycle)
        if self._takes("aw", ("addr", "len")):
            address, beats = int(dut.m_axi_awaddr.value), int(dut.m_axi_awlen.value) + 1
            self.monitor.address(address, beats, write=True)
            aw = Burst(address, beats)
            self._bursts.append((address, beats))
        self._write_data(cycle, latency)
        self.observer.step(
            ar=ar,
            aw=aw,
            r_last=self.read_last,
            w_last=self.write_last,
            b=self.responding,
            held=tuple(channel.upper() for channel in self._offered),
        )

    def _read_data(self, cycle: int) -> None:
        dut = self._dut
        if self._beats is None and self._reads and self._reads[0][0] <= cycle:
            self._beats = self._reads.popleft()[1]
        if self._beats is not None and cycle >= self._next_read and not self._stalled():
            word, response, last = next(self._beats)
            self.read_last = last
            dut.m_axi_rdata.value = word
            dut.m_axi_rresp.value = response
            dut.m_axi_rlast.value = last
            if not self._driving:
                dut.m_axi_rvalid.value = 1
                self._driving = True
            self._next_read = cycle + self._interval
            if last:
                self._beats = None
                self._unanswered -= 1
        elif self._driving:
            dut.m_axi_rvalid.value = 0
            self._driving = False

    def _write_data(self, cycle: int, latency: int) -> None:
        """`wready` is high in the cycles in which the memory takes a beat, wanted or not."""
        dut, word_bytes = self._dut, self._config.word_bytes
        if self._responses and self._responses[0][0] <= cycle and not self._stalled():
            dut.m_axi_bresp.value = self._responses.popleft()[1]
            dut.m_axi_bvalid.value = 1
            self.responding = True
        elif self.responding:
            dut.m_axi_bvalid.value = 0
            self.responding = False
        if cycle < self._next_write:
            dut.m_axi_wready.value = 0
            return
        if self._interval > 1:
            dut.m_axi_wready.value = 1
        # Data may come before its address: this memory then waits for the address.
        if self._takes("w", ("data", "strb", "last"), able=bool(self._bursts)):
            self._next_write = cycle + self._interval
            address, beats = self._bursts[0]
            start = address + self._beat * word_bytes
            strobes = int(dut.m_axi_wstrb.value)
            if strobes:
                self.written_beats += 1
                assert strobes == (1 << word_bytes) - 1, "the accelerator writes whole words"
                word = int(dut.m_axi_wdata.value)
                self.memory.data[start : start + word_bytes] = word.to_bytes(word_bytes, "little")
            self._beat += 1
            last = self._beat == beats
            self.write_last = last
            assert bool(dut.m_axi_wlast.value) == last
            if last:
                self._bursts.popleft()
                self._beat = 0
                self._responses.append((cycle + latency, self._respond(True, address)))

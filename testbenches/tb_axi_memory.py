"""The SystemVerilog memory beside the reference memory, cycle by cycle.

Both memories get the same signals at the same falling edge. What the SystemVerilog drives in a
cycle comes from the rising edge before it, so everything can be compared in the same cycle.
"""

import os
import random
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from hwsim.arch.config import Config
from hwsim.compiler import compile_graph
from hwsim.program.program import Program, Region
from hwsim.program.traffic import ByteCounts
from hwsim.testbenches.bench import configuration
from hwsim.testbenches.cases import case_graph
from hwsim.testbenches.network_bench import monitored_bytes
from hwsim.testbenches.reference_memory import Memory, ReferenceMemory
from hwsim.testbenches.replay import seed_of

DUMP = "HWSIM_DUMP"  # environment: the file that +dump names
PAGE_BYTES = 4096
PHASE_CYCLES = 600
ENDING = 0.0  # no further address; data as fast as it goes

INPUTS = ("arvalid", "arid", "araddr", "arlen", "arsize", "arburst", "awvalid", "awid", "awaddr",
          "awlen", "awsize", "awburst", "wvalid", "wdata", "wstrb", "wlast", "rready",
          "bready")  # fmt: skip
OUTPUTS = ("arready", "awready", "wready", "rvalid", "rdata", "rlast", "rresp", "bvalid", "bresp")


def program_of(config: Config) -> Program:
    """A program with several regions of every class; only where they lie matters."""
    return compile_graph(case_graph("chain", config), config)


def contents(size_bytes: int) -> bytes:
    """What lies in memory before a run."""
    return random.Random(seed_of("memory")).randbytes(size_bytes)


class Both:
    """The inputs of both memories; `twin` stands for the ports that the reference is used to."""

    def __init__(self, dut: Any):
        self.dut = dut
        self.twin = SimpleNamespace(
            **{f"m_axi_{name}": SimpleNamespace(value=0) for name in (*INPUTS, *OUTPUTS)}
        )

    def drive(self, **values: int) -> None:
        for name, value in values.items():
            getattr(self.dut, f"s_axi_{name}").value = value
            getattr(self.twin, f"m_axi_{name}").value = value

    def expected(self, name: str) -> int:
        """An input, or what the reference answers."""
        return int(getattr(self.twin, f"m_axi_{name}").value)

    def found(self, name: str) -> int:
        """What the SystemVerilog answers; settled once ReadOnly has been awaited."""
        return int(getattr(self.dut, f"s_axi_{name}").value)

    def compare(self, cycle: int) -> None:
        """Every output that means something in this cycle."""
        names = ["arready", "awready", "rvalid", "bvalid"]
        if self.expected("rvalid"):
            names += ["rdata", "rlast", "rresp"]
        if self.expected("bvalid"):
            names.append("bresp")
        if self.expected("wvalid"):
            names.append("wready")
        for name in names:
            found, expected = self.found(name), self.expected(name)
            assert found == expected, f"{name} in cycle {cycle}: {found:#x}, not {expected:#x}"


async def reset(dut: Any) -> Both:
    Clock(dut.clk, 10, unit="ns").start()
    both = Both(dut)
    both.drive(**dict.fromkeys(INPUTS, 0))
    size = (len(dut.s_axi_wstrb) - 1).bit_length()
    both.drive(arsize=size, awsize=size, arburst=1, awburst=1, rready=1, bready=1)
    dut.dump.value = 0
    dut.rst.value = 1
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    await FallingEdge(dut.clk)
    return both


class Manager:
    """Random bursts in the regions of a program, and what has crossed the bus of them."""

    def __init__(self, both: Both, program: Program, draw: random.Random):
        self._both, self._draw, self._config = both, draw, program.config
        self._tensors = list(program.tensors.values())
        weights = [part.weights for part in program.layers]
        self._regions = [program.code, *weights, *self._tensors]
        self._data: deque[bool] = deque()  # of the addresses offered: is it its burst's last beat
        self._took = False
        self._unanswered = {"ar": 0, "aw": 0}
        self.bursts = {"ar": 0, "aw": 0}
        self.beats = {"ar": 0, "aw": 0}

    @property
    def is_idle(self) -> bool:
        return not (any(self._unanswered.values()) or self._data or self._both.expected("wvalid"))

    def offer(self, eagerness: float) -> None:
        """The inputs of one cycle. Addresses are taken at once; data is held until it is."""
        both, draw = self._both, self._draw
        for channel, regions in (("ar", self._regions), ("aw", self._tensors)):
            both.drive(**{f"{channel}valid": 0})
            free = self._unanswered[channel] < self._config.bus.outstanding_reads
            if free and draw.random() < eagerness:
                self._offer_address(channel, draw.choice(regions))
        if self._took or not both.expected("wvalid"):
            both.drive(wvalid=0)
            if self._data and (eagerness == ENDING or draw.random() < eagerness):
                self._offer_data()

    def _offer_address(self, channel: str, region: Region) -> None:
        word, draw = self._config.word_bytes, self._draw
        start = region.address + word * draw.randrange(region.size_bytes // word)
        end = min(region.end, start // PAGE_BYTES * PAGE_BYTES + PAGE_BYTES)
        beats = draw.randint(1, min(self._config.bus.burst_beats, (end - start) // word))
        self._both.drive(
            **{f"{channel}valid": 1, f"{channel}addr": start, f"{channel}len": beats - 1}
        )
        self._unanswered[channel] += 1
        self.bursts[channel] += 1
        self.beats[channel] += beats
        if channel == "aw":
            self._data.extend([False] * (beats - 1) + [True])

    def _offer_data(self) -> None:
        """Whole words, or nothing, as the accelerator writes them."""
        word = self._config.word_bytes
        every = (1 << word) - 1
        self._both.drive(
            wvalid=1,
            wdata=self._draw.getrandbits(8 * word),
            wstrb=self._draw.choice((0, every, every, every)),
            wlast=self._data.popleft(),
        )

    def settle(self) -> None:
        """What has crossed in this cycle."""
        both = self._both
        self._took = bool(both.expected("wvalid") and both.expected("wready"))
        self._unanswered["ar"] -= both.expected("rvalid") and both.expected("rlast")
        self._unanswered["aw"] -= both.expected("bvalid")


async def dumped(dut: Any) -> bytes:
    """All of memory, by way of the file that +dump names."""
    dut.dump.value = 1
    for _ in range(3):
        await FallingEdge(dut.clk)
    assert dut.dumped.value
    return Path(os.environ[DUMP]).read_bytes()


@cocotb.test()
async def is_the_reference_memory(dut: Any) -> None:
    """The same cycle of every beat and response, the same data, the same memory afterwards."""
    both = await reset(dut)
    config = configuration()
    program = program_of(config)
    memory = Memory(program)
    memory.place(0, contents(len(memory.data)))
    reference = ReferenceMemory(both.twin, config, memory)
    manager = Manager(both, program, random.Random(seed_of("traffic")))
    cycle = 0
    for eagerness in (1.0, 0.5, 0.1, 0.03, 0.3, 1.0, ENDING):
        for _ in range(PHASE_CYCLES):
            manager.offer(eagerness)
            reference.step(cycle)
            await ReadOnly()
            both.compare(cycle)
            manager.settle()
            await FallingEdge(dut.clk)
            cycle += 1
    assert manager.is_idle
    assert monitored_bytes(dut) == ByteCounts.by_class(reference.monitor.bytes)
    assert all(reference.monitor.bytes.values())
    assert int(dut.read_bursts.value) == manager.bursts["ar"]
    assert int(dut.write_bursts.value) == manager.bursts["aw"]
    assert int(dut.read_beats.value) == manager.beats["ar"]
    assert int(dut.write_beats.value) == manager.beats["aw"]
    assert int(dut.violation.value) == 0
    assert await dumped(dut) == memory.data

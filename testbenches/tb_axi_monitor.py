"""Break every rule of the monitor once, and test what random traffic does not show."""

from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, ReadOnly

from hwsim.program.traffic import ByteCounts
from hwsim.testbenches.axi_memory import AxiMemory, Contents, Pace, Rules, Violation
from hwsim.testbenches.memory_port import (
    OUTSTANDING,
    Inputs,
    drive,
    offer,
    read_word,
    reset,
    value,
)

BURST_BEATS = 16
LATENCY = 60
SIZE_BYTES = 1 << 16
PROGRAM_BASE, PROGRAM_END, WEIGHTS_END, CONSTANTS_END = 0x100, 0x600, 0x1A00, 0x1B00
FEATURES_BASE = 0x2000  # no access is allowed between the windows
RULES = Rules(
    program_base=PROGRAM_BASE,
    program_end=PROGRAM_END,
    weights_base=PROGRAM_END,
    weights_end=WEIGHTS_END,
    constants_base=PROGRAM_BASE,
    constants_limit=CONSTANTS_END - 1,
    features_base=FEATURES_BASE,
    features_limit=SIZE_BYTES - 1,
    burst_beats=BURST_BEATS,
    outstanding_reads=OUTSTANDING,
)
PACE = Pace(size=SIZE_BYTES, latency=LATENCY, cycle_ticks=1, beat_ticks=1)

READ: Inputs = {"arvalid": 1, "araddr": 0x2000}
WRITE: Inputs = {"awvalid": 1, "awaddr": 0x2000}
DATA: Inputs = {"wvalid": 1, "wlast": 1}
NOT_TAKEN: Inputs = {"rready": 0, "bready": 0}

# The inputs of each cycle, and the rule that they break.
SCENARIOS: dict[str, tuple[Violation, list[Inputs]]] = {
    "longest read": (Violation.NONE, [READ | {"arlen": BURST_BEATS - 1}]),
    "read up to 4 KiB": (Violation.NONE, [READ | {"araddr": 0x2FF0, "arlen": 1}]),
    "first word": (Violation.NONE, [READ | {"araddr": PROGRAM_BASE}]),
    "last word of constants": (Violation.NONE, [READ | {"araddr": CONSTANTS_END - 8}]),
    "first word of features": (Violation.NONE, [WRITE | {"awaddr": FEATURES_BASE}, DATA]),
    "last word": (Violation.NONE, [WRITE | {"awaddr": SIZE_BYTES - 8}, DATA]),
    "last word of weights": (Violation.NONE, [READ | {"araddr": WEIGHTS_END - 8}]),
    "nothing written": (Violation.NONE, [WRITE, DATA | {"wstrb": 0}]),
    "most reads": (Violation.NONE, [READ] * OUTSTANDING),
    "read over 4 KiB": (Violation.CROSSES_4_KIB, [READ | {"araddr": 0x2FF8, "arlen": 1}]),
    "write over 4 KiB": (Violation.CROSSES_4_KIB, [WRITE | {"awaddr": 0x2FF8, "awlen": 1}]),
    "long read": (Violation.BURST_TOO_LONG, [READ | {"arlen": BURST_BEATS}]),
    "long write": (Violation.BURST_TOO_LONG, [WRITE | {"awlen": BURST_BEATS}]),
    "fixed read": (Violation.NOT_INCR, [READ | {"arburst": 0}]),
    "wrapping write": (Violation.NOT_INCR, [WRITE | {"awburst": 2}]),
    "narrow read": (Violation.WRONG_SIZE, [READ | {"arsize": 2}]),
    "narrow write": (Violation.WRONG_SIZE, [WRITE | {"awsize": 2}]),
    "unaligned read": (Violation.UNALIGNED, [READ | {"araddr": 0x2004}]),
    "unaligned write": (Violation.UNALIGNED, [WRITE | {"awaddr": 0x2001}]),
    "early last": (Violation.WRONG_WLAST, [WRITE | {"awlen": 1}, DATA]),
    "early last with address": (Violation.WRONG_WLAST, [WRITE | DATA | {"awlen": 1}]),
    "late last": (Violation.WRONG_WLAST, [WRITE, DATA | {"wlast": 0}]),
    "read address dropped": (Violation.VALID_DROPPED, [READ] * (OUTSTANDING + 1) + [{}]),
    "write address dropped": (Violation.VALID_DROPPED, [WRITE] * (OUTSTANDING + 1) + [{}]),
    "data dropped": (Violation.VALID_DROPPED, [DATA, {}]),
    "read address changed": (
        Violation.PAYLOAD_CHANGED,
        [READ] * (OUTSTANDING + 1) + [READ | {"araddr": 0x2008}],
    ),
    "write length changed": (
        Violation.PAYLOAD_CHANGED,
        [WRITE] * (OUTSTANDING + 1) + [WRITE | {"awlen": 1}],
    ),
    "data changed": (Violation.PAYLOAD_CHANGED, [DATA, DATA | {"wdata": 1}]),
    "strobe changed": (Violation.PAYLOAD_CHANGED, [DATA, DATA | {"wstrb": 1}]),
    "read below": (Violation.READ_OUTSIDE_WINDOW, [READ | {"araddr": PROGRAM_BASE - 8}]),
    "read between": (Violation.READ_OUTSIDE_WINDOW, [READ | {"araddr": CONSTANTS_END}]),
    "read below features": (Violation.READ_OUTSIDE_WINDOW, [READ | {"araddr": FEATURES_BASE - 8}]),
    "read above": (Violation.READ_OUTSIDE_WINDOW, [READ | {"araddr": SIZE_BYTES}]),
    "write below": (Violation.WRITE_OUTSIDE_WINDOW, [WRITE | {"awaddr": FEATURES_BASE - 8}]),
    "write above": (Violation.WRITE_OUTSIDE_WINDOW, [WRITE | {"awaddr": SIZE_BYTES}]),
    "write to program": (Violation.WRITE_OUTSIDE_WINDOW, [WRITE | {"awaddr": PROGRAM_BASE}]),
    "part of a word": (Violation.PART_OF_A_WORD, [WRITE, DATA | {"wstrb": 0x7F}]),
    "two classes": (Violation.TWO_CLASSES, [READ | {"araddr": PROGRAM_END - 8, "arlen": 1}]),
    # The first burst has left the memory's queue, but its beats were not accepted.
    "too many reads": (
        Violation.TOO_MANY_READS,
        [READ | NOT_TAKEN] * OUTSTANDING + [NOT_TAKEN] * LATENCY + [READ | NOT_TAKEN],
    ),
}


# The bins that these inputs are seen in, in addition to those of every burst.
SEEN: dict[str, tuple[set[str], list[Inputs]]] = {
    "nothing": (set(), [{}]),
    "read": ({"read burst of 1"}, [READ]),
    "full read": ({"full read burst"}, [READ | {"arlen": BURST_BEATS - 1}]),
    "write": ({"write burst of 1"}, [WRITE | DATA]),
    "full write": ({"full write burst"}, [WRITE | {"awlen": BURST_BEATS - 1}]),
    "data first": ({"data before address", "W held", "write burst of 1"}, [DATA, WRITE | DATA]),
    "read held": ({"AR held", "reads outstanding"}, [READ | {"arlen": 2}] * (OUTSTANDING + 1)),
    "write held": ({"AW held"}, [WRITE | {"awlen": 2}] * (OUTSTANDING + 1)),
    "reads at a boundary": (
        {"read cut at 4 KiB"},
        [READ | {"araddr": 0x2FE8, "arlen": 2}, READ | {"araddr": 0x3000, "arlen": 4}],
    ),
    "writes at a boundary": (
        {"write cut at 4 KiB"},
        [WRITE | {"awaddr": 0x2FE8, "awlen": 2}, WRITE | {"awaddr": 0x3000, "awlen": 4}],
    ),
    "a full read up to a boundary": (
        {"full read burst"},
        [READ | {"araddr": 0x2F80, "arlen": 15}, READ | {"araddr": 0x3000, "arlen": 4}],
    ),
    "a write that goes on elsewhere": (
        set(),
        [WRITE | {"awaddr": 0x2FE8, "awlen": 2}, WRITE | {"awaddr": 0x4000, "awlen": 4}],
    ),
    "a read that goes on in its page": (
        set(),
        [READ | {"araddr": 0x2FD8, "arlen": 1}, READ | {"araddr": 0x2FE8, "arlen": 2}],
    ),
    "late response": ({"B late", "write burst of 1"}, [WRITE | DATA, WRITE | DATA]),
    "response in time": (
        {"write burst of 1"},
        [WRITE | DATA, *[{}] * LATENCY, WRITE | DATA],
    ),
    "gap": ({"R gap"}, [READ | {"arlen": 2}, *[{}] * LATENCY, NOT_TAKEN, {}]),
    "no gap": (set(), [READ | {"arlen": 2}, *[{}] * (LATENCY + 4)]),
}


async def empty(dut: Any) -> AxiMemory:
    """Return a memory full of zeros."""
    return await reset(dut, Contents(bytearray(SIZE_BYTES), PACE, RULES))


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def rules(dut: Any, scenario: str) -> None:
    """A broken rule sets its code, which stays until reset."""
    memory = await empty(dut)
    assert memory.violation is Violation.NONE
    code, cycles = SCENARIOS[scenario]
    for inputs in cycles:
        await drive(dut, **inputs)
    await drive(dut)
    assert memory.violation is code
    await drive(dut, wvalid=1)  # another rule
    await drive(dut)
    await drive(dut)
    assert memory.violation is (code or Violation.VALID_DROPPED)


@cocotb.test()
@cocotb.parametrize(scenario=list(SEEN))
async def sees(dut: Any, scenario: str) -> None:
    """The monitor sees exactly the bins that the inputs fall into."""
    memory = await empty(dut)
    bins, cycles = SEEN[scenario]
    for inputs in cycles:
        await drive(dut, **inputs)
    await drive(dut)
    assert memory.bins == bins


@cocotb.test()
async def classes(dut: Any) -> None:
    """Bytes are counted by the address of their burst; a write without strobes counts no word."""
    memory = await empty(dut)
    for index, address in enumerate((PROGRAM_BASE, PROGRAM_END, WEIGHTS_END, FEATURES_BASE)):
        await drive(dut, arvalid=1, araddr=address, arlen=index)
    for strobes in (0, 0xFF):
        await drive(dut, awvalid=1, awaddr=FEATURES_BASE, wvalid=1, wlast=1, wstrb=strobes)
    await drive(dut)
    assert memory.bytes == ByteCounts(8, 16, 24 + 32, 16)
    assert memory.count("written_beats") == 1


@cocotb.test()
async def strobes(dut: Any) -> None:
    """A write changes only the bytes whose strobe is set."""
    await empty(dut)
    for strobe in (0xFF, 0x00, 0xA5, 0x80):
        before = await read_word(dut, 0x3008, LATENCY)
        data = 0x1122334455667788 ^ (strobe * 0x0101010101010101)
        await drive(dut, awvalid=1, awaddr=0x3008, wvalid=1, wdata=data, wstrb=strobe, wlast=1)
        mask = sum(0xFF << 8 * lane for lane in range(8) if strobe >> lane & 1)
        assert await read_word(dut, 0x3008, LATENCY) == data & mask | before & ~mask
    assert await read_word(dut, 0x3000, LATENCY) == await read_word(dut, 0x3010, LATENCY) == 0


@cocotb.test()
async def waits_for_the_manager(dut: Any) -> None:
    """A beat or response stays unchanged until it is accepted; every ID comes back."""
    memory = await empty(dut)
    write = {"awvalid": 1, "awaddr": 0x4000, "awid": 1, "wvalid": 1, "wdata": 7, "wlast": 1}
    await drive(dut, **write)
    await drive(dut, arvalid=1, araddr=0x4000, arid=1, arlen=1)
    for _ in range(LATENCY):
        await drive(dut, **NOT_TAKEN)
    for _ in range(5):
        assert value(dut, "bvalid")
        assert value(dut, "rvalid")
        assert value(dut, "bid") == value(dut, "rid") == 1
        assert value(dut, "rdata") == 7
        assert not value(dut, "rlast")
        await drive(dut, **NOT_TAKEN)
    await drive(dut)
    assert not value(dut, "bvalid")
    assert value(dut, "rvalid")
    assert value(dut, "rlast")
    await drive(dut)
    assert not value(dut, "rvalid")
    assert memory.count("read_beats") == 2
    assert memory.count("write_beats") == 1


@cocotb.test()
async def data_waits_for_its_address(dut: Any) -> None:
    """The memory accepts data with its address at the earliest; AXI4 allows data to come first."""
    memory = await empty(dut)
    for _ in range(4):
        offer(dut, {"wvalid": 1, "wdata": 9, "wlast": 1})
        await ReadOnly()
        assert not value(dut, "wready")
        await FallingEdge(dut.clk)
    await drive(dut, wvalid=1, wdata=9, wlast=1, awvalid=1, awaddr=0x5000)
    assert await read_word(dut, 0x5000, LATENCY) == 9
    assert memory.count("write_beats") == 1
    assert memory.violation is Violation.NONE

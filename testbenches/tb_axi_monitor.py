"""Every rule of the monitor broken once, and what random traffic on the memory does not show."""

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from hwsim.testbenches.network_bench import Violation

OUTSTANDING = 16  # of the memory under test
LATENCY = 60
BURST_BEATS = 16
PROGRAM_END, WEIGHTS_END, WINDOW_BASE, WINDOW_LIMIT = 0x600, 0x1A00, 0x100, 0xFFFF
ARGUMENTS = (
    f"+size={WINDOW_LIMIT + 1}",
    f"+latency={LATENCY}",
    f"+program_end={PROGRAM_END}",
    f"+weights_base={PROGRAM_END}",
    f"+weights_end={WEIGHTS_END}",
    f"+window_base={WINDOW_BASE}",
    f"+window_limit={WINDOW_LIMIT}",
    f"+burst_beats={BURST_BEATS}",
    f"+outstanding_reads={OUTSTANDING}",
)

Inputs = dict[str, int]
IDLE: Inputs = {
    **dict.fromkeys(
        ("arvalid", "arid", "araddr", "arlen", "awvalid", "awid", "awaddr", "awlen"), 0
    ),
    **dict.fromkeys(("wvalid", "wdata", "wlast"), 0),
    **dict.fromkeys(("arburst", "awburst", "rready", "bready"), 1),
    **dict.fromkeys(("arsize", "awsize"), 3),
    "wstrb": 0xFF,
}
READ: Inputs = {"arvalid": 1, "araddr": 0x2000}
WRITE: Inputs = {"awvalid": 1, "awaddr": 0x2000}
DATA: Inputs = {"wvalid": 1, "wlast": 1}
NOT_TAKEN: Inputs = {"rready": 0}

# Inputs cycle by cycle, and the rule that they break.
SCENARIOS: dict[str, tuple[Violation, list[Inputs]]] = {
    "longest read": (Violation.NONE, [READ | {"arlen": BURST_BEATS - 1}]),
    "read up to 4 KiB": (Violation.NONE, [READ | {"araddr": 0x2FF0, "arlen": 1}]),
    "first word": (Violation.NONE, [READ | {"araddr": WINDOW_BASE}]),
    "last word": (Violation.NONE, [WRITE | {"awaddr": WINDOW_LIMIT - 7}, DATA]),
    "last word of weights": (Violation.NONE, [READ | {"araddr": WEIGHTS_END - 8}]),
    "first word behind weights": (Violation.NONE, [WRITE | {"awaddr": WEIGHTS_END}, DATA]),
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
    "read below": (Violation.READ_OUTSIDE_WINDOW, [READ | {"araddr": WINDOW_BASE - 8}]),
    "read above": (Violation.READ_OUTSIDE_WINDOW, [READ | {"araddr": WINDOW_LIMIT + 1}]),
    "write below": (Violation.WRITE_OUTSIDE_WINDOW, [WRITE | {"awaddr": WINDOW_BASE - 8}]),
    "write above": (Violation.WRITE_OUTSIDE_WINDOW, [WRITE | {"awaddr": WINDOW_LIMIT + 1}]),
    "write to program": (Violation.WRITE_TO_CONSTANTS, [WRITE | {"awaddr": WINDOW_BASE}]),
    "write to weights": (Violation.WRITE_TO_CONSTANTS, [WRITE | {"awaddr": WEIGHTS_END - 8}]),
    "two classes": (Violation.TWO_CLASSES, [READ | {"araddr": PROGRAM_END - 8, "arlen": 1}]),
    # The first burst has left the memory's queue, but nobody has taken it.
    "too many reads": (
        Violation.TOO_MANY_READS,
        [READ | NOT_TAKEN] * OUTSTANDING + [NOT_TAKEN] * LATENCY + [READ | NOT_TAKEN],
    ),
}


async def drive(dut: Any, **inputs: int) -> None:
    """The inputs of one cycle, from one falling edge to the next; the others are idle."""
    for name, value in (IDLE | inputs).items():
        getattr(dut, f"s_axi_{name}").value = value
    await FallingEdge(dut.clk)


async def reset(dut: Any) -> None:
    Clock(dut.clk, 10, unit="ns").start()
    dut.dump.value = 0
    dut.rst.value = 1
    for _ in range(3):
        await drive(dut)
    dut.rst.value = 0
    await drive(dut)


async def read_word(dut: Any, address: int) -> int:
    await drive(dut, arvalid=1, araddr=address)
    for _ in range(LATENCY - 1):
        assert not dut.s_axi_rvalid.value
        await drive(dut)
    assert dut.s_axi_rvalid.value
    word = int(dut.s_axi_rdata.value)
    await drive(dut)
    return word


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def rules(dut: Any, scenario: str) -> None:
    """The right code, which stays until reset."""
    await reset(dut)
    assert int(dut.violation.value) == Violation.NONE
    code, cycles = SCENARIOS[scenario]
    for inputs in cycles:
        await drive(dut, **inputs)
    await drive(dut)
    assert Violation(int(dut.violation.value)) == code
    await drive(dut, wvalid=1)  # another rule
    await drive(dut)
    await drive(dut)
    assert Violation(int(dut.violation.value)) == (code or Violation.VALID_DROPPED)


@cocotb.test()
async def strobes(dut: Any) -> None:
    """Only the bytes whose strobe is set change."""
    await reset(dut)
    for strobe in (0xFF, 0x00, 0xA5, 0x80):
        before = await read_word(dut, 0x3008)
        data = 0x1122334455667788 ^ (strobe * 0x0101010101010101)
        await drive(dut, awvalid=1, awaddr=0x3008, wvalid=1, wdata=data, wstrb=strobe, wlast=1)
        mask = sum(0xFF << 8 * lane for lane in range(8) if strobe >> lane & 1)
        assert await read_word(dut, 0x3008) == data & mask | before & ~mask
    assert await read_word(dut, 0x3000) == await read_word(dut, 0x3010) == 0


@cocotb.test()
async def waits_for_the_manager(dut: Any) -> None:
    """A beat or response that is not taken stays as it is; every ID comes back."""
    await reset(dut)
    write = {"awvalid": 1, "awaddr": 0x4000, "awid": 1, "wvalid": 1, "wdata": 7, "wlast": 1}
    await drive(dut, **write)
    await drive(dut, arvalid=1, araddr=0x4000, arid=1, arlen=1)
    for _ in range(LATENCY):
        await drive(dut, rready=0, bready=0)
    for _ in range(5):
        assert dut.s_axi_bvalid.value
        assert dut.s_axi_rvalid.value
        assert int(dut.s_axi_bid.value) == int(dut.s_axi_rid.value) == 1
        assert int(dut.s_axi_rdata.value) == 7
        assert not dut.s_axi_rlast.value
        await drive(dut, rready=0, bready=0)
    await drive(dut)
    assert not dut.s_axi_bvalid.value
    assert dut.s_axi_rvalid.value
    assert dut.s_axi_rlast.value
    await drive(dut)
    assert not dut.s_axi_rvalid.value
    assert int(dut.read_beats.value) == 2
    assert int(dut.write_beats.value) == 1


@cocotb.test()
async def data_waits_for_its_address(dut: Any) -> None:
    """AXI4 allows data to come first; this memory takes it in its address's cycle."""
    await reset(dut)
    for _ in range(4):
        await drive(dut, wvalid=1, wdata=9, wlast=1)
        await ReadOnly()
        assert not dut.s_axi_wready.value
        await FallingEdge(dut.clk)
    await drive(dut, wvalid=1, wdata=9, wlast=1, awvalid=1, awaddr=0x5000)
    assert await read_word(dut, 0x5000) == 9
    assert int(dut.write_beats.value) == 1
    assert int(dut.violation.value) == Violation.NONE

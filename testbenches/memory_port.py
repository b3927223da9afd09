"""The AXI4 port of the memory, driven cycle by cycle by the benches of memory and monitor.

A cycle lasts from one falling edge to the next.
"""

from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from hwsim.testbenches.axi_memory import REFERENCE, AxiMemory, Behaviour, Contents

OUTSTANDING = 16  # bursts that the memory accepts before it answers, in each direction
WORD_BYTES = 8
EVERY_BYTE = (1 << WORD_BYTES) - 1  # strobes of a whole word

Inputs = dict[str, int]
IDLE: Inputs = {
    **dict.fromkeys(
        ("arvalid", "arid", "araddr", "arlen", "awvalid", "awid", "awaddr", "awlen"), 0
    ),
    **dict.fromkeys(("wvalid", "wdata", "wlast"), 0),
    **dict.fromkeys(("arburst", "awburst", "rready", "bready"), 1),
    **dict.fromkeys(("arsize", "awsize"), 3),
    "wstrb": EVERY_BYTE,
}
OUTPUTS = ("arready", "rvalid", "rid", "rdata", "rresp", "rlast", "awready", "wready", "bvalid",
           "bid", "bresp")  # fmt: skip


def offer(dut: Any, inputs: Inputs) -> None:
    """Put the inputs of a cycle on the port; inputs that are not given are idle."""
    for name, value in (IDLE | inputs).items():
        getattr(dut, f"s_axi_{name}").value = value


async def drive(dut: Any, **inputs: int) -> None:
    """Let a cycle pass with these inputs."""
    offer(dut, inputs)
    await FallingEdge(dut.clk)


def value(dut: Any, name: str) -> int:
    return int(getattr(dut, f"s_axi_{name}").value)


async def reset(dut: Any, contents: Contents, behaviour: Behaviour = REFERENCE) -> AxiMemory:
    """Start the clock, and load the memory."""
    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value = 1
    await drive(dut)
    dut.rst.value = 0
    memory = AxiMemory(dut, dut.clk)
    await memory.load_contents(contents, behaviour)
    return memory


async def read_word(dut: Any, address: int, latency: int) -> int:
    """Read a word, and check that it comes after exactly `latency` cycles."""
    await drive(dut, arvalid=1, araddr=address)
    for _ in range(latency - 1):
        assert not value(dut, "rvalid")
        await drive(dut)
    assert value(dut, "rvalid")
    word = value(dut, "rdata")
    await drive(dut)
    return word

"""Helpers that the benches of single operators share: ports of lanes, and one clock."""

from collections.abc import Iterable
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from hwsim.arch.config import load_config

CONFIG = load_config("edge")


def pack(values: Iterable[int], bits: int) -> int:
    """Return lanes as the value of one port: two's complement, the first in the lowest bits."""
    return sum(
        (int(value) & ((1 << bits) - 1)) << (bits * lane) for lane, value in enumerate(values)
    )


def unpack(port: Any, bits: int, lanes: int) -> list[int]:
    """Return the signed lanes of a port."""
    word, sign = int(port.value), 1 << (bits - 1)
    fields = [(word >> (bits * lane)) & ((1 << bits) - 1) for lane in range(lanes)]
    return [(field ^ sign) - sign for field in fields]


async def reset(dut: Any) -> None:
    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value = 1
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0

"""The guide's table tells one kind of on-chip memory from another."""

from typing import Any

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwsim.rtl.deliver.memory_table import memory_table
from hwsim.rtl.deliver.verilog import VerilogError, to_verilog


def component_with_a_memory(
    granularity: int | None = None,
    domain: str = "sync",
    is_bypassed: bool = False,
    has_enable: bool = False,
) -> wiring.Component:
    """Return a component whose memory `words` has two ports of this kind."""
    ports = {"to": In(4), "enable": In(2), "i": In(8), "at": In(4), "read": In(1), "o": Out(8)}
    component = wiring.Component(ports)
    m = Module()
    m.submodules.words = words = Memory(shape=8, depth=12, init=[])
    write = words.write_port(granularity=granularity)
    read = words.read_port(domain=domain, transparent_for=[write] if is_bypassed else [])
    m.d.comb += [
        write.addr.eq(component.to),
        write.data.eq(component.i),
        write.en.eq(component.enable),
        read.addr.eq(component.at),
        component.o.eq(read.data),
    ]
    if has_enable:
        m.d.comb += read.en.eq(component.read)
    component.elaborate = lambda _platform: m
    return component


@pytest.mark.parametrize(
    ("kind", "ports"),
    [
        ({}, "whole words | synchronous"),
        ({"granularity": 4}, "2 lanes of 4 bits | synchronous"),
        ({"has_enable": True}, "whole words | synchronous with enable"),
        ({"domain": "comb"}, "whole words | asynchronous"),
    ],
)
def test_ports_are_told_apart(kind: dict[str, Any], ports: str) -> None:
    text = to_verilog(component_with_a_memory(**kind), "top")
    line = text[: text.index("  top_ram #(")].count("\n") + 1
    *_, row = memory_table(text, "top").splitlines()
    assert row == f"| `words` | {line} | 12 x 8 | {ports} | {(__doc__ or '').removesuffix('.')} |"


def test_a_memory_that_promises_the_word_being_written_is_refused() -> None:
    with pytest.raises(VerilogError, match="promises the word that is being written"):
        to_verilog(component_with_a_memory(is_bypassed=True), "top")

"""The clock gate passes every edge in the Amaranth simulator, and is an instance in Verilog."""

import re
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hwsim.rtl.deliver.verilog import to_verilog
from hwsim.rtl.primitives.clock_gate import ClockGate


def counter() -> wiring.Component:
    """Return a counter of the edges that the gate passes on."""
    component = wiring.Component({"enable": In(1), "o": Out(4)})
    m, inner, count = Module(), Module(), Signal(4)
    inner.d.sync += count.eq(count + 1)
    m.submodules.gate = gate = ClockGate()
    m.submodules.inner = DomainRenamer("gated")(inner)
    m.domains.gated = ClockDomain(reset_less=True)
    m.d.comb += [
        ClockSignal("gated").eq(gate.gated_clock),
        gate.enable.eq(component.enable),
        component.o.eq(count),
    ]
    component.elaborate = lambda _platform: m
    return component


def test_every_edge_passes_without_a_platform() -> None:
    """Nothing may depend on an edge that is held back, and here none is."""
    dut = counter()

    async def bench(ctx: Any) -> None:
        await ctx.tick().repeat(5)
        assert ctx.get(dut.o) == 5 - ClockGate.LATENCY

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_the_verilog_has_an_instance_of_the_wrapper() -> None:
    text = to_verilog(counter(), "top")
    (connections,) = re.findall(
        r"^  top_clock_gate gate \((.*?)\);", text, re.MULTILINE | re.DOTALL
    )
    assert ".clock(clk)" in connections
    assert ".enable(enable)" in connections
    assert ".gated_clock(gated_clk)" in connections
    assert "module top_clock_gate (" in text

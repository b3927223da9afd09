"""The accelerator alone, on a memory of another author, who read AXI4 independently."""

import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotbext.axi import AxiBus, AxiRam

from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_features
from hwsim.machine import Machine
from hwsim.testbenches.axi_memory import Contents
from hwsim.testbenches.bench import PATIENCE, PERIOD_NS, Host, configuration
from hwsim.testbenches.cases import case_graph
from hwsim.testbenches.replay import seed_of
from hwsim.timeline import time_program
from tests.drawn import drawn_input

PAUSE = 0.3  # share of the cycles in which a channel pauses


def pauses(drawn: random.Random) -> Iterator[bool]:
    while True:
        yield drawn.random() < PAUSE


async def run_slice(dut: Any, host: Host) -> None:
    """Run a program on a memory whose channels pause at random; its results must be the machine's.

    Data may come before its address. The host has been reset.
    """
    config = host.config
    program = compile_graph(case_graph("slice", config), config)
    image = drawn_input(program.graph, seed=2)
    before = Contents.of(program)
    before.place(program.region(program.graph.inputs[0]).address, pack_features(image, config))
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=len(before.data))
    ram.write(0, bytes(before.data))
    channels = (
        *(ram.write_if.aw_channel, ram.write_if.w_channel, ram.write_if.b_channel),
        *(ram.read_if.ar_channel, ram.read_if.r_channel),
    )
    for number, channel in enumerate(channels):
        channel.set_pause_generator(pauses(random.Random(seed_of("pauses", number))))
    await host.start(program.code.address, before.rules)
    assert await host.interrupt(PATIENCE * time_program(program).cycles)
    assert await host.field("INTERRUPT_STATUS", "end")
    expected = Machine(program, {program.graph.only_input.name: image}).run().data.tobytes()
    assert ram.read(0, len(expected)) == expected


@cocotb.test()
async def runs(dut: Any) -> None:
    """A program runs on such a memory."""
    Clock(dut.clk, PERIOD_NS, unit="ns").start()
    host = Host(dut, configuration())
    await host.reset()
    await run_slice(dut, host)

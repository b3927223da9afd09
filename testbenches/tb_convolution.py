"""Verilog MAC array against golden: 1x1 convolutions, weights changing without a gap."""

from typing import Any

import cocotb
import numpy as np
import torch
from cocotb.triggers import FallingEdge

from hwsim.arch import pipeline
from hwsim.golden.convolution import convolution
from hwsim.rtl.arithmetic.convolution import Convolution, sum_bits
from hwsim.rtl.operands.chain import operand_layout
from hwsim.testbenches.operators import CONFIG, pack, reset, unpack

BLOCKS = 6


@cocotb.test()
async def equals_golden(dut: Any) -> None:
    words = CONFIG.weight_block_words
    pixels = words + pipeline.BLOCK_OVERHEAD  # the shortest block that the weights keep up with
    rng = np.random.default_rng(0)
    lanes_in, lanes_out = CONFIG.array.input_lanes, CONFIG.array.output_lanes
    weights = rng.integers(-128, 128, (BLOCKS, lanes_out, lanes_in)).astype(np.int8)
    values = rng.integers(-128, 128, (BLOCKS, lanes_in, 1, pixels)).astype(np.int8)
    weights[0], values[0] = -128, -128  # the corner of the sum's range
    expected = [
        convolution(torch.from_numpy(x)[None], torch.from_numpy(w)[:, :, None, None])[0, :, 0].T
        for x, w in zip(values, weights, strict=True)
    ]
    results = torch.cat(expected).tolist()  # [pixel][output lane]

    await reset(dut)
    layout = operand_layout(CONFIG)
    latency = pipeline.tree_stages(CONFIG) + 1
    start = words - 1 + Convolution.TO_SHADOW
    operands = values.transpose(0, 3, 1, 2).reshape(-1, lanes_in)
    lanes_per_word = lanes_out // words
    for cycle in range(start + len(operands) + latency + pipeline.skew(CONFIG)):
        block, index = divmod(cycle, pixels)
        loads = block < BLOCKS and index < words
        dut.weights__valid.value = loads
        if loads:
            dut.weights__payload.value = weight_word(weights[block, index], index)
        number = cycle - start  # a block's first pixel comes as soon as its weights are active
        dut.i__valid.value = 0 <= number < len(operands)
        if 0 <= number < len(operands):
            first = number % pixels == 0
            dut.i__payload.value = pack(operands[number], 8) | first << 8 * lanes_in
            assert layout["first"].offset == 8 * lanes_in
        sums = unpack(dut.o__payload, sum_bits(CONFIG), lanes_out)
        for lane, value in enumerate(sums):
            pixel = number - latency - lane // lanes_per_word
            if 0 <= pixel < len(results):
                assert value == results[pixel][lane], (pixel, lane)
        await FallingEdge(dut.clk)


def weight_word(lanes: Any, index: int) -> int:
    """One output lane's weights, and which lane it is."""
    return pack(lanes, 8) | index << CONFIG.bus.bus_bits

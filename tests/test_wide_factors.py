"""Factors of more bits than a lane multiplies by in one cycle: their records, cycles and values."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_weights
from hwsim.golden.rescale import rescale as golden
from hwsim.graph import Constants, Graph, Quantization, Shape, Source, Stage, Tensor
from hwsim.isa.parameters import RECORD
from hwsim.machine.rescale import rescale, unpack_parameters
from hwsim.program.drain_reads import has_wide_factors
from hwsim.timeline import time_program
from hwsim.timeline.roofline import roofline
from tests.drawn import preset_with

NANO = load_config("nano")
LARGEST = 2**31 - 1


def copy(factors: list[int], shift: list[int], zero_point: int = 3) -> Stage:
    """Return a copy of as many channels, each with its own factor and shift."""
    channels = len(factors)
    tensor = Tensor("input", Shape(channels, 16, 16), quantization=Quantization(1.0, 0))
    source = Source.whole(tensor, (1, 1), groups=channels)
    stage = Stage.inferred("copy", [source], "copied", channels)
    multiplier = np.array(factors, np.int32)
    return replace(
        stage,
        output=replace(stage.output, quantization=Quantization(1.0, zero_point)),
        constants=Constants(
            (np.ones((channels, 1, 1, 1), np.int8),),
            np.zeros(channels, np.int32),
            multiplier,
            multiplier,
            np.array(shift, np.int32),
        ),
    )


@pytest.mark.parametrize("zero_point", [-128, 3, 127])
def test_small_shifts_grow_with_their_factors_and_change_no_value(zero_point: int) -> None:
    """No shift stays below 17, whatever is left of the product's places there; padding stays 0."""
    factors = [1, 3, 2**16, 2**30, 2**30 + 1, LARGEST, 2**15 + 1, 0, LARGEST, 5]
    shift = [2, 2, 16, 30, 2, 16, 16, 9, 17, 17]
    stage = copy(factors, shift, zero_point)
    words = np.frombuffer(pack_weights(stage, NANO), np.uint8).reshape(2, -1)
    records = np.ascontiguousarray(words[:, -8 * RECORD.itemsize :]).reshape(-1)
    assert records.view(RECORD)["shift"].min() == 17
    ends = [-(2**31), 2**31 - 1, -(2**31) + 1, 2**31 - 2**26]
    sums = np.array([0, 1, -1, 2, -2, 5, -7, 127, -128, 40_000, -40_000, *ends])
    parameters = unpack_parameters(records, factor_bits=31)
    padding = np.zeros((1, 6), np.int64)
    for total in sums:
        given = np.full((1, 10), total)
        stored = rescale(np.concatenate([given, padding], axis=1), parameters, zero_point)
        assert stored[0, 10:].tolist() == [0] * 6
        same = torch.tensor(factors)
        expected = golden(
            torch.from_numpy(given.reshape(1, 10, 1, 1)),
            same,
            same,
            torch.tensor(shift),
            zero_point,
        )
        assert stored[0, :10].tolist() == expected.flatten().tolist(), total


def test_without_wide_factors_only_the_lower_bits_are_multiplied() -> None:
    record = np.zeros(1, RECORD)
    record["multiplier"], record["negative_multiplier"], record["shift"] = LARGEST, 2**16 + 5, 17
    narrow, wide = (unpack_parameters(record.view(np.uint8), bits) for bits in (16, 31))
    assert (narrow.multiplier[0], narrow.negative_multiplier[0]) == (2**16 - 1, 5)
    assert (wide.multiplier[0], wide.negative_multiplier[0]) == (LARGEST, 2**16 + 5)


@pytest.mark.parametrize("factor", [2**16, -(2**16)])
def test_a_wide_factor_of_either_sign_is_one(factor: int) -> None:
    stage = copy([5, 7], [4, 4])
    assert stage.constants is not None
    assert not has_wide_factors(stage, NANO)
    below_0 = np.array([5, factor], np.int32)
    constants = replace(stage.constants, negative_multiplier=below_0)
    assert has_wide_factors(replace(stage, constants=constants), NANO)


def test_small_shifts_of_negative_sums_grow_for_themselves() -> None:
    stage = copy([2**20, 3], [20, 5])
    assert stage.constants is not None
    below_0, own_shift = np.array([-3, 7], np.int32), np.array([5, 21], np.int32)
    constants = replace(stage.constants, negative_multiplier=below_0, negative_shift=own_shift)
    packed = np.frombuffer(pack_weights(replace(stage, constants=constants), NANO), np.uint8)
    first, second = packed[-8 * RECORD.itemsize :].copy().view(RECORD)[:2]
    assert first.tolist() == (0, 2**20, 3 << 12, 20, 17, 1)
    assert second.tolist() == (0, 3 << 12, 7, 17, 21, 0)


def test_a_stage_that_waits_for_its_rescale_takes_twice_as_long() -> None:
    """A copy's drain is its bottleneck: in the roofline, and in the timeline of its program."""
    cycles, bounds = [], []
    for bits, factor in ((16, 2**15), (16, 2**30), (32, 2**30)):
        stage = copy([factor] * 8, [factor.bit_length() - 1] * 8)
        config = preset_with("nano", widths={"multiplier_bits": bits})
        program = compile_graph(Graph.chain("copy", [stage]), config)
        cycles.append(time_program(program).cycles)
        bounds.append(roofline(stage, config, 0, 0).rescale_cycles)
    narrow, wide, whole = cycles
    assert bounds == [16 * 16 * 8, 2 * 16 * 16 * 8, 16 * 16 * 8]
    assert whole == narrow
    assert wide - narrow >= 16 * 16 * 8

"""The descriptor check agrees with `hwsim.isa` on every rule, reserved bit and opcode."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.arch.chain import has_chain
from hwsim.arch.config import Config, load_config
from hwsim.compiler import compile_graph
from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.isa.descriptor import (
    FIELDS,
    OPCODES,
    Compute,
    Descriptor,
    End,
    Load,
    Store,
    decode,
    encode,
)
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    FORMAT_NUMBER,
    FORMAT_SHIFT,
    OPCODE,
    Destination,
    Field,
    Opcode,
)
from hwsim.isa.rules import RULES, broken_rule
from hwsim.rtl.program.descriptor_check import DescriptorCheck
from tests.drawn import preset_with
from tests.streams import values as values_of

CONFIGS = {
    "nano": load_config("nano"),
    "without channel pool": preset_with("nano", channel_pool=False, tables=False),
    "wide": preset_with(
        "nano",
        array={"input_lanes": 16, "output_lanes": 64, "rescale_lanes": 4},
        bus={"bus_bits": 128},
        memory={"bandwidth_bytes_per_cycle": 16},
    ),
}
BITS = {opcode: sum(field.bits for field in fields) for opcode, fields in FIELDS.items()}


def expected(data: bytes, config: Config) -> ErrorCode:
    try:
        descriptor = decode(data)
    except InputError as error:
        codes = {"opcode": ErrorCode.OPCODE, "format": ErrorCode.FORMAT}
        found = [code for word, code in codes.items() if word in str(error)]
        return found[0] if found else ErrorCode.RESERVED
    return ErrorCode.FIELD if broken_rule(descriptor, config) else ErrorCode.NONE


def judged(config: Config, descriptors: list[bytes], refused: bool = False) -> list[ErrorCode]:
    """Return the component's verdicts, one descriptor per cycle; check the opcode of sound ones."""
    dut = DescriptorCheck(config)
    verdicts: list[ErrorCode] = []

    async def bench(ctx: Any) -> None:
        ctx.set(dut.refused, refused)
        behind = [descriptors[-1]] * (DescriptorCheck.LATENCY - 1)
        for number, descriptor in enumerate([*descriptors, *behind], start=1):
            ctx.set(dut.descriptor, int.from_bytes(descriptor, "little"))
            await ctx.tick()
            if number >= DescriptorCheck.LATENCY:
                verdicts.append(ErrorCode(ctx.get(dut.error)))
                opcode = descriptors[len(verdicts) - 1][0] & OPCODE.high
                is_sound = verdicts[-1] is ErrorCode.NONE
                kind = {one.name.lower(): int(is_sound and one == opcode) for one in Opcode}
                assert values_of(ctx, dut.kind) == kind

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return verdicts


def assert_judged(config: Config, descriptors: list[bytes], note: str = "") -> list[ErrorCode]:
    verdicts = judged(config, descriptors)
    assert len(verdicts) == len(descriptors)
    for descriptor, verdict in zip(descriptors, verdicts, strict=True):
        wanted = expected(descriptor, config)
        assert verdict is wanted, f"{note} {verdict!r}, not {wanted!r}: {descriptor.hex()}"
    return verdicts


def sound(config: Config) -> list[Descriptor]:
    """Return descriptors that break no rule, each near different bounds."""
    word = config.word_bytes
    tile = Compute(
        wait_chunks=3, wait_staged=2, first_line=90, buffer_block_words=300, row_words=20,
        ring_row=4, ring_rows=5, top=-1, left=-1, column_origin=0, input_height=20, input_width=20,
        input_zero_point=-128, rows=7, columns=9, kernel_rows=3, kernel_columns=3, stride_rows=1,
        stride_columns=1, stride_words=20, stride_wrap_words=80, dilation_rows=1,
        dilation_columns=1, dilation_words=20, dilation_wrap_words=80, upsample=0, blocks=2,
        packed=0, first=1, last=1, weight_offset=0, release=1, channel_pool=0,
        window_rows=1, window_columns=1, window_stride_rows=1, window_stride_columns=1,
        window_top=0, window_left=0, pooled_rows=7, pooled_columns=9, output_zero_point=5,
        staging_address=0, byte_offset=0, rounding=1, scale_sums=0, wide_factors=0,
        clamp_low=200, clamp_high=55,
        diagonal=0, table=0,
    )  # fmt: skip
    passes = -(-27 // config.array.input_lanes)
    stride_2 = {
        "window_rows": 2, "window_columns": 2, "window_stride_rows": 2, "window_stride_columns": 2,
        "pooled_rows": 4, "pooled_columns": 5,
    }  # fmt: skip
    found: list[Descriptor] = [
        Load(
            destination=Destination.FEATURES,
            wait_computes=7,
            wait_stores=8,
            address=5 * word,
            row_words=17,
            rows=3,
            row_stride_bytes=40 * word,
            blocks=2,
            block_stride_bytes=400 * word,
            first_line=9,
            buffer_block_words=99,
            ring_row=1,
            ring_rows=4,
            wrap_words=51,
        ),
        Load.single_run(Destination.WEIGHTS, 7 * word, 1),
        Load.single_run(Destination.PROGRAM, 3 * DESCRIPTOR_BYTES, 16 * DESCRIPTOR_BYTES // word),
        Load.single_run(Destination.PROGRAM, 3 * DESCRIPTOR_BYTES, 5 * DESCRIPTOR_BYTES // word),
        tile,
        tile._replace(packed=1, blocks=passes),
        tile._replace(diagonal=1, kernel_rows=2, kernel_columns=4),
        tile._replace(upsample=1, first=0, last=0),
        *[tile._replace(diagonal=1, chained=1, stride_columns=2)] * has_chain(config),
        tile._replace(**stride_2),
        tile._replace(window_rows=15, window_columns=15, window_top=14, window_left=14),
        tile._replace(rows=1, columns=1, pooled_rows=1, pooled_columns=1),
        Store(3, 5 * word, 9, 7, 20 * word, 2, 400 * word, 11),
        End(5),
    ]
    if config.channel_pool:
        half = config.array.output_lanes // 2
        found += [tile._replace(channel_pool=k) for k in (1, 2, 3)]
        found += [tile._replace(channel_pool=1, byte_offset=half)] * (half < word)
    return found


def values(field: Field, rng: np.random.Generator) -> list[int]:
    """Return values of a field: near its ends and small powers of two, and a few drawn ones."""
    near = [sign * (1 << power) + offset
            for power in range(11) for offset in (-1, 0, 1) for sign in (1, -1)]  # fmt: skip
    drawn = rng.integers(field.low, field.high + 1, 4).tolist()
    ends = [field.low, field.low + 1, field.high - 1, field.high]
    return sorted(value for value in {*near, *ends, *drawn} if field.low <= value <= field.high)


def changed(descriptor: Descriptor, rng: np.random.Generator) -> Iterator[Descriptor]:
    """Yield descriptors with every field changed alone, then some with two changed fields."""
    fields = [field for field in FIELDS[OPCODES[type(descriptor)]] if field is not OPCODE]
    for field in fields:
        for value in values(field, rng):
            yield descriptor._replace(**{field.name: value})
    for _ in range(150):
        pair = [fields[number] for number in rng.integers(0, len(fields), 2)]
        yield descriptor._replace(
            **{field.name: int(rng.choice(values(field, rng))) for field in pair}
        )


@pytest.mark.parametrize("name", CONFIGS)
def test_every_rule_is_kept_and_broken_alone(name: str) -> None:
    config, seed = CONFIGS[name], 11
    rng = np.random.default_rng(seed)
    good = sound(config)
    assert [broken_rule(descriptor, config) for descriptor in good] == [None] * len(good)
    descriptors = good + [other for descriptor in good for other in changed(descriptor, rng)]
    alone: set[tuple[Opcode, str]] = set()
    for descriptor in descriptors:
        opcode = OPCODES[type(descriptor)]
        rules = [rule for rule in RULES if rule.opcode is opcode]
        broken = [rule for rule in rules if not rule.holds(descriptor, config)]
        if len(broken) == 1:
            alone.add((opcode, broken[0].text))
    missing = {(rule.opcode, rule.text) for rule in RULES} - alone
    bounded = config.channel_pool and config.array.output_lanes >= 8  # k = 8 at most, and has room
    never = {
        "2^`channel_pool`": bounded,
        "`wide_factors`": config.widths.multiplier_bits == 16,
        "`table`": config.tables,
    }
    assert {text for _, text in missing} == {
        rule.text for rule in RULES for name, kept in never.items() if kept and name in rule.text
    }
    assert_judged(config, [encode(descriptor) for descriptor in descriptors], f"{seed=}")


def test_every_reserved_bit_format_and_opcode() -> None:
    config, seed = CONFIGS["nano"], 12
    rng = np.random.default_rng(seed)
    good = {OPCODES[type(descriptor)]: encode(descriptor) for descriptor in sound(config)}
    reserved, others, foreign = [], [], []
    for opcode, data in good.items():
        word = int.from_bytes(data, "little")
        bits = [1 << bit for bit in range(BITS[opcode], FORMAT_SHIFT)]
        reserved += [word | bit for bit in bits]
        broken = FORMAT_NUMBER << FORMAT_SHIFT | (1 << FORMAT_SHIFT) - 16 | opcode
        reserved += [word | bits[-1] | bits[0], broken]
        others += [word ^ (number << FORMAT_SHIFT) for number in range(1, 16)]
        foreign += [word & ~OPCODE.high | code for code in range(16)]
    drawn = [rng.bytes(DESCRIPTOR_BYTES) for _ in range(200)]
    as_bytes = [word.to_bytes(DESCRIPTOR_BYTES, "little") for word in reserved]
    assert set(assert_judged(config, as_bytes)) == {ErrorCode.RESERVED}
    as_bytes = [word.to_bytes(DESCRIPTOR_BYTES, "little") for word in others]
    assert set(assert_judged(config, as_bytes)) == {ErrorCode.FORMAT}
    as_bytes = [word.to_bytes(DESCRIPTOR_BYTES, "little") for word in foreign]
    assert ErrorCode.OPCODE in assert_judged(config, as_bytes)
    assert_judged(config, [bytes(DESCRIPTOR_BYTES), b"\xff" * DESCRIPTOR_BYTES, *drawn], f"{seed=}")


@pytest.mark.parametrize(("name", "k"), [("nano", 4), ("without channel pool", 1)])
def test_a_compiled_network_is_accepted(name: str, k: int) -> None:
    config = CONFIGS[name]
    program = compile_graph(build_network("tiny-yolov2-mini", k=k), config)
    assert {type(descriptor) for descriptor in program.descriptors} == set(OPCODES)
    descriptors = [encode(descriptor) for descriptor in program.descriptors]
    assert set(judged(config, descriptors)) == {ErrorCode.NONE}


def test_what_is_refused_is_an_error_of_the_program_unless_it_is_wrong_itself() -> None:
    config, seed = CONFIGS["nano"], 13
    rng = np.random.default_rng(seed)
    good = [encode(descriptor) for descriptor in sound(config)]
    bad = list(map(rng.bytes, [DESCRIPTOR_BYTES] * 50))
    assert set(judged(config, good, refused=True)) == {ErrorCode.PROGRAM}
    assert judged(config, bad, refused=True) == [expected(data, config) for data in bad]

"""Every key of a configuration has bounds: values outside are refused, values inside work."""

import re
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.arch.config import Config, keys, load_config, parse_config, preset_text
from hwsim.arch.sections import Energy
from hwsim.cost.estimate import Estimate
from hwsim.errors import InputError
from hwsim.flows.estimate import price
from hwsim.graph import Graph, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.report.document import make_document
from hwsim.report.json_text import json_text
from tools.configuration_document import section_keys, tables

LARGEST_BUFFER = 67_108_800
# The least and the largest value of every number, stated a second time.
BOUNDS: dict[str, tuple[int, int]] = {
    "array.input_lanes": (4, 64),
    "array.output_lanes": (8, 256),
    "array.rescale_lanes": (1, 64),
    "widths.activation_bits": (8, 8),
    "widths.weight_bits": (4, 8),
    "widths.accumulator_bits": (32, 32),
    "widths.multiplier_bits": (16, 32),
    "buffers.feature_bytes": (8, LARGEST_BUFFER),
    "buffers.weight_bytes": (8, LARGEST_BUFFER),
    "buffers.staging_bytes": (8, LARGEST_BUFFER),
    "buffers.accumulator_depth": (2, 512),
    "bus.bus_bits": (32, 512),
    "bus.burst_beats": (2, 256),
    "bus.outstanding_reads": (2, 256),
    "clock.clock_hz": (1, 10_000_000_000),
    "memory.latency_cycles": (1, 1_000_000),
    "memory.bandwidth_bytes_per_cycle": (1, 1024),
    "energy.mac_pj": (0, 1_000_000),
    "energy.on_chip_pj_per_byte": (0, 1_000_000),
    "energy.dram_pj_per_byte": (0, 1_000_000),
}
REALS = {key for key in BOUNDS if key.startswith(("energy", "memory.bandwidth"))}
TEXTS = {
    "name": 64,
    "energy.mac_source": 200,
    "energy.on_chip_source": 200,
    "energy.dram_source": 200,
}
OTHER_TYPES = ["true", '"8"', "[8]", "{a = 8}", "1979-05-27", "inf", "nan"]
ABSURD = ["-1", str(10**30), str(10**400), "1" * 900, "0x" + "f" * 900, "-1e308", "1e308"]


def with_value(key: str, value: str) -> str:
    """Return the TOML of preset `edge` with another value of one key."""
    name = key.rpartition(".")[2]
    text, count = re.subn(rf"(?m)^{name} = .*$", lambda _: f"{name} = {value}", preset_text("edge"))
    assert count == 1
    return text


def refusal(text: str) -> str:
    """Return the one line that refuses a text, without the origin at its beginning."""
    with pytest.raises(InputError) as refused:
        parse_config(text, "chip.toml")
    line = str(refused.value)
    assert line.startswith("chip.toml: ")
    assert line.isprintable()
    assert len(line) < 300
    return line.removeprefix("chip.toml: ")


def test_every_key_has_its_bounds_in_this_test() -> None:
    sections = load_config("edge").model_dump()
    keys = {
        f"{section}.{key}" if key else section
        for section, values in sections.items()
        for key in (values if isinstance(values, dict) else [""])
    }
    switches = {"channel_pool", "tables", "residency", "memory.shared", "host.space_to_depth"}
    assert keys == {*BOUNDS, *TEXTS, *switches, "array.multipliers"}


def test_the_document_has_every_key_with_these_bounds_and_their_reason() -> None:
    documented = {key.name: key for table in tables() for key in section_keys(*table)}
    assert list(documented) == list(keys())
    for name, (least, largest) in BOUNDS.items():
        figures = re.findall(r"[0-9][0-9,]*", documented[name].range)
        assert [int(figure.replace(",", "")) for figure in (figures[0], figures[-1])] == [
            least,
            largest,
        ], name
        assert documented[name].reason, name
    for name, most in TEXTS.items():
        assert documented[name].range == f"1 to {most} characters"
    assert all(key.meaning.endswith(".") for key in documented.values())


@pytest.mark.parametrize("key", BOUNDS)
def test_no_number_leaves_its_bounds(key: str) -> None:
    least, largest = BOUNDS[key]
    for value in (str(least - 1), str(largest + 1), *ABSURD, *OTHER_TYPES):
        assert refusal(with_value(key, value)).startswith(f"{key} = "), value
    if key not in REALS:
        assert refusal(with_value(key, f"{least}.5")).startswith(f"{key} = ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("array.input_lanes", 24),
        ("array.output_lanes", 48),
        ("buffers.accumulator_depth", 100),
        ("bus.bus_bits", 96),
        ("bus.burst_beats", 12),
    ],
)
def test_powers_of_two(key: str, value: int) -> None:
    assert refusal(with_value(key, f"{value}")) == f"{key} = {value}: must be a power of two"


@pytest.mark.parametrize(
    ("value", "cycles_per_beat"),
    [
        ("16", 1),
        ("32", 1),
        ("8.0", 2),
        ("6.4", (5, 2)),
        ("3.2", 5),
        ("1.7", (160, 17)),
        ("1.001", (16000, 1001)),
    ],
)
def test_a_bandwidth_is_taken_as_it_is_written(
    value: str, cycles_per_beat: int | tuple[int, int]
) -> None:
    config = parse_config(with_value("memory.bandwidth_bytes_per_cycle", value), "chip.toml")
    ratio = cycles_per_beat if isinstance(cycles_per_beat, tuple) else (cycles_per_beat, 1)
    assert config.cycles_per_beat == Fraction(*ratio)
    written = f'"bandwidth_bytes_per_cycle":{value.removesuffix(".0")},'
    assert written in config.model_dump_json()


def test_a_bandwidth_has_at_most_three_places() -> None:
    text = with_value("memory.bandwidth_bytes_per_cycle", "6.4001")
    assert refusal(text) == (
        "memory.bandwidth_bytes_per_cycle = 6.4001: must have at most three places behind the point"
    )


@pytest.mark.parametrize("key", TEXTS)
def test_no_text_is_empty_too_long_or_unprintable(key: str) -> None:
    most = TEXTS[key]
    longest = '<é&"`$'.ljust(most, "x")
    parse_config(with_value(key, f"'{longest}'"), "chip.toml")
    control = [f'"a\\u{code:04x}b"' for code in (0x00, 0x07, 0x0A, 0x1B, 0x7F, 0x85, 0x202E)]
    for value in ('""', '"  "', f'"{"x" * (most + 1)}"', f'"{"x" * 900}"', "3", *control):
        assert refusal(with_value(key, value)).startswith(f"{key} = "), value
    too_long = refusal(with_value(key, f"'{longest}x'"))
    assert too_long.endswith(f"at most {most} characters")


def test_an_energy_is_never_minus_zero() -> None:
    energy = parse_config(with_value("energy.mac_pj", "-0.0"), "chip.toml").energy
    assert energy is not None
    assert str(energy.mac_pj) == "0.0"


def test_an_array_beyond_what_becomes_verilog_is_refused() -> None:
    text = preset_text("mid").replace("input_lanes = 32", "input_lanes = 64")
    text = text.replace("output_lanes = 32", "output_lanes = 256")
    assert "must be at most 8192 multipliers" in refusal(text)


def words(least: int, largest: int) -> st.SearchStrategy[int]:
    """Draw a number of words, at the bounds or between them."""
    return st.sampled_from([least, largest]) | st.integers(least, largest)


def powers_of_two(least: int, largest: int) -> st.SearchStrategy[int]:
    return st.sampled_from(
        [1 << n for n in range(largest.bit_length()) if least <= 1 << n <= largest]
    )


bandwidths = powers_of_two(1, 1024) | st.integers(1000, 1_024_000).map(lambda rate: rate / 1000)
picojoules = st.sampled_from([0.0, 5e-324, 1e6]) | st.floats(0, 1e6)


@st.composite
def chips(draw: st.DrawFn) -> dict[str, Any]:
    """Draw any accelerator in which no two choices contradict each other."""
    lanes_in = draw(powers_of_two(4, 64))
    lanes_out = draw(
        powers_of_two(max(8, lanes_in // 2), min(256, 16 * lanes_in, 8192 // lanes_in))
    )
    weight_bits, burst = draw(st.sampled_from([4, 8])), draw(powers_of_two(2, 256))
    has_tables = draw(st.booleans())
    bus_bits = draw(powers_of_two(max(32, 16 * lanes_in // burst), 8 * lanes_in))
    burst_words = burst * bus_bits // (8 * lanes_in)
    behind_words = lanes_out * 16 // lanes_in + 256 // lanes_in * has_tables
    block_words = max(lanes_out * weight_bits // 8, behind_words)
    return {
        "name": "drawn",
        "channel_pool": draw(st.booleans()),
        "tables": has_tables,
        "residency": draw(st.booleans()),
        "array": {
            "input_lanes": lanes_in,
            "output_lanes": lanes_out,
            "rescale_lanes": draw(powers_of_two(1, min(lanes_in, lanes_out))),
        },
        "widths": {"weight_bits": weight_bits, "multiplier_bits": draw(st.sampled_from([16, 32]))},
        "buffers": {
            "feature_bytes": lanes_in * draw(words(2, (1 << 20) - 1)),
            "weight_bytes": lanes_in * draw(words(block_words + burst_words, (1 << 20) - 1)),
            "staging_bytes": lanes_in * draw(words(2, 1 << 16)),
            "accumulator_depth": draw(powers_of_two(2, 512)),
        },
        "bus": {
            "bus_bits": bus_bits,
            "burst_beats": burst,
            "outstanding_reads": draw(words(2, 256)),
        },
        "clock": {"clock_hz": draw(words(1, 10_000_000_000))},
        "memory": {
            "latency_cycles": draw(words(1, 1_000_000)),
            "bandwidth_bytes_per_cycle": draw(bandwidths),
            "shared": draw(st.booleans()),
        },
        "energy": {
            name: draw(picojoules) if name.endswith(("_pj", "_byte")) else "nobody"
            for name in Energy.model_fields
        },
    }


def small_network(weight_bits: int) -> Graph:
    """Return a network with an image, a condensed layer and a pool."""
    image = Tensor("image", Shape(3, 12, 12), is_image=True)
    taps = Source.whole(image, (3, 3), padding=1)
    first = Stage.inferred("conv1", [taps], "first", 16, 0.1, spatial_pool=SpatialPool.STRIDE_2,
                           weight_bits=weight_bits)  # fmt: skip
    last = Stage.inferred("conv2", [Source.whole(first.output, (1, 1))], "last", 10,
                          channel_pool=2, weight_bits=weight_bits)  # fmt: skip
    return Graph.chain("small", [first, last])


@settings(deadline=None, max_examples=150)
@given(chips())
def test_every_figure_of_a_legal_configuration_is_finite(chip: dict[str, Any]) -> None:
    config = Config.model_validate(chip)
    found = estimate_or_reason(config)
    if isinstance(found, Estimate):
        json_text(make_document(found))  # refuses numbers that are not finite
    else:
        assert found.isprintable()
        buffers = (config.feature_words, config.weight_words, config.staging_words)
        is_ample = min(buffers) > 5000 and config.buffers.accumulator_depth >= 4
        assert not (is_ample and config.channel_pool), found


def estimate_or_reason(config: Config) -> Estimate | str:
    """Return an estimate, or the refusal: no channel pool, or a buffer too small for a tile."""
    try:
        return price(ProgramGraphs.of(small_network(config.widths.weight_bits)), config)
    except InputError as error:
        return str(error)


def test_what_tomllib_cannot_take_is_one_line() -> None:
    for opening in ("[", "{a = "):
        deep = with_value("clock.clock_hz", opening * 150)
        assert refusal(deep).startswith("not valid TOML: ")
    deep = with_value("clock.clock_hz", "[" * 900)
    assert refusal(deep) == "not valid TOML: its brackets are nested too deeply"
    # tomllib would take minutes for this key.
    dots = refusal(preset_text("edge") + ".".join("a" * 10_000) + " = 1")
    assert dots == "line 44 has 20,003 characters, at most 1,000"
    assert refusal(preset_text("edge") + ".".join("a" * 400) + " = 1").startswith("unknown key")
    assert refusal(preset_text("edge") + '"\\u001b[31m\\n" = 1').startswith("unknown key")
    assert refusal(with_value("name", "'a\0b'")).startswith("not valid TOML: ")


@settings(deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_a_damaged_configuration_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, random: Random
) -> None:
    content = bytearray(preset_text("edge").encode())
    pieces = [*b'[ ] = " . e'.split(), b"\0", b"\n", b"\xff", b"9" * 500, b"\xef\xbb\xbf"]
    for _ in range(random.randrange(1, 5)):
        start = random.randrange(len(content))
        end = start + random.choice([0, 1, 30])
        content[start:end] = random.choice([*pieces, content[start : start + 200], b""])
    path = tmp_path_factory.getbasetemp() / "damaged.toml"
    path.write_bytes(content)
    reason = reason_for_refusing(path)
    assert "\n" not in reason
    assert len(reason) < 500


def reason_for_refusing(path: Path) -> str:
    """Return the reason for refusing a file, or an empty text."""
    try:
        load_config(str(path))
    except InputError as error:
        return str(error)
    return ""

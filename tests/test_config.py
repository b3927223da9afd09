"""Presets load, and a configuration that contradicts itself is refused in one line."""

import os
from pathlib import Path

import pytest

from hwsim.arch.config import PRESETS, load_config, parse_config, preset_text
from hwsim.errors import InputError


@pytest.mark.parametrize(
    ("name", "macs", "rescale_lanes", "feature_kib"),
    [("nano", 64, 1, 128), ("edge", 256, 8, 192), ("mid", 1024, 16, 512)],
)
def test_presets(name: str, macs: int, rescale_lanes: int, feature_kib: int) -> None:
    config = load_config(name)
    assert config.name == name
    assert config.macs_per_cycle == macs
    assert config.array.rescale_lanes == rescale_lanes
    assert config.buffers.feature_bytes == feature_kib * 1024
    assert set(PRESETS) == {"nano", "edge", "mid"}


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ('name = "edge"', 'name = ""', "name = '': must have characters"),
        ('name = "edge"', 'name = "a\\nb"', r"name = 'a\nb': must have characters, and only such"),
        ("input_lanes = 16", "input_lanes = 0", "array.input_lanes = 0: "),
        ("input_lanes = 16", "input_lanes = 12", "array.input_lanes = 12: must be a power of two"),
        ("input_lanes = 16", "input_lanes = 2", "array.input_lanes = 2: "),
        ("output_lanes = 16", "output_lanes = 4", "array.output_lanes = 4: "),
        ("rescale_lanes = 8", "rescale_lanes = 3", "array.rescale_lanes = 3 must divide"),
        ("weight_bits = 8", "weight_bits = 5", "widths.weight_bits = 5: "),
        ("multiplier_bits = 16", "multiplier_bits = 24", "widths.multiplier_bits = 24: "),
        ("weight_bytes = 65536", "weight_bytes = -1", "buffers.weight_bytes = -1: "),
        ("weight_bytes = 65536", "weight_bytes = 128", "at least 768"),
        ("feature_bytes = 196608", "feature_bytes = 100", "must be a multiple of a word, 16"),
        ("bus_bits = 128", "bus_bits = 256", "bus.bus_bits = 256 must be at most a word, array."),
        ("bus_bits = 128", "bus_bits = 96", "bus.bus_bits = 96: must be a power of two"),
        ("feature_bytes = 196608", "feature_bytes = 16", "must hold at least two words, 32"),
        ("burst_beats = 16", "burst_beats = 512", "bus.burst_beats = 512: "),
        ("burst_beats = 16", "burst_beats = 1", "bus.burst_beats = 1: "),
        ("outstanding_reads = 8", "outstanding_reads = 1", "bus.outstanding_reads = 1: "),
        ("clock_hz = 400_000_000", "clock_hz = 0.5", "clock.clock_hz = 0.5: "),
        ("latency_cycles = 60", 'latency_cycles = "60"', "memory.latency_cycles = '60': "),
        ("mac_pj = 0.3", "mac_pj = nan", "energy.mac_pj = nan: "),
        ("bus_bits = 128", "bus_bits = 4", "bus.bus_bits = 4: "),
        ("feature_bytes = 196608", "feature_bytes = 33554432", "address at most 16777200"),
        ("latency_cycles = 60", "latency_cycles = 10000000", "memory.latency_cycles = 10000000"),
        ("[bus]", "[buss]", "unknown key 'buss'"),
        ("[bus]", "[memory]", "not valid TOML: Cannot declare ('memory',) twice"),
        ("[bus]", "[bus.bus]", "unknown key 'bus.bus'"),
        ("[bus]", "[[bus]]", "bus = an array: "),
        (
            "input_lanes = 16",
            "input_lanes = 8",
            "bus.bus_bits = 128 must be at most a word, array.",
        ),
        ("input_lanes = 16", "input_lanes = 64", "must be at least half of array.input_lanes = 64"),
        ("rescale_lanes = 8", "rescale_lanes = 64", "array.rescale_lanes = 64 must divide"),
        ("rescale_lanes = 8", "rescale_lanes = 16\n[array.x]", "unknown key 'array.x'"),
        ("latency_cycles", "latency", "'memory.latency"),
        ("[array]", "[array", "not valid TOML"),
    ],
)
def test_a_contradiction_is_one_line_that_names_it(line: str, instead: str, message: str) -> None:
    text = preset_text("edge")
    assert line in text
    with pytest.raises(InputError) as refused:
        parse_config(text.replace(line, instead, 1), "chip.toml")
    assert str(refused.value).startswith("chip.toml: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_preset_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="no preset 'egde': did you mean 'edge'"):
        load_config("egde")


def test_a_missing_or_binary_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read config '.*none.toml': No such file"):
        load_config(str(tmp_path / "none.toml"))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8 text"):
        load_config(str(binary))


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(b"\xef\xbb\xbf" + preset_text("nano").replace("\n", "\r\n").encode())
    assert load_config(str(path)) == load_config("nano")
    path.write_bytes(preset_text("nano").encode("utf-16"))
    with pytest.raises(InputError, match="not UTF-8 text"):
        load_config(str(path))


def test_a_pipe_serves_as_a_configuration() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading):
        with os.fdopen(writing, "w") as pipe:
            pipe.write(preset_text("nano"))
        assert load_config(f"/dev/fd/{reading}") == load_config("nano")


def test_what_cannot_be_a_configuration_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_text(preset_text("nano").ljust(80_000), "utf-8")
    with pytest.raises(InputError, match="80,000 bytes, expected at most 65,536 bytes"):
        load_config(str(path))
    with pytest.raises(InputError, match="cannot read config '/dev/zero': is a device, no file"):
        load_config("/dev/zero")

"""Every recorded word is attributed to its layer, and every fault on the bus is noticed."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_features
from hwsim.frontends.builtin import build_network
from hwsim.program.program import Program
from hwsim.program.traffic import traffic_by_stage
from hwsim.testbenches.bus_record import (
    BusRecord,
    Difference,
    Kind,
    Misplaced,
    attribute,
    expected_reads,
    expected_writes,
    first_difference,
    load_record,
)
from tests.drawn import drawn_input, with_drawn_constants
from tests.outputs import golden_outputs

CONFIG = load_config("nano").without_residency
FIRST_RESPONSE = 1000  # the first word's; each word has one, a cycle later


@cache
def compiled() -> tuple[Program, tuple[NDArray[np.int8], ...]]:
    """Return a program, and the output of every layer."""
    graph = with_drawn_constants(build_network("condensation-net-mini", 32, 32), seed=1)
    outputs = golden_outputs(graph, torch.from_numpy(drawn_input(graph, seed=2))[None])
    return compile_graph(graph, CONFIG), tuple(output[0].numpy() for output in outputs)


@cache
def recorded() -> BusRecord:
    """Return the record of a bus without faults."""
    program, outputs = compiled()
    writes = expected_writes(program)
    words = np.zeros((len(writes.addresses), CONFIG.word_bytes), np.uint8)
    for index, (part, output) in enumerate(zip(program.stages, outputs, strict=True)):
        mine = writes.layers == index
        packed = np.frombuffer(pack_features(output, CONFIG), np.uint8)
        offsets = writes.addresses[mine] - program.region(part.stage.output).address
        words[mine] = packed.reshape(-1, CONFIG.word_bytes)[offsets // CONFIG.word_bytes]
    return BusRecord(
        expected_reads(program).addresses,
        writes.addresses,
        FIRST_RESPONSE + np.arange(len(words)),
        words,
        np.ones(words.shape, bool),
    )


def differences(record: BusRecord) -> dict[str, Difference]:
    program, outputs = compiled()
    stages = attribute(program, record).layers
    found = {
        one.layer.name: first_difference(output, one.stored, one.is_stored)
        for one, output in zip(stages, outputs, strict=True)
    }
    return {name: difference for name, difference in found.items() if difference}


def misplaced(**arrays: Any) -> list[Misplaced]:
    program, _ = compiled()
    return list(attribute(program, replace(recorded(), **arrays)).misplaced)


def test_a_right_record_is_attributed_to_the_byte() -> None:
    program, _ = compiled()
    found = attribute(program, recorded())
    assert found.misplaced == ()
    assert [one.bytes for one in found.layers] == [one.bytes for one in traffic_by_stage(program)]
    words = np.cumsum([one.bytes.features_written for one in found.layers])
    ends = [FIRST_RESPONSE + int(count) // CONFIG.word_bytes - 1 for count in words]
    assert [one.end_cycle for one in found.layers] == ends
    assert differences(recorded()) == {}


def layer_words(index: int) -> NDArray[np.int64]:
    program, _ = compiled()
    return np.flatnonzero(expected_writes(program).layers == index)


def test_a_wrong_value_is_found_where_it_is() -> None:
    program, outputs = compiled()
    # conv2 stores 16 channels on 8x8, in two blocks of 8 lanes.
    region = program.region(program.stages[1].stage.output)
    address = region.address + (8 * 8 + 3 * 8 + 5) * CONFIG.word_bytes
    mine = layer_words(1)
    word = mine[recorded().write_addresses[mine] == address][-1]
    words = recorded().words.copy()
    words[word, 2] ^= 0x80
    expected = int(outputs[1][10, 3, 5])
    assert differences(replace(recorded(), words=words)) == {
        "conv2": Difference(10, 3, 5, expected ^ -128, expected, 1)
    }


def test_a_wrong_padding_channel_is_found() -> None:
    """A wrong padding channel is a difference: 30 channels are stored in four words of 8 lanes."""
    words = recorded().words.copy()
    words[layer_words(8)[-1], 7] = 1
    assert differences(replace(recorded(), words=words)) == {"conv9": Difference(31, 0, 0, 1, 0, 1)}


def test_a_byte_without_its_strobe_was_never_stored() -> None:
    _, outputs = compiled()
    strobes = recorded().strobes.copy()
    strobes[layer_words(8)[0], 3] = False
    assert differences(replace(recorded(), strobes=strobes)) == {
        "conv9": Difference(3, 0, 0, None, int(outputs[8][3, 0, 0]), 1)
    }
    strobes[layer_words(8)] = np.arange(CONFIG.word_bytes) != 7  # the padding of the last word
    assert differences(replace(recorded(), strobes=strobes))["conv9"].elements == 4


@pytest.mark.parametrize("direction", ["read", "written"])
def test_a_word_too_few_or_too_many_is_told(direction: str) -> None:
    name = "read_addresses" if direction == "read" else "write_addresses"
    addresses = getattr(recorded(), name)
    count, last = len(addresses), int(addresses[-1])
    assert misplaced(**{name: addresses[:-1]}) == [
        Misplaced(direction, count - 1, "conv9", None, last)
    ]
    assert misplaced(**{name: np.append(addresses, 64)}) == [
        Misplaced(direction, count, "conv9", 64, None)
    ]


def test_words_that_change_places_are_told() -> None:
    addresses = recorded().read_addresses.copy()
    addresses[[200, 201]] = addresses[[201, 200]]
    (found,) = misplaced(read_addresses=addresses)
    assert (found.word, found.layer) == (200, "conv1")
    assert str(found) == (
        f"word 200 read is in conv1: {found.found:#010x} on the bus, "
        f"{found.expected:#010x} in the program"
    )


def test_a_class_comes_from_the_address_alone() -> None:
    program, _ = compiled()
    addresses = recorded().read_addresses.copy()
    addresses[-1] = program.code.address
    last = attribute(program, replace(recorded(), read_addresses=addresses)).layers[-1]
    before = traffic_by_stage(program)[-1].bytes
    assert last.bytes.program == before.program + CONFIG.word_bytes
    assert last.bytes.total == before.total


def test_a_run_that_stopped_has_no_end() -> None:
    program, _ = compiled()
    stages = attribute(program, replace(recorded(), response_cycles=np.arange(3))).layers
    assert [one.end_cycle for one in stages] == [2] + [None] * 8
    short = replace(
        recorded(),
        **{name: getattr(recorded(), name)[:3] for name in ("write_addresses", "words", "strobes")},
    )
    assert len(differences(short)) == 9


def events(*parts: Sequence[int]) -> bytes:
    return b"".join(pack("<QIHH", *part) for part in parts)


def test_the_recorder_s_files(tmp_path: Path) -> None:
    """The recorder's files are read: two bursts each way, the second write without a response."""
    (tmp_path / "bus.events").write_bytes(
        events(
            (7, 0, 0, Kind.START),
            (9, 0x2000, 3, Kind.READ_ADDRESS),
            (11, 0x1000, 1, Kind.READ_ADDRESS),
            (20, 0x100, 2, Kind.WRITE_ADDRESS),
            (21, 0x80, 1, Kind.WRITE_ADDRESS),
            (2**32 + 7, 0, 0, Kind.WRITE_RESPONSE),
        )
    )
    words = [bytes(range(start, start + 8)) for start in (0, 8, 16)]
    strobes = (0xFF, 0x83, 0)
    (tmp_path / "bus.written").write_bytes(
        b"".join(pack("<Q", bits) + word for bits, word in zip(strobes, words, strict=True))
    )
    record = load_record(tmp_path / "bus", CONFIG)
    assert record.read_addresses.tolist() == [0x2000, 0x2008, 0x2010, 0x1000]
    assert record.write_addresses.tolist() == [0x100, 0x108, 0x80]
    assert record.response_cycles.tolist() == [2**32, 2**32]
    assert record.words.tobytes() == b"".join(words)
    assert record.strobes.astype(int).tolist() == [[1] * 8, [1, 1, 0, 0, 0, 0, 0, 1], [0] * 8]

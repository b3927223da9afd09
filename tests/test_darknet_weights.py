"""Darknet's weights are read as its C source writes them; files that do not fit are refused."""

import os
import struct
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.frontends.darknet import read_weights, write_weights
from hwsim.golden.seeded_weights import draw_weights
from hwsim.graph.float_weights import FloatWeights

NAME = "tiny-yolov2-mini"


@pytest.fixture
def weights() -> tuple[FloatWeights, ...]:
    return tuple(stage.as_type(np.float32) for stage in draw_weights(build_network(NAME), seed=1))


@pytest.fixture
def file(weights: tuple[FloatWeights, ...], tmp_path: Path) -> Path:
    path = tmp_path / "network.weights"
    write_weights(build_network(NAME), weights, path)
    return path


def loaded(path: Path) -> tuple[FloatWeights, ...]:
    return read_weights(build_network(NAME), path)


def same(ours: FloatWeights, theirs: FloatWeights) -> bool:
    found, expected = ours.arrays(), theirs.arrays()
    return found.keys() == expected.keys() and all(
        found[name].dtype == np.float32 and np.array_equal(found[name], expected[name])
        for name in found
    )


def test_round_trip(weights: tuple[FloatWeights, ...], file: Path) -> None:
    assert all(same(*pair) for pair in zip(loaded(file), weights, strict=True))


def test_size_of_a_published_file() -> None:
    drawn = draw_weights(build_network("tiny-yolov2"), seed=0)
    floats = sum(array.size for stage in drawn for array in stage.arrays().values())
    assert 16 + 4 * floats == 63_471_556  # tiny-yolo-voc.weights, with a header of 16 bytes


def test_tensors_stand_in_darknets_order(file: Path) -> None:
    values = np.fromfile(file, "<f4", offset=20)
    values[:] = np.arange(len(values))
    file.write_bytes(file.read_bytes()[:20] + values.tobytes())
    first, *_, last = loaded(file)
    arrays = first.arrays()
    starts = [int(arrays[name].flat[0]) for name in ("bias", "scale", "mean", "variance")]
    assert [*starts, int(first.weights[0].flat[0])] == [0, 16, 32, 48, 64]
    assert int(last.weights[0].flat[0]) - int(last.bias[0]) == 30


@pytest.mark.parametrize(
    ("version", "seen_bytes"),
    [
        ((0, 1, 0), 4),
        ((0, 2, 0), 8),
        ((0, 2, 5), 8),
        ((1, 0, 0), 8),
        ((999, 999, 0), 8),
        ((1000, 2, 0), 4),
        ((0, 1000, 0), 4),
    ],
)
def test_headers_of_every_version(
    weights: tuple[FloatWeights, ...],
    file: Path,
    version: tuple[int, int, int],
    seen_bytes: int,
) -> None:
    floats = file.read_bytes()[20:]
    file.write_bytes(struct.pack("<3i", *version) + bytes(seen_bytes) + floats)
    assert same(loaded(file)[3], weights[3])


def test_a_file_of_another_size_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    floats = (len(whole) - 20) // 4
    for data in (whole[:-1], whole[:-4], whole + b"\0", whole[:20]):
        file.write_bytes(data)
        with pytest.raises(InputError) as caught:
            loaded(file)
        assert str(caught.value) == (
            f"weights '{file}': {len(data)} bytes, expected 20 of header and {floats} floats "
            f"= {len(whole)} for {NAME}"
        )


def test_files_that_cannot_be_weights_are_refused(file: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read weights '.*none': No such file"):
        loaded(file.with_name("none"))
    with pytest.raises(InputError, match="cannot read weights"):
        loaded(file.parent)
    whole = file.read_bytes()
    file.write_bytes(whole[:7])
    with pytest.raises(InputError, match="7 bytes, too short for a header"):
        loaded(file)
    file.write_bytes(whole[:-4] + struct.pack("<f", np.nan))
    with pytest.raises(InputError, match=r"conv9: float weights holds nan at \[29, 63, 0, 0\]"):
        loaded(file)
    variance = 20 + 48 * 4
    file.write_bytes(whole[:variance] + struct.pack("<f", -1.0) + whole[variance + 4 :])
    with pytest.raises(InputError, match=r"conv1: variance holds -1\.0: must not be neg"):
        loaded(file)


@pytest.mark.parametrize("size_bytes", [100, 200 << 30])
def test_a_wrong_size_is_told_unread(size_bytes: int, tmp_path: Path) -> None:
    """A wrong size is refused unread: the sparse file is too large to read in this time."""
    path = tmp_path / "sparse.weights"
    with path.open("wb") as file:
        file.write(struct.pack("<iiiq", 0, 2, 0, 0))
        file.truncate(size_bytes)
    start = time.process_time()
    with pytest.raises(InputError, match=rf"'{path}': {size_bytes} bytes, expected 20 of"):
        loaded(path)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_what_is_no_file_is_refused_at_once(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / name
    with pytest.raises(InputError, match=f"cannot read weights '{path}': is a .*, no file"):
        loaded(path)


def test_a_file_that_shrinks_meanwhile_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shorten(*arguments: Any) -> Any:
        os.truncate(file, 1000)
        return np_fromfile(*arguments)

    np_fromfile = np.fromfile
    monkeypatch.setattr(np, "fromfile", shorten)
    with pytest.raises(InputError, match="cut short meanwhile"):
        loaded(file)


def test_damaged_weights_are_read_or_refused_in_one_line(file: Path) -> None:
    whole = file.read_bytes()
    odd = [0x00000000, 0x80000000, 0x00000001, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F7FFFFF]
    random = Random(0)
    outcomes = set()
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(random.randrange(1, 5)):
            place = 4 * random.randrange(300)  # header, first layer, some of the second
            content[place : place + 4] = struct.pack(
                "<I", random.choice([*odd, random.getrandbits(32)])
            )
        file.write_bytes(content[: random.choice([len(content)] * 9 + [random.randrange(40)])])
        reason = reason_for_refusing(file)
        assert reason.isprintable()
        outcomes.add(bool(reason))
    assert outcomes == {False, True}


def reason_for_refusing(path: Path) -> str:
    """Return the reason for refusing weights, or an empty text."""
    try:
        loaded(path)
    except InputError as error:
        return str(error)
    return ""

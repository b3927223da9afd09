"""Darknet's weights are read as its C source writes them; files that do not fit are refused."""

import os
import struct
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from hwsim.errors import InputError
from hwsim.flows.quantized import Recipe
from hwsim.frontends.builtin import build_network
from hwsim.golden.darknet_weights import load_darknet_weights, save_darknet_weights, stored_tensors
from hwsim.golden.networks import FloatNetwork
from hwsim.golden.photographs import photograph
from hwsim.golden.quantize import quantize_network, quantized_network
from hwsim.golden.seeded_weights import seed_weights

NAME = "tiny-yolov2-mini"


@pytest.fixture
def network() -> FloatNetwork:
    network = FloatNetwork(build_network(NAME))
    seed_weights(network, [photograph("cat", height=64, width=64)], seed=1)
    return network


@pytest.fixture
def file(network: FloatNetwork, tmp_path: Path) -> Path:
    path = tmp_path / "network.weights"
    save_darknet_weights(network, path)
    return path


def loaded(path: Path) -> FloatNetwork:
    network = FloatNetwork(build_network(NAME))
    load_darknet_weights(network, path)
    return network


def test_round_trip(network: FloatNetwork, file: Path) -> None:
    found = loaded(file).state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(found[name], tensor), name


def test_size_of_a_published_file() -> None:
    with torch.device("meta"):
        network = FloatNetwork(build_network("tiny-yolov2"))
    floats = sum(tensor.numel() for tensor in stored_tensors(network))
    assert 16 + 4 * floats == 63_471_556  # tiny-yolo-voc.weights, with a header of 16 bytes


def test_tensors_stand_in_darknets_order(file: Path) -> None:
    values = np.fromfile(file, "<f4", offset=20)
    values[:] = np.arange(len(values))
    file.write_bytes(file.read_bytes()[:20] + values.tobytes())
    first = loaded(file).float_layers()[0]
    tensors = (first.bias, first.scale, first.mean, first.variance, first.weights)
    starts = [int(tensor.flatten()[0]) for tensor in tensors]
    assert starts == [0, 16, 32, 48, 64]
    last = loaded(file).float_layers()[-1]
    assert int(last.weights[0, 0, 0, 0]) - int(last.bias[0]) == 30


@pytest.mark.parametrize(
    ("version", "seen_bytes"), [((0, 1, 0), 4), ((0, 2, 0), 8), ((0, 2, 5), 8), ((1, 0, 0), 8)]
)
def test_headers_of_every_version(
    network: FloatNetwork, file: Path, version: tuple[int, int, int], seen_bytes: int
) -> None:
    floats = file.read_bytes()[20:]
    file.write_bytes(struct.pack("<3i", *version) + bytes(seen_bytes) + floats)
    assert torch.equal(loaded(file).float_layers()[3].weights, network.float_layers()[3].weights)


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
    with pytest.raises(InputError, match=r"float \d+ is not finite"):
        loaded(file)
    variance = 20 + 48 * 4
    file.write_bytes(whole[:variance] + struct.pack("<f", -1.0) + whole[variance + 4 :])
    with pytest.raises(InputError, match="conv1 has a negative variance"):
        loaded(file)


@pytest.mark.parametrize("size_bytes", [100, 200 << 30])
def test_a_wrong_size_is_told_unread(size_bytes: int, tmp_path: Path) -> None:
    """A wrong size is refused unread: the sparse file is too large to read in this time."""
    path = tmp_path / "sparse.weights"
    with path.open("wb") as file:
        file.write(struct.pack("<iiiq", 0, 2, 0, 0))
        file.truncate(size_bytes)
    recipe = Recipe(NAME, 64, 64, 1, 8, 16, str(path))
    for read in (lambda: loaded(path), recipe.content_hash):
        start = time.process_time()
        with pytest.raises(InputError, match=rf"'{path}': {size_bytes} bytes, expected 20 of"):
            read()
        assert time.process_time() - start < 1


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_what_is_no_file_is_refused_at_once(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / name
    for read in (lambda: loaded(path), Recipe(NAME, 64, 64, 1, 8, 16, str(path)).content_hash):
        with pytest.raises(InputError, match=f"cannot read weights '{path}': is a .*, no file"):
            read()


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


def test_a_nearly_dead_channel_keeps_its_bias(network: FloatNetwork, tmp_path: Path) -> None:
    path = tmp_path / "dead.weights"
    first = network.float_layers()[0]
    with torch.no_grad():
        first.scale[3] = 1e-12
        first.bias[3] = 0.5
    save_darknet_weights(network, path)
    layer = quantize_network(NAME, 64, 64, weights=path).layers[0]
    assert layer.constants is not None
    assert layer.output.quantization is not None
    bias, multiplier, shift = (
        int(values[3])
        for values in (layer.constants.bias, layer.constants.multiplier, layer.constants.shift)
    )
    assert not layer.constants.weights[3].any()
    assert bias == 2**24
    expected = 0.5 / layer.output.quantization.scale
    assert abs(bias * multiplier / 2**shift - expected) < 0.01


def test_weights_decide_the_network(file: Path) -> None:
    graph = build_network(NAME, 64, 64)
    from_file = quantized_network(graph, weights=file)
    seeded = quantized_network(graph, seed=1)
    assert not torch.equal(
        from_file.quantized_layers()[0].convolution.weight,
        seeded.quantized_layers()[0].convolution.weight,
    )


@pytest.mark.parametrize("magnitude", [1e38, 1e20, 1e5])
def test_finite_but_absurd_weights_are_one_line(tmp_path: Path, magnitude: float) -> None:
    count = sum(tensor.numel() for tensor in stored_tensors(FloatNetwork(build_network(NAME))))
    values = np.random.default_rng(0).uniform(0.1, 1, count) * magnitude
    path = tmp_path / "huge.weights"
    path.write_bytes(struct.pack("<iiiq", 0, 2, 0, 0) + values.astype("<f4").tobytes())
    with pytest.raises(InputError, match=r"conv\d"):
        quantize_network(NAME, weights=path)

"""Drawn `.tflite` files of one operator: every value is the runtimes' own, in int8 and uint8."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hwsim.errors import InputError

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from hwsim.frontends.tflite import read_network
from hwsim.frontends.tflite_operators import KINDS, MAKERS
from hwsim.frontends.tflite_options import CUSTOM_OPTIONS, OPTIONS
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import Operator
from tests.tflite_drawn import DRAWN, drawn_file
from tests.tflite_judges import Arrays, litert_outputs, outputs_of, tflm_outputs

NOT_DRAWN = {"SLICE"}
DRAWN_ELSEWHERE = set(CUSTOM_OPTIONS)
QUICK, MANY = 12, 400  # files of each operator
NOT_IN_TFLM = {"RELU_N1_TO_1"}


def judged(word: str, kind: str, kernels: Kernels, files: int, tmp_path: Path) -> Iterator[Arrays]:
    """Yield pairs of our outputs and the runtime's, of some drawn files."""
    judge = litert_outputs if kernels is Kernels.LITERT else tflm_outputs
    path = tmp_path / "drawn.tflite"
    for seed in range(files):
        content, inputs = drawn_file(word, kind, seed)
        path.write_bytes(content)
        ours = outputs_of(read_network(path, kernels), inputs, kernels)
        yield from map(list, zip(ours, judge(content, inputs), strict=True))


def check(word: str, kind: str, kernels: Kernels, files: int, tmp_path: Path) -> None:
    found = Counter[str]()
    for ours, theirs in judged(word, kind, kernels, files, tmp_path):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        found["values"] += ours.size
        found["differ"] += int((ours != theirs).sum())
    print(f"{kernels} {word:24} {kind:6} {found['differ']:>6} of {found['values']:>9,} differ")
    assert found["values"]
    assert not found["differ"]


def test_every_operator_is_drawn() -> None:
    words = set(DRAWN) | NOT_DRAWN | DRAWN_ELSEWHERE
    assert set(OPTIONS) | set(CUSTOM_OPTIONS) == set(MAKERS) == set(KINDS) == words


@pytest.mark.parametrize("word", DRAWN)
def test_its_kinds_are_those_of_the_table(word: str, tmp_path: Path) -> None:
    path, found = tmp_path / "drawn.tflite", set[type[Operator]]()
    for seed in range(QUICK):
        path.write_bytes(drawn_file(word, "int8", seed)[0])
        found.update(type(operator) for operator in read_network(path).operators)
    assert found == set(KINDS[word])


@pytest.mark.parametrize("kind", ["int8", "uint8"])
@pytest.mark.parametrize("word", DRAWN)
def test_it_is_litert_s(word: str, kind: str, tmp_path: Path) -> None:
    check(word, kind, Kernels.LITERT, QUICK, tmp_path)


@pytest.mark.parametrize("word", [word for word in DRAWN if word not in NOT_IN_TFLM])
def test_it_is_tflm_s(word: str, tmp_path: Path) -> None:
    check(word, "int8", Kernels.TFLM, QUICK, tmp_path)


@pytest.mark.parametrize("word", ["DEQUANTIZE", "RESHAPE"])
def test_it_is_tflm_s_in_uint8(word: str, tmp_path: Path) -> None:
    check(word, "uint8", Kernels.TFLM, QUICK, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["int8", "uint8"])
@pytest.mark.parametrize("word", DRAWN)
def test_it_is_the_runtimes_in_many_files(word: str, kind: str, tmp_path: Path) -> None:
    check(word, kind, Kernels.LITERT, MANY, tmp_path)
    if kind == "int8" and word not in NOT_IN_TFLM:
        check(word, kind, Kernels.TFLM, MANY, tmp_path)


@pytest.mark.parametrize(
    ("word", "kind", "kernels", "reason"),
    [
        ("RELU_N1_TO_1", "int8", Kernels.TFLM, "TFLM does not have it"),
        ("ADD", "uint8", Kernels.TFLM, "operator 0 ADD: TFLM does not compute it in uint8"),
    ],
)
def test_what_one_runtime_does_not_compute_is_refused(
    word: str, kind: str, kernels: Kernels, reason: str, tmp_path: Path
) -> None:
    content, inputs = drawn_file(word, kind, 0)
    path = tmp_path / "drawn.tflite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_network(path, kernels)
    with pytest.raises(RuntimeError):
        tflm_outputs(content, inputs)

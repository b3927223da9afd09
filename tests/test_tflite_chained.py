"""Drawn `.tflite` files of several operators leave what the runtimes leave, from end to end."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.errors import InputError
from hwsim.graph.steps import FileNetwork
from tests.tflite_chained import chained_file
from tests.tflite_judges import litert_outputs, tflm_outputs
from tests.tflite_writer import File

QUICK, MANY = 12, 300  # files
# Every third file is of uint8 and every third is judged by TFLM, of which all are int8.
KINDS = (("int8", "litert"), ("int8", "tflm"), ("uint8", "litert"))


def outcome(seed: int, path: Path, operators: int) -> str:
    """Compare a file's outputs with the runtime's; return "equal", or why it is refused.

    Behind "equal" stands the number of programs.
    """
    kind, kernels = KINDS[seed % len(KINDS)]
    content, inputs = chained_file(kind, seed, operators)
    path.write_bytes(content)
    judge = tflm_outputs if kernels == "tflm" else litert_outputs
    expected = judge(content, inputs)
    try:
        network = hwsim.load(path, kernels=kernels)
    except InputError as error:
        return str(error).splitlines()[-1].split(": ")[-1]
    assert isinstance(network, FileNetwork)
    given = dict(zip(network.inputs, inputs, strict=True))
    config = ("edge", "nano")[seed % 2]
    found = hwsim.run(network, config, inputs=given, check=True).outputs
    for output, judged in zip(found.values(), expected, strict=True):
        assert output.dtype == judged.dtype, seed
        np.testing.assert_array_equal(output, judged, err_msg=str(seed))
    return f"equal, {len(network.device_steps)}"


def check(seeds: range, path: Path, operators: int) -> None:
    outcomes = Counter(outcome(seed, path, operators) for seed in seeds)
    print(f"{len(seeds)} files: {dict(outcomes)}")
    assert outcomes["equal, 1"]
    assert outcomes["equal, 2"]
    equal = sum(count for each, count in outcomes.items() if each.startswith("equal"))
    assert equal * 10 > 9 * len(seeds)


def test_chains_of_operators_leave_what_the_runtimes_leave(tmp_path: Path) -> None:
    check(range(QUICK), tmp_path / "chain.tflite", 7)


@pytest.mark.slow
def test_many_chains_of_operators_leave_what_the_runtimes_leave(tmp_path: Path) -> None:
    check(range(QUICK, QUICK + MANY), tmp_path / "chain.tflite", 12)


def moved(word: str) -> File:
    """Return a file whose one output only moves values of a convolution."""
    file = File()
    x = file.tensor((1, 4, 6, 2), "int8", [0.5], [3], name="x")
    weights = file.constant(np.ones((2, 1, 1, 2), np.int8), scales=[0.6], zero_points=[0])
    bias = file.constant(np.arange(2, dtype=np.int32), scales=[0.3], zero_points=[0])
    y = file.tensor((1, 4, 6, 2), "int8", [0.5], [3])
    dims = {"CONCATENATION": (1, 4, 6, 4), "SLICE": (1, 4, 6, 1), "RESIZE": (1, 8, 12, 2)}
    out = file.tensor(dims[word], "int8", [0.5], [3], name="own name")
    file.operator("CONV_2D", [x, weights, bias], y, StrideH=1, StrideW=1)
    if word == "CONCATENATION":
        file.operator(word, [y, x], out, Axis=3)
    elif word == "SLICE":
        ends = [file.constant(np.array(each, np.int32)) for each in ((0, 0, 0, 1), dims[word])]
        file.operator(word, [y, *ends], out)
    else:
        size = file.constant(np.array((8, 12), np.int32))
        file.operator("RESIZE_NEAREST_NEIGHBOR", [y, size], out)
    file.inputs, file.outputs = [x], [out]
    return file


@pytest.mark.parametrize("word", ["CONCATENATION", "SLICE", "RESIZE"])
def test_what_is_an_address_inside_may_be_an_output(word: str, tmp_path: Path) -> None:
    path, content = tmp_path / "moved.tflite", moved(word).content()
    path.write_bytes(content)
    x = np.random.default_rng(1).integers(-128, 128, (1, 4, 6, 2)).astype(np.int8)
    found = hwsim.run(path, "nano", inputs={"x": x}, check=True).outputs
    assert list(found) == ["own name"]
    np.testing.assert_array_equal(found["own name"], litert_outputs(content, [x])[0])


def test_a_pool_s_only_window_may_leave_a_rest_of_the_map(tmp_path: Path) -> None:
    file = File()
    x = file.tensor((1, 5, 4, 2), "int8", [0.5], [3], name="x")
    out = file.tensor((1, 1, 3, 2), "int8", [0.5], [3])
    options = {"FilterHeight": 3, "FilterWidth": 2, "StrideH": 4, "StrideW": 1, "Padding": 1}
    file.operator("AVERAGE_POOL_2D", [x], out, **options)
    file.inputs, file.outputs = [x], [out]
    path, content = tmp_path / "pool.tflite", file.content()
    path.write_bytes(content)
    values = np.random.default_rng(1).integers(-128, 128, (1, 5, 4, 2)).astype(np.int8)
    found = hwsim.run(path, "nano", inputs={"x": values}, check=True).outputs
    (output,) = found.values()
    np.testing.assert_array_equal(output, litert_outputs(content, [values])[0])

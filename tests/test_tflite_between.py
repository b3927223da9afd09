"""Operators that the host computes may stand anywhere: the accelerator computes what is around."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.errors import InputError
from hwsim.graph.steps import FileNetwork
from tests.tflite_drawn import DRAWN
from tests.tflite_enclosed import enclosed_file
from tests.tflite_judges import litert_outputs, tflm_outputs

QUICK, MANY = 4, 60  # files of each operator
ALWAYS_THE_HOST_S = {"RESIZE_BILINEAR", "SOFTMAX", "TRANSPOSE_CONV"}
SOMETIMES_THE_HOST_S = {
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "DEPTH_TO_SPACE", "DEQUANTIZE", "MEAN", "MUL",
    "QUANTIZE", "RESHAPE", "RESIZE_NEAREST_NEIGHBOR", "SUB",
}  # fmt: skip
CASES = [
    *((word, kind, "litert") for word in DRAWN for kind in ("int8", "uint8")),
    *((word, "int8", "tflm") for word in DRAWN if word != "RELU_N1_TO_1"),
]


def programs(word: str, kind: str, kernels: str, seed: int, path: Path) -> int | str:
    """Compare a file's outputs with the runtime's.

    Return the number of programs, or why the file is refused.
    """
    content, inputs = enclosed_file(word, kind, seed)
    path.write_bytes(content)
    expected = (tflm_outputs if kernels == "tflm" else litert_outputs)(content, inputs)
    try:
        network = hwsim.load(path, kernels=kernels)
    except InputError as error:
        return str(error).splitlines()[-1].split(": ")[-1]
    assert isinstance(network, FileNetwork)
    given = dict(zip(network.inputs, inputs, strict=True))
    found = hwsim.run(network, ("edge", "nano")[seed % 2], inputs=given, check=True).outputs
    for output, judged in zip(found.values(), expected, strict=True):
        np.testing.assert_array_equal(output, judged, err_msg=f"{word} {seed}")
    return len(network.device_steps)


def check(word: str, kind: str, kernels: str, seeds: range, path: Path) -> Counter[int | str]:
    found = Counter(programs(word, kind, kernels, seed, path) for seed in seeds)
    print(f"{kernels} {word} {kind}: files by the number of programs: {dict(found)}")
    if word in ALWAYS_THE_HOST_S:
        assert set(found) == {2}
    elif word in SOMETIMES_THE_HOST_S:
        assert found[2] > 0
    return found


@pytest.mark.parametrize(("word", "kind", "kernels"), CASES)
def test_the_outputs_are_the_runtime_s(word: str, kind: str, kernels: str, tmp_path: Path) -> None:
    found = check(word, kind, kernels, range(QUICK), tmp_path / "drawn.tflite")
    assert set(found) <= {1, 2}


@pytest.mark.slow
@pytest.mark.parametrize(("word", "kind", "kernels"), CASES)
def test_the_outputs_of_many_files_are_the_runtime_s(
    word: str, kind: str, kernels: str, tmp_path: Path
) -> None:
    found = check(word, kind, kernels, range(QUICK, QUICK + MANY), tmp_path / "drawn.tflite")
    assert (found[1] + found[2]) * 10 > 9 * MANY

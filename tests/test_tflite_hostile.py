"""A `.tflite` that is damaged or means harm gives one line, in bounded time and memory."""

import re
import resource
import struct
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hwsim.errors import InputError

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.frontends.tflite import read_network
from hwsim.frontends.tflite_file import MOST_OPERATORS, MOST_TENSORS
from hwsim.graph.kernels import Kernels
from tests.tflite_drawn import DRAWN, drawn_file
from tests.tflite_judges import litert_outputs, outputs_of, tflm_outputs
from tests.tflite_writer import BIAS, OUT, WEIGHTS, File, WrittenOperator, X, Y, Z, plain

MOST_SECONDS = 5.0  # of any file here; the machine may be busy
CORPUS = Path(__file__).parent / "kept" / "tflite_corpus.zip"
LINES = 22  # a heading, 20 faults, and how many more there are


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hostile.tflite"


def refusal(path: Path, content: bytes, kernels: Kernels = Kernels.LITERT) -> str:
    """Return the message of a file that must be refused, within bounds."""
    path.write_bytes(content)
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        read_network(path, kernels)
    assert time.monotonic() - start < MOST_SECONDS
    text = str(caught.value)
    assert text.startswith(f"network '{path}': ")
    lines = text.splitlines()
    assert len(lines) <= LINES
    assert all(line.isprintable() and len(line) < 1000 for line in lines)
    return text.removeprefix(f"network '{path}': ")


def taken(path: Path, content: bytes) -> bool:
    """Return True if a file is taken; one that is not must be refused within bounds."""
    path.write_bytes(content)
    start, text = time.monotonic(), ""
    try:
        assert read_network(path).total_macs >= 0
    except InputError as error:
        text = str(error)
    assert time.monotonic() - start < MOST_SECONDS
    assert len(text.splitlines()) <= LINES
    return not text


def spoilt(change: Callable[[File], object]) -> bytes:
    file = plain()
    change(file)
    return file.content()


def test_the_plain_file_is_sound(path: Path) -> None:
    path.write_bytes(plain().content())
    assert [each.name for each in read_network(path).operators] == ["conv_2d_0", "add_1", "relu_2"]


def set_scales(*scales: float) -> Callable[[File], object]:
    return lambda file: setattr(file.tensors[Y], "scales", scales)


def set_weights(**fields: object) -> Callable[[File], object]:
    return lambda file: vars(file.tensors[WEIGHTS]).update(fields)


def set_operator(number: int, **fields: object) -> Callable[[File], object]:
    return lambda file: vars(file.operators[number]).update(fields)


def set_dims(*dims: int) -> Callable[[File], object]:
    return lambda file: setattr(file.tensors[X], "dims", dims)


REFUSED: dict[str, tuple[Callable[[File], object], str]] = {
    "scale 0": (set_scales(0.0), "scale 0: must be a finite number above 0"),
    "scale NaN": (set_scales(float("nan")), "scale nan: must be a finite number above 0"),
    "scale infinite": (set_scales(float("inf")), "scale inf: must be a finite number above 0"),
    "scale below 0": (set_scales(-1.0), "scale -1: must be a finite number above 0"),
    "no scale": (set_scales(), "0 scales and 0 zero points: must be one"),
    "two scales": (set_scales(0.5, 0.5), "2 scales along axis 0, which is 1 long"),
    "no zero point": (
        lambda file: setattr(file.tensors[Y], "zero_points", []),
        "1 scales and 0 zero points: must be one",
    ),
    "zero point": (
        lambda file: setattr(file.tensors[Y], "zero_points", [1 << 40]),
        "zero point 1099511627776: must be -128 to 127",
    ),
    "scale of a weight": (
        set_weights(scales=[0.1, float("nan")]),
        "operator 0 CONV_2D: layer conv_2d_0: weights of scale nan: must be a finite number above",
    ),
    "scales of weights": (
        set_weights(scales=[0.1, 0.2, 0.3]),
        "tensor 1 't1': 3 scales along axis 0, which is 2 long: LiteRT refuses it",
    ),
    "zero points of weights": (
        set_weights(zero_points=[0, 1]),
        "operator 0 CONV_2D: weights of 2 scales: each must have a zero point of 0",
    ),
    "length of the quantized dimension": (
        set_weights(quantized_dimension=1),
        "tensor 1 't1': 2 scales along axis 1, which is 1 long: LiteRT refuses it",
    ),
    "quantized dimension of a bias": (
        lambda file: setattr(file.tensors[BIAS], "quantized_dimension", 3),
        "tensor 2 't2': quantized along axis 3 of 1 axes: LiteRT refuses it",
    ),
    "bytes of weights": (
        set_weights(data=np.ones(3, np.int8)),
        "operator 0 CONV_2D: input 1 has 3 bytes of data: [2, 1, 1, 2] of int8 are 4",
    ),
    "elements of weights": (
        set_weights(dims=(2, 1 << 30, 1 << 30, 2)),
        "operator 0 CONV_2D: a tensor of [2, 1073741824, 1073741824, 2]: at most 67,108,864",
    ),
    "weights of nothing": (set_weights(dims=(2, 0, 1, 2)), "weights of [2, 0, 1, 2]: must have 4"),
    "weights of bits": (set_weights(type="int16"), "input 1 of int16: must be int8 or uint8"),
    "weights that are computed": (set_weights(data=None), "input 1 must be a constant"),
    "overflowing shape": (
        set_dims(1, (1 << 31) - 1, (1 << 31) - 1, 2),
        "a tensor of [1, 2147483647, 2147483647, 2]: at most 67,108,864 elements",
    ),
    "shape below 0": (set_dims(1, -4, -4, 2), "a tensor of [1, -4, -4, 2]: each axis must be at"),
    "batch": (set_dims(3, 4, 4, 2), "shape [3, 4, 4, 2]: must be a batch of 1 and at most 3 axes"),
    "many axes": (set_dims(1, 1, 4, 4, 2), "shape [1, 1, 4, 4, 2]: must be a batch of 1"),
    "too many axes": (set_dims(*[1] * 9), "9 axes of a tensor: at most 8"),
    "dynamic shape": (
        lambda file: setattr(file.tensors[X], "signature", (-1, -1, 4, 2)),
        "dynamic shape [-1, -1, 4, 2]: only the batch may be open",
    ),
    "another shape than follows": (
        lambda file: setattr(file.tensors[Y], "dims", (1, 4, 5, 2)),
        "tensor 'conv_2d_0' is 2x4x4 by what it reads, its file has 2x4x5",
    ),
    "real values": (
        lambda file: vars(file.tensors[Y]).update(type="float32", scales=[]),
        "leaves real values, tensor 'conv_2d_0': only a quantized network is computed",
    ),
    "16-bit values": (lambda file: setattr(file.tensors[Y], "type", "int16"), "type int16: must"),
    "a cycle": (set_operator(0, inputs=[OUT, WEIGHTS, BIAS]), "layer conv_2d_0 reads tensor 'relu"),
    "itself": (set_operator(0, inputs=[Y, WEIGHTS, BIAS]), "layer conv_2d_0 reads tensor 'conv_2"),
    "left twice": (set_operator(1, outputs=[Y]), "two tensors are named 'conv_2d_0'"),
    "no input": (set_operator(2, inputs=[]), "operator 2 RELU: it has no input 0"),
    "no bias": (set_operator(0, inputs=[X, WEIGHTS]), "CONV_2D: without a bias: LiteRT wants one"),
    "input left out": (set_operator(1, inputs=[X, -1]), "operator 1 ADD: it has no input 1"),
    "no output": (set_operator(1, outputs=[]), "operator 1 ADD: it leaves 0 tensors"),
    "unread": (
        lambda file: setattr(file, "outputs", [Z]),
        "tensor 'relu_2' is neither read by an operator nor an output",
    ),
    "tensor beyond": (set_operator(1, inputs=[X, 99]), "operator 1 ADD reads tensor 99: the file"),
    "left beyond": (set_operator(1, outputs=[99]), "operator 1 ADD leaves tensor 99: the file has"),
    "left below": (set_operator(1, outputs=[-1]), "operator 1 ADD leaves tensor -1: the file has"),
    "input beyond": (lambda file: setattr(file, "inputs", [99]), "the network reads tensor 99"),
    "no outputs": (lambda file: setattr(file, "outputs", []), "outputs = () must be a tuple of at"),
    "no operators": (
        lambda file: vars(file).update(operators=[], outputs=[X]),
        "operators = () must be a tuple of at",
    ),
    "output that nothing leaves": (
        lambda file: file.operators.pop(),
        "the network leaves tensor 5 't5': no operator leaves it",
    ),
    "output that is a constant": (
        lambda file: setattr(file, "outputs", [OUT, WEIGHTS]),
        "the network leaves tensor 1 't1': no operator leaves it",
    ),
    "input that is a constant": (
        lambda file: setattr(file, "inputs", [X, BIAS]),
        "the network reads tensor 2 't2': the file has it as a constant",
    ),
    "input that is computed": (
        lambda file: setattr(file, "inputs", [X, Y]),
        "the network reads tensor 3 't3': operator 0 CONV_2D leaves it",
    ),
    "stride 0": (set_operator(0, options={"StrideH": 0}), "stride (0, 1): must be at least 1"),
    "padding": (set_operator(0, options={"Padding": 7}), "padding 7: must be SAME or VALID"),
    "activation": (
        set_operator(1, options={"FusedActivationFunction": 4}),
        "operator 1 ADD: fused activation 4: only none, ReLU, ReLU6 and ReLU -1 to 1",
    ),
    "many inputs": (set_operator(1, inputs=[X] * 300), "300 tensors of operator 1: at most 256"),
    "unknown operators": (
        lambda file: file.operators.extend(
            [WrittenOperator("CUSTOM mine", [OUT], [OUT]), WrittenOperator("LSTM", [OUT], [OUT])]
        ),
        "it cannot be taken for these reasons:\n"
        "  operator 3 CUSTOM 'mine': not supported\n  operator 4 LSTM: not supported",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_sound_or_not_supported_is_one_line(name: str, path: Path) -> None:
    change, reason = REFUSED[name]
    assert reason in refusal(path, spoilt(change))


def test_an_offset_outside_the_file_is_one_line(path: Path) -> None:
    content = plain().content()
    for place in range(0, len(content) - 4, 4):
        for value in (0xFFFFFFFF, 0x7FFFFFF0, 0x00010000):
            taken(path, content[:place] + struct.pack("<I", value) + content[place + 4 :])


def test_every_truncated_file_is_one_line(path: Path) -> None:
    content = plain().content()
    for length in range(len(content)):
        taken(path, content[:length])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no .tflite: its identifier TFL3 is missing"),
        (b"\0" * 4096, "no .tflite: its identifier TFL3 is missing"),
        (b"\xff\xff\xff\xffTFL3" + b"\0" * 64, "no sound .tflite: an offset or a length leaves"),
    ],
)
def test_what_is_no_tflite_is_one_line(content: bytes, reason: str, path: Path) -> None:
    assert reason in refusal(path, content)


def test_a_file_that_is_too_large_is_one_line(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate((1 << 28) + 1)
    with pytest.raises(InputError, match=r"268,435,457 bytes, expected at most 268,435,456 bytes"):
        read_network(path)


def test_thousands_of_operators_are_taken_and_more_are_one_line(path: Path) -> None:
    def chain(count: int) -> bytes:
        file = File(inputs=[0])
        file.tensor((1, 2), "int8", [0.5], [0])
        for number in range(count):
            file.operator("RELU", [number], file.tensor((1, 2), "int8", [0.5], [0]))
        file.outputs = [count]
        return file.content()

    path.write_bytes(chain(MOST_OPERATORS))
    start = time.monotonic()
    assert len(read_network(path).operators) == MOST_OPERATORS
    assert time.monotonic() - start < MOST_SECONDS
    assert f"4,097 operators: at most {MOST_OPERATORS:,}" in refusal(
        path, chain(MOST_OPERATORS + 1)
    )


def test_more_tensors_than_any_network_has_are_one_line(path: Path) -> None:
    file = plain()
    while len(file.tensors) <= MOST_TENSORS:
        file.tensor((1,), "int8")
    assert refusal(path, file.content()) == f"16,385 tensors: at most {MOST_TENSORS:,}"


def test_thousands_of_unknown_operators_are_twenty_lines(path: Path) -> None:
    file = plain()
    file.operators += [WrittenOperator("LSTM", [X], [OUT])] * 1000
    assert refusal(path, file.content()).endswith("\n  and 980 more")


def test_constants_that_many_operators_share_are_bounded(path: Path) -> None:
    file = plain()
    weights = file.constant(np.zeros((1 << 10, 1 << 10), np.int8), scales=[1.0], zero_points=[0])
    for _ in range(300):
        out = file.tensor((1, 1 << 10), "int8", [0.5], [0])
        file.operator("FULLY_CONNECTED", [X, weights, -1], out)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reason = refusal(path, file.content())
    assert re.fullmatch(r"operators read 314,[\d,]+ bytes of constants: at most [\d,]+", reason)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


X_VALUES = np.arange(-16, 16, dtype=np.int8).reshape(1, 4, 4, 2)


def test_a_wrong_quantized_dimension_of_a_bias_is_as_tflm_takes_it(path: Path) -> None:
    content = spoilt(REFUSED["quantized dimension of a bias"][0])
    path.write_bytes(content)
    (ours,) = outputs_of(read_network(path, Kernels.TFLM), [X_VALUES], Kernels.TFLM)
    path.write_bytes(plain().content())
    (sound,) = outputs_of(read_network(path), [X_VALUES], Kernels.LITERT)
    assert (ours == sound).all()
    (theirs,) = tflm_outputs(content, [X_VALUES])
    assert (ours == theirs).all()


def test_another_axis_as_long_as_the_filters_is_taken_as_the_runtimes_take_it(path: Path) -> None:
    content = spoilt(set_weights(quantized_dimension=3))
    path.write_bytes(content)
    for kernels, judge in ((Kernels.LITERT, litert_outputs), (Kernels.TFLM, tflm_outputs)):
        (ours,) = outputs_of(read_network(path, kernels), [X_VALUES], kernels)
        (theirs,) = judge(content, [X_VALUES])
        assert (ours == theirs).all()


def test_weights_of_a_wrong_quantized_dimension_are_refused_by_all(path: Path) -> None:
    content = spoilt(set_weights(quantized_dimension=1))
    reason = refusal(path, content, Kernels.TFLM)
    assert reason == (
        "operator 0 CONV_2D: weights quantized along axis 1, which is 1 long, for 2 filters"
    )
    with pytest.raises(RuntimeError):
        tflm_outputs(content, [X_VALUES])


@pytest.mark.parametrize("axis", [0, 4])
def test_a_wrong_quantized_dimension_of_depthwise_weights_is_refused_by_all(
    axis: int, path: Path
) -> None:
    """LiteRT's line does not send the user to TFLM, which refuses it as well."""
    file = File()
    x, out = (file.tensor((1, 4, 4, 2), "int8", [0.5], [0]) for _ in range(2))
    file.inputs, file.outputs = [x], [out]
    weights = file.constant(
        np.ones((1, 1, 1, 2), np.int8), scales=[0.1, 0.2], zero_points=[0, 0], quantized_dimension=3
    )
    options = {"StrideH": 1, "StrideW": 1, "DepthMultiplier": 1}
    bias = file.constant(np.zeros(2, np.int32), scales=[0.05, 0.1], zero_points=[0, 0])
    file.operator("DEPTHWISE_CONV_2D", [x, weights, bias], out, **options)
    litert_outputs(file.content(), [X_VALUES])
    file.tensors[weights].quantized_dimension = axis
    reason = refusal(path, file.content())
    assert reason.endswith("LiteRT refuses it")
    assert "quantized along axis" in refusal(path, file.content(), Kernels.TFLM)
    with pytest.raises(ValueError, match="invalid quantization parameters"):
        litert_outputs(file.content(), [X_VALUES])


def test_litert_refuses_a_wrong_quantized_dimension() -> None:
    litert_outputs(plain().content(), [X_VALUES])
    for name in ("length of the quantized dimension", "quantized dimension of a bias"):
        with pytest.raises(ValueError, match="invalid quantization parameters"):
            litert_outputs(spoilt(REFUSED[name][0]), [X_VALUES])


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_flipped_bytes_never_end_in_a_traceback(data: st.DataObject, path: Path) -> None:
    word = data.draw(st.sampled_from(sorted(DRAWN)))
    content = bytearray(drawn_file(word, "int8", data.draw(st.integers(0, 3)))[0])
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.dictionaries(places, st.integers(0, 255), max_size=8)).items():
        content[place] = value
    taken(path, bytes(content))


def test_the_corpus_of_the_fuzzer_never_ends_in_a_traceback(path: Path) -> None:
    """It is what `tools/fuzz_tflite.py` found to reach different code in 528,978 files."""
    with zipfile.ZipFile(CORPUS) as corpus:
        outcomes = Counter(taken(path, corpus.read(name)) for name in corpus.namelist())
    assert outcomes[True] > 10
    assert outcomes[False] > 90

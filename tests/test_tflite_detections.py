"""Detection post-processing of a `.tflite`: every value is the runtimes' own, ties included."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from flatbuffers import flexbuffers

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.frontends.tflite import read_network
from hwsim.frontends.tflite_custom import numbers
from hwsim.graph.host_operators import DetectionPostProcess
from hwsim.graph.kernels import Kernels
from tests.tflite_detections import OPTIONS, SIDE, add_detections, drawn_file, ssd
from tests.tflite_judges import litert_outputs, outputs_of, tflm_outputs
from tests.tflite_writer import File

QUICK, MANY = 60, 3000  # drawn files
NAME = "operator 0 TFLite_Detection_PostProcess"
BOXES = 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "detections.tflite"


def written(options: Mapping[str, Any], count: int) -> NDArray[np.bool_]:
    """Return which places of the outputs the runtimes write; they leave the others as they were."""
    most, kinds = options["max_detections"], options["max_classes_per_detection"]
    places: NDArray[np.int64] = np.arange(most * kinds)
    found: NDArray[np.bool_]
    if options["use_regular_nms"]:
        found = places < most
        return found
    found = (places // kinds < count) & (places % kinds < options["num_classes"])
    return found


def judged(kind: str, kernels: Kernels, seeds: range, path: Path) -> Counter[str]:
    """Return how many values of drawn files were compared, and how many differ."""
    judge = litert_outputs if kernels is Kernels.LITERT else tflm_outputs
    found = Counter[str]()
    for seed in seeds:
        file, inputs, options = drawn_file(kind, seed)
        is_fast = not options["use_regular_nms"]
        if kernels is Kernels.TFLM and is_fast and options["max_classes_per_detection"] > 1:
            continue
        content = file.content()
        path.write_bytes(content)
        try:
            ours = outputs_of(read_network(path, kernels), inputs, kernels)
        except InputError:  # for boxes that are empty
            with pytest.raises(RuntimeError):
                judge(content, inputs)
            continue
        theirs = judge(content, inputs)
        places = written(options, int(theirs[3][0]))
        for mine, own in zip(ours, theirs, strict=True):
            assert (mine.dtype, mine.shape) == (own.dtype, own.shape)
        pairs = [(mine[0][places], own[0][places])
                 for mine, own in zip(ours[:3], theirs[:3], strict=True)]  # fmt: skip
        for mine, own in (*pairs, (ours[3], theirs[3])):
            found["values"] += mine.size
            found["differ"] += int((mine != own).sum())
        found["regular" if options["use_regular_nms"] else "fast"] += 1
    return found


@pytest.mark.parametrize(
    ("kind", "kernels"),
    [("float32", Kernels.LITERT), ("uint8", Kernels.LITERT), ("float32", Kernels.TFLM)],
)
@pytest.mark.parametrize(
    "files", [QUICK, pytest.param(MANY, marks=pytest.mark.slow)], ids=["quick", "many"]
)
def test_every_value_is_the_runtime_s(kind: str, kernels: Kernels, files: int, path: Path) -> None:
    found = judged(kind, kernels, range(files), path)
    print(f"{kernels} {kind}: {found['differ']} of {found['values']:,} differ")
    assert found["fast"]
    assert found["regular"]
    assert found["values"]
    assert not found["differ"]


def alone(
    options: Mapping[str, Any] = OPTIONS,
    content: bytes | None = None,
    kind: str = "float32",
    anchors: NDArray[Any] | None = None,
) -> File:
    """Return a file of detection post-processing alone."""
    file = File()
    ends = ((1, BOXES, 4), (1, BOXES, 4))
    scales = {} if kind == "float32" else {"scales": [0.1], "zero_points": [0]}
    read = [file.tensor(dims, kind, **scales) for dims in ends]
    anchors = np.ones((BOXES, 4), np.float32) if anchors is None else anchors
    read.append(file.constant(anchors.astype(kind), **scales))
    add_detections(file, (read[0], read[1], read[2]), OPTIONS, content or dumped(options))
    file.inputs = read[:2]
    return file


def dumped(options: Any) -> bytes:
    return bytes(flexbuffers.Dumps(options))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in OPTIONS.items() if key != name}


def refusal(file: File, path: Path, kernels: Kernels = Kernels.LITERT) -> str:
    path.write_bytes(file.content())
    with pytest.raises(InputError) as error:
        read_network(path, kernels)
    (reason,) = error.value.reasons
    assert "\n" not in reason
    return reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"max_detections": 0}, "max_detections = 0 must be an integer from 1 to 32768"),
        ({"max_detections": 1 << 40}, "max_detections = 1099511627776 must be an integer from 1"),
        ({"max_detections": 2.5}, "option max_detections = 2.5: must be an integer"),
        ({"max_detections": True}, "option max_detections = True: must be an integer"),
        ({"max_detections": "many"}, "option max_detections must be a number"),
        ({"max_detections": [1, 2]}, "option max_detections must be a number"),
        ({"max_detections": 30000, "max_classes_per_detection": 2}, "at most 32768 together"),
        ({"max_classes_per_detection": 0}, "max_classes_per_detection = 0 must be an integer"),
        ({"detections_per_class": -1}, "detections_per_class = -1 must be an integer from 1"),
        ({"num_classes": 2}, "4 scores of a box for num_classes 2: must be one of each"),
        ({"num_classes": 10001}, "num_classes = 10001 must be an integer from 1 to 10000"),
        ({"use_regular_nms": 2}, "option use_regular_nms = 2: must be true or false"),
        ({"use_regular_nms": 1.0}, "option use_regular_nms = 1.0: must be true or false"),
        ({"nms_score_threshold": float("nan")}, "nms_score_threshold = nan must be a finite"),
        ({"nms_score_threshold": float("inf")}, "nms_score_threshold = inf must be a finite"),
        ({"nms_score_threshold": False}, "option nms_score_threshold = False: must be a number"),
        ({"nms_iou_threshold": 0.0}, "nms_iou_threshold = 0.0 must be a number above 0"),
        ({"nms_iou_threshold": 1.5}, "nms_iou_threshold = 1.5 must be a number above 0"),
        ({"y_scale": 0.0}, "y_scale = 0.0 must be a finite number above 0"),
        ({"w_scale": -5.0}, "w_scale = -5.0 must be a finite number above 0"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_line(changed: dict[str, Any], reason: str, path: Path) -> None:
    found = refusal(alone(dict(OPTIONS) | changed), path)
    assert NAME in found
    assert reason in found


@pytest.mark.parametrize("name", sorted({*OPTIONS} - {"detections_per_class", "use_regular_nms"}))
def test_a_missing_option_is_one_line(name: str, path: Path) -> None:
    assert refusal(alone(without(name)), path).endswith(f"{NAME}: it has no option {name}")


def test_two_options_may_be_missing(path: Path) -> None:
    path.write_bytes(alone(without("detections_per_class")).content())
    (operator,) = read_network(path).operators
    assert isinstance(operator, DetectionPostProcess)
    assert operator.detections_per_class == 100
    path.write_bytes(alone(without("use_regular_nms")).content())
    (operator,) = read_network(path).operators
    assert isinstance(operator, DetectionPostProcess)
    assert not operator.is_regular


@pytest.mark.parametrize("content", [b"x", b"\0\0\0", b"\xff" * 40, dumped([1, 2]), dumped(3)])
def test_options_that_are_no_map_are_one_line(content: bytes, path: Path) -> None:
    found = refusal(alone(content=content), path)
    assert found.endswith(f"{NAME}: its options are no sound map of a flexbuffer")


def test_many_options_are_one_line(path: Path) -> None:
    found = refusal(alone(content=bytes(5000)), path)
    assert found.endswith(f"5,000 bytes of options of {NAME}: at most 4,096")


def test_damaged_options_never_end_in_a_traceback() -> None:
    content, names = dumped(dict(OPTIONS)), tuple(OPTIONS)
    rng = np.random.default_rng(1)
    damaged = [content[:length] for length in range(len(content))]
    damaged += [content[length:] for length in range(len(content))]
    for place in range(len(content)):
        for value in (*rng.integers(0, 256, 12).tolist(), 0, 255):
            damaged.append(content[:place] + bytes([value]) + content[place + 1 :])
    refused = 0
    for each in damaged:
        try:
            numbers(each, names)
        except InputError:
            refused += 1
    assert 0 < refused < len(damaged)


@pytest.mark.parametrize(
    ("anchor", "reason"),
    [
        (
            [0, 0, -1, 1],
            "anchor 3 has -1.0: must be finite numbers, and height and width not below",
        ),
        ([0, np.nan, 1, 1], "anchor 3 has nan: must be finite numbers"),
    ],
)
def test_wrong_anchors_are_one_line(anchor: list[float], reason: str, path: Path) -> None:
    anchors = np.ones((BOXES, 4), np.float32)
    anchors[3] = anchor
    assert reason in refusal(alone(anchors=anchors), path)


def test_anchors_are_one_for_each_box(path: Path) -> None:
    found = refusal(alone(anchors=np.ones((BOXES - 1, 4), np.float32)), path)
    assert "5 encodings and 5 scores for 4 anchors: one of each" in found


def test_more_comparisons_than_any_network_needs_are_one_line(path: Path) -> None:
    options = dict(OPTIONS) | {"num_classes": 3, "use_regular_nms": True, "max_detections": 32768}
    options |= {"detections_per_class": 32768}
    count = 20_000
    file = File()
    read = [file.tensor((1, count, 4), "float32") for _ in range(2)]
    anchors = file.constant(np.ones((count, 4), np.float32))
    add_detections(file, (read[0], read[1], anchors), options)
    file.inputs = read
    assert "pairs of boxes: at most 536,870,912" in refusal(file, path)


def test_no_runtime_computes_it_in_int8(path: Path) -> None:
    file = alone(kind="int8")
    found = refusal(file, path)
    assert found.endswith(f"{NAME}: input 0 of int8: no runtime computes it, in float32 they do")
    inputs = [np.zeros((1, BOXES, 4), np.int8)] * 2
    for judge in (litert_outputs, tflm_outputs):
        with pytest.raises(RuntimeError):
            judge(file.content(), inputs)


def test_what_tflm_does_not_compute_is_refused(path: Path) -> None:
    file = alone(kind="uint8")
    assert "TFLM does not compute it in uint8" in refusal(file, path, Kernels.TFLM)
    with pytest.raises(RuntimeError):
        tflm_outputs(file.content(), [np.zeros((1, BOXES, 4), np.uint8)] * 2)
    file = alone(dict(OPTIONS) | {"max_classes_per_detection": 2})
    assert "TFLM leaves its outputs above 1" in refusal(file, path, Kernels.TFLM)
    file = alone(anchors=np.zeros((BOXES, 4), np.float32))
    path.write_bytes(file.content())
    inputs = [np.ones((1, BOXES, 4), np.float32)] * 2
    with pytest.raises(InputError, match="a box is empty: TFLM refuses it"):
        outputs_of(read_network(path, Kernels.TFLM), inputs, Kernels.TFLM)
    with pytest.raises(RuntimeError):
        tflm_outputs(file.content(), inputs)


def test_values_that_are_no_numbers_are_one_line(path: Path) -> None:
    path.write_bytes(alone().content())
    boxes, scores = (np.zeros((1, BOXES, 4), np.float32) for _ in range(2))
    scores[0, 0, 2] = np.nan
    with pytest.raises(InputError, match="a box or a score is no number"):
        outputs_of(read_network(path), [boxes, scores], Kernels.LITERT)


def test_nothing_may_follow_it(path: Path) -> None:
    file = alone()
    left = file.tensor((1, 8, 4), "int8", [0.1], [0])
    file.operator("QUANTIZE", [file.outputs[0]], left)
    file.outputs = [*file.outputs[1:], left]
    found = refusal(file, path)
    assert "of detection post-processing: it must be at the end of the network" in found


def test_not_all_of_what_it_leaves_needs_to_be_an_output(path: Path) -> None:
    file = alone()
    file.outputs = file.outputs[:2]
    path.write_bytes(file.content())
    assert len(read_network(path).outputs) == 2


def test_another_custom_operator_is_named(path: Path) -> None:
    file = alone()
    file.operators[0].word = "CUSTOM Another"
    assert refusal(file, path).endswith("operator 0 CUSTOM 'Another': not supported")


@pytest.mark.parametrize(
    ("kind", "kernels", "is_regular"),
    [
        ("int8", "litert", False),
        ("int8", "litert", True),
        ("int8", "tflm", False),
        ("int8", "tflm", True),
        ("uint8", "litert", False),
    ],
)
def test_an_ssd_runs_as_the_runtime_does(
    kind: str, kernels: str, is_regular: bool, path: Path
) -> None:
    content = ssd(kind, dict(OPTIONS) | {"use_regular_nms": is_regular}).content()
    path.write_bytes(content)
    drawn = np.random.default_rng(2).integers(0, 256, (1, SIDE, SIDE, 3))
    x = (drawn - (0 if kind == "uint8" else 128)).astype(kind)
    found = hwsim.run(
        hwsim.load(path, kernels=kernels), "nano", inputs={"image": x}, check=True
    ).outputs
    judge = litert_outputs if kernels == "litert" else tflm_outputs
    theirs = judge(content, [x])
    assert list(found) == ["boxes", "classes", "scores", "count"]
    assert found["count"][0] == OPTIONS["max_detections"]  # all places are written
    for ours, own in zip(found.values(), theirs, strict=True):
        assert np.array_equal(ours, own)


def test_commands_take_an_ssd(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_bytes(ssd().content())
    main(["show", str(path)])
    shown = capsys.readouterr().out
    assert "operator 14 TFLite_Detection_PostProcess" in shown
    main(["estimate", str(path), "--config", "nano", "--json", "-"])
    steps = json.loads(capsys.readouterr().out)["file"]["steps"]
    assert [step["kind"] for step in steps[-2:]] == ["dequantize", "detection post-processing"]
    assert len(steps[-1]["leaves"]) == 4
    main(["compile", str(path), "--config", "nano", "-o", str(tmp_path / "made")])
    header = (tmp_path / "made" / "memory.h").read_text()
    assert "detection post-processing (operator 14 TFLite_Detection_PostProcess)" in header


def test_the_compiled_memory_has_what_the_function_of_the_host_needs(path: Path) -> None:
    path.write_bytes(ssd().content())
    document = hwsim.compile(path, "nano").document
    (operator,) = (
        each for each in read_network(path).operators if isinstance(each, DetectionPostProcess)
    )
    (constant,) = document.host_constants
    assert (constant.name, constant.type) == ("anchors", "float32")
    assert constant.shape == operator.anchors.values.shape
    prefix = f"MEMORY_HOST_OP_{constant.step}"
    assert document.defines[f"{prefix}_MAX_DETECTIONS"] == "8"
    assert document.defines[f"{prefix}_OVERLAP_THRESHOLD"] == "0.5f"
    assert document.defines[f"{prefix}_HEIGHT_SCALE"] == "5.0f"
    assert document.defines[f"{prefix}_OUTPUT_0_MAP"] == "{ 1u, 8u, 4u }"
    assert document.defines[f"{prefix}_OUTPUT_3_ELEMENTS"] == "1"

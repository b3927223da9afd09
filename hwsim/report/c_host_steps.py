"""The macros of memory.h with which functions of the host compute: parameters and tensors."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hwsim.compiler.host_constants import HostConstant
from hwsim.graph import Quantization
from hwsim.graph.file_tensors import AXES, Element
from hwsim.graph.kernels import TFLITE_KERNELS
from hwsim.graph.operators import Activation, Axis
from hwsim.graph.pointwise import Clamp
from hwsim.passes.tflite_clamps import clamp_of
from hwsim.report.file_figures import FileFigures, FileTensorFigures, StepFigures

Number = int | float  # a bool is 0 or 1
INT8_LIMITS = (-128, 127)
SCALES = ("Y_SCALE", "X_SCALE", "HEIGHT_SCALE", "WIDTH_SCALE")  # of the encodings of boxes


def _one(name: str) -> Callable[[Any], dict[str, Number]]:
    return lambda value: {name: value}


def _pair(name: str) -> Callable[[Any], dict[str, Number]]:
    return lambda pair: dict(zip((f"{name}_ROWS", f"{name}_COLUMNS"), pair, strict=True))


def _channels(value: Any) -> dict[str, Number]:
    """Return the channels that a slice takes, or those that a pad adds before and behind."""
    if isinstance(value, int):
        return {"CHANNELS": value}
    return dict(zip(("CHANNELS_BEFORE", "CHANNELS_BEHIND"), value, strict=True))


# By the name of an operator's parameter: the ends of its macros' names, and their values.
PARAMETERS: Mapping[str, Callable[[Any], dict[str, Number]]] = {
    "align_corners": _one("ALIGN_CORNERS"),
    "axes": lambda axes: {f"OVER_{axis.name}": axis.value in axes for axis in Axis},
    "axis": lambda axis: {"AXIS": list(Axis).index(Axis(axis))},  # 0: rows, 1: columns, 2: channels
    "beta": _one("BETA"),
    "block": _one("BLOCK_PIXELS"),
    "channels": _channels,
    "classes": _one("CLASSES"),
    "detections_per_class": _one("DETECTIONS_PER_CLASS"),
    "dilation": _pair("DILATION"),
    "first_channel": _one("FIRST_CHANNEL"),
    "groups": _one("GROUPS"),
    "half_pixel_centers": _one("HALF_PIXEL_CENTERS"),
    "is_constant_first": _one("IS_CONSTANT_FIRST"),
    "is_regular": _one("IS_REGULAR"),
    "kernel": _pair("KERNEL"),
    "max_classes_per_detection": _one("MAX_CLASSES_PER_DETECTION"),
    "max_detections": _one("MAX_DETECTIONS"),
    "overlap_threshold": _one("OVERLAP_THRESHOLD"),
    "padding": lambda sides: {f"PADDING_{side.upper()}_PIXELS": n for side, n in sides.items()},
    "scales": lambda scales: dict(zip(SCALES, scales, strict=True)),
    "score_threshold": _one("SCORE_THRESHOLD"),
    "slope": _one("SLOPE"),
    "stride": _pair("STRIDE"),
    "window": _pair("WINDOW"),
}
# The tensor that is left has these sizes, and `_limits` are those of an activation; no operator of
# a .tflite has the others, and those of an .onnx have no C.
ELSEWHERE = frozenset(
    (
        "activation",
        "channel_pool",
        "filters",
        "gate",
        "height",
        "high",
        "is_normalised",
        "low",
        "offset",
        "order",
        "shape",
        "spatial_pool",
        "steps",
        "width",
    )
)


def host_function(number: int) -> str:
    """Return the name of the function that computes the step of this number."""
    return f"memory_host_op_{number}"


def host_prefix(number: int) -> str:
    """Return what the names of the macros of the step of this number begin with."""
    return host_function(number).upper()


def host_defines(file: FileFigures) -> dict[str, str]:
    """Return names and values of the macros of all the host's steps."""
    tensors = {tensor.tensor: tensor for tensor in file.tensors}
    return {"MEMORY_IS_TFLM": c_number(file.kernels == "tflm")} | {
        f"{host_prefix(number)}_{name}": value
        for number, step in enumerate(file.steps)
        if step.where == "host"
        for name, value in _defines(file, step, tensors)
    }


def constant_defines(constants: Iterable[HostConstant]) -> dict[str, str]:
    """Return names and values of the macros of the constants of the host's steps."""
    found: dict[str, str] = {}
    for constant in constants:
        prefix = f"{host_prefix(constant.step)}_{constant.name.upper().replace(' ', '_')}"
        found[f"{prefix}_ADDRESS"] = f"{constant.address:#010x}u"
        found[f"{prefix}_ELEMENTS"] = c_number(constant.values.size)
        if constant.scale is not None:
            found[f"{prefix}_MAP"] = c_map(*constant.values.shape)
            found[f"{prefix}_SCALE"] = c_number(constant.scale)
        if constant.zero_point is not None:
            found[f"{prefix}_ZERO_POINT"] = c_number(constant.zero_point)
    return found


def _defines(
    file: FileFigures, step: StepFigures, tensors: Mapping[str, FileTensorFigures]
) -> Iterator[tuple[str, str]]:
    read, left = ([tensors[name] for name in names] for names in (step.reads, step.leaves))
    for field, value in step.parameters.items():
        if field not in ELSEWHERE:
            for name, number in PARAMETERS[field](value).items():
                yield name, c_number(number)
    if "activation" in step.parameters:
        for name, limit in zip(
            ("LEAST", "MOST"), _limits(file, step, read[0], left[0]), strict=True
        ):
            yield name, c_number(limit)
    named = [(f"INPUT_{index}", tensor) for index, tensor in enumerate(read)]
    named += [
        ("OUTPUT" if len(left) == 1 else f"OUTPUT_{index}", tensor)
        for index, tensor in enumerate(left)
    ]
    for prefix, tensor in named:
        if file.kernels in TFLITE_KERNELS:  # whose last axes are rows, columns and channels
            yield f"{prefix}_MAP", _map(tensor)
        yield from _tensor(prefix, tensor)


def _limits(
    file: FileFigures, step: StepFigures, read: FileTensorFigures, left: FileTensorFigures
) -> tuple[int, int]:
    """Return the least and the largest int8 value that an activation lets through.

    TFLM's ReLU6 that stands alone clamps by the scale that it reads.
    """
    activation = Activation(step.parameters["activation"])
    is_alone = step.kind == Clamp.KIND
    is_of_input = file.kernels == "tflm" and is_alone and activation is Activation.RELU6
    own = _signed(read if is_of_input else left)
    assert own is not None
    return clamp_of(activation, own) or INT8_LIMITS


def _signed(tensor: FileTensorFigures) -> Quantization | None:
    """Return the scale and zero point of the int8 values that stand for the file's."""
    if tensor.scale is None or tensor.zero_point is None:
        return None
    return Quantization(tensor.scale, tensor.zero_point - Element(tensor.type).offset)


def _map(tensor: FileTensorFigures) -> str:
    _, rows, columns, channels = (1,) * (AXES - len(tensor.shape)) + tensor.shape
    return c_map(rows, columns, channels)


def _tensor(prefix: str, tensor: FileTensorFigures) -> Iterator[tuple[str, str]]:
    yield f"{prefix}_ELEMENTS", c_number(math.prod(tensor.shape))
    own = _signed(tensor)
    if own is not None:
        yield f"{prefix}_SCALE", c_number(own.scale)
        yield f"{prefix}_ZERO_POINT", c_number(own.zero_point)
        yield f"{prefix}_OFFSET", c_number(Element(tensor.type).offset)


def c_map(rows: int, columns: int, channels: int) -> str:
    """Return an initializer of `struct NAME_map`."""
    return f"{{ {rows}u, {columns}u, {channels}u }}"


def c_number(value: Number) -> str:
    """Return a number as C has it: one below 0 in parentheses, a real one as a float."""
    text = f"{value!r}f" if isinstance(value, float) else f"{int(value)}"
    return f"({text})" if value < 0 else text

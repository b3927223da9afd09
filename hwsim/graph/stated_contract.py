"""Reads what one source states of an input's contract: options, a TOML, a file's metadata.

    colour = "bgr"             # rgb, bgr or grey
    range = [0, 255]           # x of a pixel of 0 and of one of 255; those if left out
    mean = [104, 117, 123]     # the real value is (x - mean) / std; both or none
    std = 1.0
    resize = "letterbox"       # stretch, letterbox or crop
    fill = 114                 # the pixel of a letterbox's borders

A list may also be text, `104,117,123`, as in options.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.graph.input_contract import (
    BRIGHTEST,
    Colour,
    Framing,
    InputContract,
    Normalization,
    Resize,
    StatedContract,
)

# Keys of metadata of an .onnx that hwsim has quantized; the first has an input's name behind.
METADATA = "hwsim.input."
CALIBRATION = "hwsim.calibration"
KEYS = ("colour", "range", "mean", "std", "resize", "fill")
MOST_NUMBERS = 64  # of a list; an image has three channels at most

Choice = TypeVar("Choice", Colour, Resize)


def stated_contract(source: str, keys: Mapping[str, object]) -> StatedContract:
    """Return what the keys that `source` gives say; None stands for one that it does not give.

    Raises `InputError` for an unknown key, for a value that it does not take, and for one that
    means nothing without another.
    """
    for key in keys:
        if key not in KEYS:
            raise InputError(f"no key {quoted(key)}: an input's contract has {', '.join(KEYS)}")
    given = {key: value for key, value in keys.items() if value is not None}
    return StatedContract(
        source,
        _choice(Colour, "colour", given["colour"]) if "colour" in given else None,
        _normalization(given),
        _framing(given),
    )


def contract_keys(contract: InputContract) -> dict[str, object]:
    """Return a contract as the keys that state it whole."""
    normalization, framing = contract.normalization, contract.framing
    return {
        "colour": contract.colour.value,
        "range": list(normalization.range),
        "mean": list(normalization.mean),
        "std": list(normalization.std),
        "resize": framing.resize.value,
        **({"fill": list(framing.fill)} if framing.fill else {}),
    }


def _normalization(given: Mapping[str, object]) -> Normalization | None:
    if not given.keys() & {"range", "mean", "std"}:
        return None
    for one, other in (("mean", "std"), ("std", "mean")):
        if one in given and other not in given:
            raise InputError(f"{one} {shown(given[one])}: {other} is needed too")
    mean = _numbers("mean", given.get("mean", 0))
    std = _numbers("std", given.get("std", 1))
    ends = _numbers("range", given.get("range", (0, BRIGHTEST)))
    if min(std) <= 0:
        raise InputError(f"std {shown(given['std'])}: must be above 0")
    if len(ends) != 2:
        raise InputError(f"range {shown(given['range'])}: must be two numbers such as 0,1")
    return Normalization(mean, std, (ends[0], ends[1]))


def _framing(given: Mapping[str, object]) -> Framing | None:
    if "resize" not in given:
        if "fill" in given:
            raise InputError(f"fill {shown(given['fill'])}: resize letterbox is needed too")
        return None
    fill = _numbers("fill", given["fill"]) if "fill" in given else ()
    if any(number != int(number) or not 0 <= number <= BRIGHTEST for number in fill):
        raise InputError(f"fill {shown(given['fill'])}: a pixel is 0 to {BRIGHTEST}")
    return Framing(_choice(Resize, "resize", given["resize"]), tuple(map(int, fill)))


def _choice(kind: type[Choice], name: str, given: object) -> Choice:
    if not isinstance(given, str) or given not in tuple(kind):
        raise InputError(f"{name} {shown(given)}: must be one of {', '.join(kind)}")
    return kind(given)


def _numbers(name: str, given: object) -> tuple[float, ...]:
    parts: Sequence[Any]
    if isinstance(given, str):
        parts = given.split(",")
    else:
        parts = given if isinstance(given, Sequence) else (given,)
    try:
        found = tuple(map(float, parts)) if len(parts) <= MOST_NUMBERS else ()
    except (TypeError, ValueError, OverflowError):
        found = ()
    if not found or not all(map(math.isfinite, found)):
        raise InputError(
            f"{name} {shown(given)}: must be a number such as 127.5, or one for each channel"
        )
    return found

"""The values that enter a `.tflite`: a photograph as its input takes it, or the user's arrays."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.extras import importing_extra
from hwsim.flows.inputs import (
    TOP_BIT,
    Arrays,
    check_without_arrays,
    checked_arrays,
    shipped_photograph,
)
from hwsim.flows.network import File, optional_path
from hwsim.graph.file_tensors import Element, FileTensor, Normalization
from hwsim.graph.steps import FileNetwork
from hwsim.report.input_array import InputArray

Numbers = float | str | Sequence[float]  # one for all channels or one for each, as text: "1,2,3"


@dataclass(frozen=True, eq=False)
class FileInputs:
    """Every input of a network as a map `x[C, H, W]`, int8 or float32, and where they come from.

    `image_as` says how the photograph `image` became the input, and `pixels` are what it was
    stretched to; all three are empty for arrays.
    """

    network: FileNetwork
    maps: Mapping[str, NDArray[Any]]
    image: str | None = None
    image_as: str | None = None
    pixels: tuple[NDArray[np.uint8], ...] = ()

    @property
    def image_name(self) -> str | None:
        """The photograph's file, without its folder."""
        return None if self.image is None else Path(self.image).name

    @property
    def image_sha256(self) -> str | None:
        """Hash of the photograph's pixels, of one input after the other."""
        if self.image is None:
            return None
        return hashlib.sha256(b"".join(each.tobytes() for each in self.pixels)).hexdigest()

    @property
    def values(self) -> dict[str, NDArray[Any]]:
        """The inputs with the file's own axes and types, by their names."""
        tensors = self.network.inputs
        return {name: tensors[name].from_map(x) for name, x in self.maps.items()}

    @property
    def arrays(self) -> tuple[InputArray, ...]:
        """The arrays that the user gave."""
        if self.image is not None:
            return ()
        return tuple(
            InputArray(name, hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest())
            for name, x in self.values.items()
        )


def normalization(mean: Numbers | None, std: Numbers | None) -> Normalization | None:
    """Return how pixels become real values; None without both.

    Raises `InputError` for one without the other, and for what are no such numbers.
    """
    if mean is None and std is None:
        return None
    if mean is None or std is None:
        given, missing = ("std", "mean") if mean is None else ("mean", "std")
        raise InputError(f"{given} {shown(std if mean is None else mean)}: {missing} is needed too")
    deviations = _numbers("std", std)
    if min(deviations) <= 0:
        raise InputError(f"std {shown(std)}: must be above 0")
    return Normalization(_numbers("mean", mean), deviations)


def _numbers(name: str, given: Numbers) -> tuple[float, ...]:
    parts: Sequence[Any] = given.split(",") if isinstance(given, str) else ()
    if not isinstance(given, str):
        parts = given if isinstance(given, Sequence) else (given,)
    try:
        found = tuple(map(float, parts))
    except (TypeError, ValueError, OverflowError):
        found = ()
    if not found or not all(map(math.isfinite, found)):
        raise InputError(
            f"{name} {shown(given)}: must be a number such as 127.5, or one for each channel"
        )
    return found


def file_inputs(
    network: FileNetwork,
    image: File | None,
    arrays: Arrays | None,
    by: Normalization | None,
    purpose: str,
) -> FileInputs:
    """Return the inputs of a file's network: a photograph's, or `arrays` as the file has them.

    Without both, every input takes a photograph from scikit-image. Raises `InputError` for what the
    network does not take, and for a photograph if it takes real values and neither `by` nor its
    file says which.
    """
    if arrays is not None:
        if image is not None:
            raise InputError(f"image {quoted(image)}: the inputs are given as arrays already")
        if by is not None:
            raise InputError(f"mean {_joined(by.mean)}: it is for an image, not for arrays")
        return FileInputs(network, _checked_maps(network, checked_arrays(network, arrays)))
    path = optional_path("image", image)
    check_image(network, path, by)
    path = shipped_photograph(purpose) if path is None else path
    with importing_extra("golden", purpose):
        from hwsim.golden.photographs import grey, load_image
    maps, pixels, texts = {}, [], []
    for name, tensor in network.inputs.items():
        shape = tensor.shape
        colours = load_image(path, height=shape.height, width=shape.width)
        taken = (grey(colours) if shape.channels == 1 else colours).numpy()
        own = _own_normalization(tensor, by)
        maps[name] = _map(network, name, taken, own, purpose)
        pixels.append(taken)
        texts.append(_image_as(tensor, own) + (", as the file says" if own is not by else ""))
    return FileInputs(network, maps, path, "; ".join(dict.fromkeys(texts)), tuple(pixels))


def check_image(network: FileNetwork, image: File | None, by: Normalization | None) -> None:
    """Raise `InputError` for a network that does not take a photograph in this way."""
    check_without_arrays(network, image)
    for name, tensor in network.inputs.items():
        own = _own_normalization(tensor, by)
        if own is None and tensor.element is Element.FLOAT32:
            raise InputError(
                f"input {quoted(name)} has real values: an image needs --mean and --std, the value "
                "being (pixel - mean) / std, or in Python mean= and std="
            )
        for numbers in () if own is None else (own.mean, own.std):
            if len(numbers) not in (1, tensor.shape.channels):
                raise InputError(
                    f"{len(numbers)} numbers {_joined(numbers)}: input {quoted(name)} has "
                    f"{tensor.shape.channels} channels"
                )


def _own_normalization(tensor: FileTensor, by: Normalization | None) -> Normalization | None:
    """Return what was asked for, or else what the file says of an input of real values."""
    return tensor.normalization if by is None and tensor.element is Element.FLOAT32 else by


def check_no_normalization(by: Normalization | None) -> None:
    """Raise `InputError` if a network that is no `.tflite` is to normalize pixels."""
    if by is not None:
        raise InputError(f"mean {_joined(by.mean)}: only the image of a .tflite takes one")


def check_no_weights(network: FileNetwork, weights: object) -> None:
    """Raise `InputError` for weights beside those that the network's file has."""
    if weights is not None:
        raise InputError(f"weights {quoted(weights)}: network {network.name} has its own")


def _checked_maps(
    network: FileNetwork, arrays: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    for name, values in arrays.items():
        if values.dtype == np.float32 and not np.isfinite(values).all():
            raise InputError(f"input {quoted(name)}: every value must be finite")
    return {name: network.inputs[name].to_map(values) for name, values in arrays.items()}


def _map(
    network: FileNetwork,
    name: str,
    pixels: NDArray[np.uint8],
    by: Normalization | None,
    purpose: str,
) -> NDArray[Any]:
    """Return pixels `[C, H, W]` as the map that enters the network."""
    if by is None:
        stored: NDArray[np.int8] = (pixels ^ np.uint8(TOP_BIT)).view(np.int8)
        return stored
    mean, std = (np.reshape(numbers, (-1, 1, 1)) for numbers in (by.mean, by.std))
    with np.errstate(over="ignore"):  # told below
        real: NDArray[np.float32] = ((pixels - mean) / std).astype(np.float32)
    if not np.isfinite(real).all():
        raise InputError(f"{by}: pixels become numbers that float32 does not hold")
    if network.inputs[name].element is Element.FLOAT32:
        return real
    with importing_extra("golden", purpose):
        from hwsim.golden.tflite.pointwise import quantize
    return quantize(real, network.operators.tensors[name])


def _image_as(tensor: FileTensor, by: Normalization | None) -> str:
    """Return how a photograph becomes an input, for a sentence."""
    shape = tensor.shape
    channels = "grey" if shape.channels == 1 else "red, green, blue"
    stretched = f"stretched to {shape.width}x{shape.height}, {channels}"
    if by is None:
        value = "the pixel" if tensor.element is Element.UINT8 else "the pixel - 128"
        return f"{stretched}, {tensor.element} elements are {value}"
    if tensor.quantization is None:
        return f"{stretched}, elements are {by}"
    quantization = tensor.quantization
    return (
        f"{stretched}, {tensor.element} elements stand for {by}, with scale "
        f"{quantization.scale:.6g} and zero point {quantization.zero_point}"
    )


def _joined(numbers: Sequence[float]) -> str:
    return ",".join(f"{number:g}" for number in numbers)

"""The values that enter a `.tflite`: a photograph as its input takes it, or the user's arrays."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.extras import importing_extra
from hwsim.flows.contracts import check_no_contract, input_contract
from hwsim.flows.images import image_pixels
from hwsim.flows.inputs import (
    TOP_BIT,
    Arrays,
    check_without_arrays,
    checked_arrays,
    shipped_photograph,
)
from hwsim.flows.network import File, optional_path
from hwsim.graph.file_tensors import Element
from hwsim.graph.input_contract import InputContract, StatedContract
from hwsim.graph.steps import FileNetwork
from hwsim.report.image_figures import ImageFigures, file_image_figures, images_text
from hwsim.report.input_array import InputArray


@dataclass(frozen=True, eq=False)
class FileInputs:
    """Every input of a network as a map `x[C, H, W]`, int8 or float32, and where they come from.

    `contracts` say how the photograph `image` became each input, and `pixels` are what it was
    resized to; all three are empty for arrays.
    """

    network: FileNetwork
    maps: Mapping[str, NDArray[Any]]
    image: str | None = None
    contracts: Mapping[str, InputContract] = field(default_factory=dict)
    pixels: tuple[NDArray[np.uint8], ...] = ()

    @property
    def taken_as(self) -> tuple[ImageFigures, ...]:
        """The way in which the photograph became each input."""
        tensors = self.network.inputs
        return tuple(
            file_image_figures(tensors[name], contract, name)
            for name, contract in self.contracts.items()
        )

    @property
    def image_as(self) -> str | None:
        """The same in words; None for arrays."""
        return images_text(self.taken_as) or None

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


def file_inputs(
    network: FileNetwork,
    image: File | None,
    arrays: Arrays | None,
    asked: StatedContract,
    purpose: str,
) -> FileInputs:
    """Return the inputs of a file's network: a photograph's, or `arrays` as the file has them.

    Without both, every input takes a photograph from scikit-image. Raises `InputError` for what the
    network does not take, and for a photograph of which neither `asked` nor the network's file says
    what it becomes.
    """
    if arrays is not None:
        if image is not None:
            raise InputError(f"image {quoted(image)}: the inputs are given as arrays already")
        check_no_contract(asked, "it is for an image, not for arrays")
        return FileInputs(network, _checked_maps(network, checked_arrays(network, arrays)))
    path = optional_path("image", image)
    contracts = check_image(network, path, asked)
    path = shipped_photograph(purpose) if path is None else path
    maps, pixels = {}, []
    for name, contract in contracts.items():
        taken = image_pixels(path, network.inputs[name].shape, contract, purpose)
        maps[name] = image_map(network, name, taken, contract, purpose)
        pixels.append(taken)
    return FileInputs(network, maps, path, contracts, tuple(pixels))


def check_image(
    network: FileNetwork, image: File | None, asked: StatedContract
) -> dict[str, InputContract]:
    """Return what a photograph becomes at every input.

    Raises `InputError` for a network that takes none, or of which nobody says what it becomes.
    """
    check_without_arrays(network, image)
    return {name: input_contract(network, name, asked) for name in network.inputs}


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


def image_map(
    network: FileNetwork,
    name: str,
    pixels: NDArray[np.uint8],
    contract: InputContract,
    purpose: str,
) -> NDArray[Any]:
    """Return pixels `[C, H, W]` as the map that enters the network."""
    tensor = network.inputs[name]
    if contract.normalization == tensor.of_codes:
        stored: NDArray[np.int8] = (pixels ^ np.uint8(TOP_BIT)).view(np.int8)
        return stored
    real = contract.normalization.real_values(pixels)
    if not np.isfinite(real).all():
        raise InputError(
            f"{contract.normalization}: pixels become numbers that float32 does not hold"
        )
    if tensor.element is Element.FLOAT32:
        return real
    with importing_extra("golden", purpose):
        from hwsim.golden.tflite.pointwise import quantize
    return quantize(real, network.operators.tensors[name])

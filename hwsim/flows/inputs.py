"""The values that enter a network: a photograph, or arrays that the user gives for its inputs."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError, shown
from hwsim.escape import brief, quoted
from hwsim.extras import importing_extra
from hwsim.flows.array_files import ArrayKind, check_kind, read_array
from hwsim.flows.contracts import check_graph_contract, check_no_contract, input_contract
from hwsim.flows.images import image_pixels
from hwsim.flows.network import File, Network, optional_path
from hwsim.graph import Graph, Tensor
from hwsim.graph.check import IMAGE_CHANNELS
from hwsim.graph.file_tensors import AXES
from hwsim.graph.input_contract import StatedContract
from hwsim.graph.steps import FileNetwork
from hwsim.report.image_figures import ImageFigures, image_figures, images_text
from hwsim.report.input_array import InputArray

if TYPE_CHECKING:
    import torch

PHOTOGRAPH = "rocket"  # quantization is not calibrated on it
TOP_BIT = 0x80  # in which a stored value differs from the pixel that it is of

Given = TypeVar("Given")
FILE_IMAGE_CHANNELS = (1, IMAGE_CHANNELS)  # of an input of a .tflite: grey or colours
Arrays = Mapping[str, NDArray[Any]]  # by the input's name: int8 x[C, H, W], or as a .tflite has it


@dataclass(frozen=True)
class InputValues:
    """The values of every input by its name, and the photograph that they are of, if any."""

    values: Arrays
    image: str | None = None
    taken_as: tuple[ImageFigures, ...] = ()  # one for each input that a photograph became

    @property
    def image_as(self) -> str | None:
        """The way in which the photograph became the inputs; None for arrays."""
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
        digest = hashlib.sha256()
        for pixels in self._pixels().values():
            digest.update(pixels.tobytes())
        return digest.hexdigest()

    @property
    def arrays(self) -> tuple[InputArray, ...]:
        """The arrays that the user gave."""
        if self.image is not None:
            return ()
        return tuple(
            InputArray(name, hashlib.sha256(values.tobytes()).hexdigest())
            for name, values in self.values.items()
        )

    def pixels(self) -> dict[str, "torch.Tensor"]:
        """Return the values as pixels, uint8 `x[C, H, W]`, as a float network takes them."""
        import torch

        return {name: torch.from_numpy(pixels) for name, pixels in self._pixels().items()}

    def _pixels(self) -> dict[str, NDArray[np.uint8]]:
        return {
            name: np.ascontiguousarray(values).view(np.uint8) ^ np.uint8(TOP_BIT)
            for name, values in self.values.items()
        }


def input_values(
    graph: Graph, image: File | None, arrays: Arrays | None, asked: StatedContract, purpose: str
) -> InputValues:
    """Return the values of a graph's inputs: a photograph's, or `arrays`.

    Without both, every input takes a photograph from scikit-image, each in its own size. Raises
    `InputError` for what the graph does not take.
    """
    check_graph_contract(asked)
    if arrays is not None:
        if image is not None:
            raise InputError(f"image {quoted(image)}: the inputs are given as arrays already")
        check_no_contract(asked, "it is for an image, not for arrays")
        return InputValues(checked_arrays(graph, arrays))
    path = optional_path("image", image)
    check_without_arrays(graph, path)
    path = shipped_photograph(purpose) if path is None else path
    values: dict[str, NDArray[np.int8]] = {}
    taken_as = []
    for tensor in graph.inputs:
        contract = input_contract(graph, tensor.name, asked)
        pixels = image_pixels(path, tensor.shape, contract, purpose)
        values[tensor.name] = (pixels ^ np.uint8(TOP_BIT)).view(np.int8)
        taken_as.append(image_figures(tensor.shape, contract, tensor.name))
    return InputValues(values, path, tuple(taken_as))


def array_kinds(network: Network) -> dict[str, ArrayKind]:
    """Return the kind of array that each input of a network takes, by the input's name."""
    if isinstance(network, Graph):
        return {tensor.name: ArrayKind("int8", _shape(tensor)) for tensor in network.inputs}
    return {
        name: ArrayKind(tensor.element.value, tensor.dims, "as the file has it")
        for name, tensor in network.inputs.items()
    }


def takes_photographs(graph: Graph) -> bool:
    """True if every input has the channels of a photograph."""
    return all(tensor.shape.channels == IMAGE_CHANNELS for tensor in graph.inputs)


def check_without_arrays(network: Network, image: File | None = None) -> None:
    """Raise `InputError` for inputs that must be given as arrays, which they are not."""
    if image is not None and len(network.inputs) > 1:
        raise InputError(
            f"image {quoted(image)}: it is for a network of one input; {_arrays_to_give(network)}"
        )
    for name, channels in _channels(network).items():
        if isinstance(network, Graph) and channels != IMAGE_CHANNELS:
            raise InputError(
                f"input {quoted(name)} of {channels} channels: photographs have {IMAGE_CHANNELS}; "
                f"{_arrays_to_give(network)}"
            )
        if isinstance(network, FileNetwork) and channels not in FILE_IMAGE_CHANNELS:
            raise InputError(
                f"input {quoted(name)} of shape {network.inputs[name].dims}: an image has rows, "
                f"columns, and 1 or 3 channels; {_arrays_to_give(network)}"
            )


def check_given(network: Network, image: object, arrays: object) -> None:
    """Raise `InputError` unless there is a photograph or arrays to run a network on."""
    if arrays is not None or image is not None:
        return
    check_without_arrays(network)
    raise InputError(
        f"network {quoted(network.name)}: neither a photograph nor arrays to run it on: give "
        "--image or --input, in Python image= or inputs="
    )


def _channels(network: Network) -> dict[str, int | None]:
    """Return the channels of every input by its name; None for one that has no rows and columns."""
    if isinstance(network, Graph):
        return {tensor.name: tensor.shape.channels for tensor in network.inputs}
    return {
        name: tensor.shape.channels if len(tensor.dims) == AXES else None
        for name, tensor in network.inputs.items()
    }


def shipped_photograph(purpose: str, name: str = PHOTOGRAPH) -> str:
    """Return the file of a photograph inside scikit-image's wheel."""
    with importing_extra("golden", purpose):
        from hwsim.golden.photographs import PHOTOGRAPHS

        spec = find_spec("skimage")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("No module named 'skimage'", name="skimage")
    return str(Path(spec.origin).parent / "data" / PHOTOGRAPHS[name])


def checked_arrays(network: Network, arrays: object) -> dict[str, NDArray[Any]]:
    """Return arrays in the order of a network's inputs, having checked that they are its own."""
    if not isinstance(arrays, Mapping):
        raise InputError(f"inputs {shown(arrays)}: must be a dict of names and arrays")
    for name in arrays:
        _check_name(network, name)
    return {
        name: _checked(name, kind, _given(network, name, arrays))
        for name, kind in array_kinds(network).items()
    }


def _checked(name: str, kind: ArrayKind, values: object) -> NDArray[Any]:
    whose = f"input {quoted(name)}"
    if not isinstance(values, np.ndarray):
        raise InputError(f"{whose}: {shown(values)} must be a numpy array")
    check_kind(whose, values.dtype, values.shape, kind)
    return np.ascontiguousarray(values)


def array_files(network: Network, texts: Sequence[str]) -> dict[str, str]:
    """Return the file of every input from texts `NAME=FILE`; that of a single input may be alone.

    Without texts there are no files. Raises `InputError` for an input that is missing, unknown or
    given twice.
    """
    if not texts:
        return {}
    names = tuple(array_kinds(network))
    files: dict[str, str] = {}
    for text in texts:
        # Names may hold an equals sign.
        name = max((name for name in names if text.startswith(f"{name}=")), key=len, default=None)
        if name is not None:
            path = text.removeprefix(f"{name}=")
        elif "=" not in text and len(names) == 1:
            name, path = names[0], text
        elif "=" not in text:
            wanted = _inputs(network)
            raise InputError(f"input {quoted(text)}: write NAME=FILE, for one of {wanted}")
        else:
            name, _, path = text.partition("=")
            _check_name(network, name)
        if name in files:
            raise InputError(f"input {quoted(name)}: two files are given for it")
        files[name] = path
    return {name: _given(network, name, files) for name in names}


def read_arrays(network: Network, files: Mapping[str, str]) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of .npy files by input; None without files."""
    if not files:
        return None
    return {
        name: read_array(files[name], f"input {quoted(name)}", kind)
        for name, kind in array_kinds(network).items()
    }


def _check_name(network: Network, name: object) -> None:
    if name not in array_kinds(network):
        raise InputError(f"no input {quoted(name)}: {_takes(network)}")


def _given(network: Network, name: str, given: Mapping[str, Given]) -> Given:
    if name not in given:
        raise InputError(f"input {quoted(name)}: nothing is given for it; {_takes(network)}")
    return given[name]


def _takes(network: Network) -> str:
    kind = "graph" if isinstance(network, Graph) else "network"
    return f"{kind} {network.name} takes {_inputs(network)}"


def _inputs(network: Network) -> str:
    return brief(", ".join(f"'{name}'" for name in array_kinds(network)))


def _arrays_to_give(network: Network) -> str:
    return (
        f"give an array for each of {_inputs(network)}: --input NAME=FILE.npy, or in Python "
        "inputs={NAME: array}"
    )


def _shape(tensor: Tensor) -> tuple[int, int, int]:
    shape = tensor.shape
    return shape.channels, shape.height, shape.width

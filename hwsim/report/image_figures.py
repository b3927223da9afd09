"""The ways in which photographs become inputs, as figures and in words."""

from collections.abc import Iterable
from dataclasses import dataclass

from hwsim.graph.file_tensors import Element, FileTensor
from hwsim.graph.input_contract import Colour, InputContract
from hwsim.graph.tensors import Shape

ORDERS = {Colour.RGB: "red, green, blue", Colour.BGR: "blue, green, red", Colour.GREY: "grey"}


@dataclass(frozen=True)
class ImageFigures:
    """The contract of an input: what a photograph becomes there, and who says so."""

    input: str
    """Name of the input in the network."""
    colour: str
    """The meaning of its channels in their order: `rgb`, `bgr` or `grey`."""
    range: tuple[float, float]
    """The x of a pixel of 0 and that of one of 255; the real value is (x - mean) / std."""
    mean: tuple[float, ...]
    """One number, or one for each channel in the input's order."""
    std: tuple[float, ...]
    """One number, or one for each channel in the input's order."""
    resize: str
    """The way in which a photograph of another shape fills it: `stretch`, `letterbox`, `crop`."""
    fill: tuple[int, ...]
    """The pixel of a letterbox's borders, one number or one for each channel; else empty."""
    colour_from: str
    """The source of `colour`: `the call`, a file's name, `the file`, or a framework."""
    normalization_from: str
    """The source of `range`, `mean` and `std`, as of `colour`."""
    framing_from: str
    """The source of `resize` and `fill`, as of `colour`."""
    in_words: str
    """The same in words."""


def image_figures(shape: Shape, contract: InputContract, name: str) -> ImageFigures:
    """Return the figures of an input whose elements are pixels."""
    return _figures(shape, contract, name, "int8 elements are the pixel - 128")


def file_image_figures(tensor: FileTensor, contract: InputContract, name: str) -> ImageFigures:
    """Return the figures of an input of a file's network."""
    return _figures(tensor.shape, contract, name, _elements(tensor, contract))


def _elements(tensor: FileTensor, contract: InputContract) -> str:
    own = tensor.quantization
    if own is None:
        return f"elements are {contract.normalization}"
    if contract.normalization == tensor.of_codes:
        value = "the pixel" if tensor.element is Element.UINT8 else "the pixel - 128"
        return f"{tensor.element} elements are {value}"
    return (
        f"{tensor.element} elements stand for {contract.normalization}, with scale "
        f"{own.scale:.6g} and zero point {own.zero_point}"
    )


def _figures(shape: Shape, contract: InputContract, name: str, elements: str) -> ImageFigures:
    normalization, framing = contract.normalization, contract.framing
    size = f"{shape.width}x{shape.height}"
    sources = dict.fromkeys(
        (contract.colour_from, contract.normalization_from, contract.framing_from)
    )
    return ImageFigures(
        input=name,
        colour=contract.colour.value,
        range=normalization.range,
        mean=normalization.mean,
        std=normalization.std,
        resize=framing.resize.value,
        fill=framing.fill,
        colour_from=contract.colour_from,
        normalization_from=contract.normalization_from,
        framing_from=contract.framing_from,
        in_words=(
            f"{framing} to {size}, {ORDERS[contract.colour]}, {elements}, as "
            f"{' and '.join(sources)} {'say' if len(sources) > 1 else 'says'}"
        ),
    )


def images_text(images: Iterable[ImageFigures]) -> str:
    """Return what a photograph became, at one input after the other."""
    return "; ".join(dict.fromkeys(image.in_words for image in images))

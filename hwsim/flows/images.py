"""The pixels of a photograph, as the contract of an input wants them."""

import numpy as np
from numpy.typing import NDArray

from hwsim.extras import importing_extra
from hwsim.graph import Shape
from hwsim.graph.input_contract import Colour, InputContract


def image_pixels(
    path: str, shape: Shape, contract: InputContract, purpose: str
) -> NDArray[np.uint8]:
    """Return a photograph's pixels `[C, H, W]` in the size and the order of an input."""
    with importing_extra("golden", purpose):
        from hwsim.golden.photographs import grey, load_image
    resize = contract.framing.resize
    found = load_image(path, height=shape.height, width=shape.width, resize=resize)
    inner: NDArray[np.uint8] = (grey(found) if contract.colour is Colour.GREY else found).numpy()
    ordered = np.ascontiguousarray(contract.ordered(inner))
    return contract.framed(ordered, shape.height, shape.width)

"""A tensor at its place in memory, with all that a host needs to write and to read it."""

from dataclasses import dataclass
from typing import Literal

from hwsim.compiler.pack import image_row_bytes
from hwsim.graph import Tensor
from hwsim.program.blocking import IMAGE_PIXEL_BYTES, lies_packed
from hwsim.program.network_plan import NetworkPlan
from hwsim.program.program import Plan


@dataclass(frozen=True)
class PlacedTensor:
    """One stored tensor. Element (c, y, x) is the signed byte at

    address + (c // pixel_bytes) * block_bytes + y * row_bytes + x * pixel_bytes + c % pixel_bytes
    """

    name: str
    """Name of the tensor in the network."""
    address: int
    """Address of its first byte."""
    size_bytes: int
    """Its size, padding included."""
    shape: tuple[int, int, int]
    """Its channels, height and width."""
    layout: Literal["image", "blocks"]
    """Memory format, from "Memory formats" in docs/architecture.md."""
    pixel_bytes: int
    """Bytes from one pixel to the next."""
    row_bytes: int
    """Bytes from one row to the next."""
    block_bytes: int
    """Bytes from one block of channels to the next."""
    scale: float | None
    """Scale of the real value that an element stands for: scale x (element - zero_point)."""
    zero_point: int
    """The element that stands for 0."""
    sha256: str | None
    """Hash of its bytes in memory after the run; null if nothing was executed."""


def placed_tensor(plan: NetworkPlan[Plan], tensor: Tensor, sha256: str | None) -> PlacedTensor:
    """Return a tensor of a network at its address, with the hash of its bytes if it is known."""
    region, config, shape = plan.region(tensor), plan.config, tensor.shape
    packed = lies_packed(plan.graph, tensor)
    pixel_bytes = IMAGE_PIXEL_BYTES if packed else config.word_bytes
    row_bytes = image_row_bytes(shape.width, config) if packed else shape.width * pixel_bytes
    quantization = tensor.quantization
    return PlacedTensor(
        name=tensor.name,
        address=region.address,
        size_bytes=region.size_bytes,
        shape=(shape.channels, shape.height, shape.width),
        layout="image" if packed else "blocks",
        pixel_bytes=pixel_bytes,
        row_bytes=row_bytes,
        block_bytes=shape.height * row_bytes,
        scale=quantization.scale if quantization else None,
        zero_point=tensor.zero_point,
        sha256=sha256,
    )

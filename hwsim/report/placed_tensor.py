"""A tensor at its place in memory, with all that a host needs to write and to read it."""

from dataclasses import dataclass
from typing import Literal

from hwsim.arch.packed import IMAGE_PIXEL_BYTES
from hwsim.compiler.pack import image_row_bytes
from hwsim.graph import Tensor
from hwsim.program.blocking import lies_packed
from hwsim.program.network_plan import NetworkPlan
from hwsim.program.program import Plan


@dataclass(frozen=True)
class PlacedTensor:
    """One stored tensor. Element (c, y, x) is the signed byte at

    address + (c // pixel_bytes) * block_bytes + y * row_bytes + x * pixel_bytes + c % pixel_bytes

    In an input that lies in cells, that is the address of channel ((y + cell_top) % cell_rows *
    cell_columns + (x + cell_left) % cell_columns) * channels + c in row (y + cell_top) // cell_rows
    and column (x + cell_left) // cell_columns. Bytes of a cell outside the input hold zero_point.
    """

    name: str
    """Name of the tensor in the network."""
    address: int
    """Address of its first byte."""
    size_bytes: int
    """Its size, padding included."""
    shape: tuple[int, int, int]
    """Its channels, height and width."""
    layout: Literal["image", "blocks", "cells"]
    """Memory format, from "Memory formats" in docs/architecture.md."""
    pixel_bytes: int
    """Bytes from one pixel to the next."""
    row_bytes: int
    """Bytes from one row to the next."""
    block_bytes: int
    """Bytes from one block of channels to the next."""
    cell_rows: int
    """Rows of a cell; 1 in any tensor but an input that lies in cells."""
    cell_columns: int
    """Columns of a cell."""
    cell_top: int
    """Rows of the first cells in front of the tensor."""
    cell_left: int
    """Columns of the first cells in front of the tensor."""
    scale: float | None
    """Scale of the real value that an element stands for: scale x (element - zero_point)."""
    zero_point: int
    """The element that stands for 0."""
    sha256: str | None
    """Hash of its bytes in memory after the run; null if nothing was executed."""


def placed_tensor(plan: NetworkPlan[Plan], tensor: Tensor, sha256: str | None) -> PlacedTensor:
    """Return a tensor of a network at its address, with the hash of its bytes if it is known."""
    region, config, shape = plan.region(tensor), plan.config, tensor.shape
    packed, cells = lies_packed(plan.graph, tensor, config), plan.cells(tensor)
    stored = cells.gathered if cells else shape
    pixel_bytes = IMAGE_PIXEL_BYTES if packed else config.word_bytes
    row_bytes = image_row_bytes(shape.width, config) if packed else stored.width * pixel_bytes
    quantization = tensor.quantization
    return PlacedTensor(
        name=tensor.name,
        address=region.address,
        size_bytes=region.size_bytes,
        shape=(shape.channels, shape.height, shape.width),
        layout="image" if packed else "cells" if cells else "blocks",
        pixel_bytes=pixel_bytes,
        row_bytes=row_bytes,
        block_bytes=stored.height * row_bytes,
        cell_rows=cells.rows if cells else 1,
        cell_columns=cells.columns if cells else 1,
        cell_top=cells.top if cells else 0,
        cell_left=cells.left if cells else 0,
        scale=quantization.scale if quantization else None,
        zero_point=tensor.zero_point,
        sha256=sha256,
    )

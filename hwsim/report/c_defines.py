"""Names and values of the `#define`s in memory.h, which memory.json lists too."""

from collections.abc import Iterable, Mapping
from itertools import count

from hwsim.escape import c_name
from hwsim.report.placed_tensor import PlacedTensor

Ends = Mapping[str, tuple[PlacedTensor, ...]]  # under INPUT and OUTPUT, in the network's order


def defines(
    base: int,
    memory_bytes: int,
    registers: Mapping[str, int],
    counters: Mapping[str, int],
    ends: Ends,
) -> dict[str, str]:
    """Return names and values for C. Intermediate tensors are left out: their regions overlap."""
    found = {"MEMORY_BASE": f"{base:#010x}u", "MEMORY_BYTES": f"{memory_bytes}u"}
    found |= {f"MEMORY_{name}": f"{value:#010x}u" for name, value in registers.items()}
    found |= {f"MEMORY_PREDICTED_{name}": f"{value}ull" for name, value in counters.items()}
    for end, tensors in ends.items():
        found[f"MEMORY_{end}S_COUNT"] = f"{len(tensors)}u"
        for tensor, prefix in zip(tensors, prefixes(end, tensors), strict=True):
            found |= {f"{prefix}_{name}": value for name, value in fields(tensor).items()}
    return found


def fields(tensor: PlacedTensor) -> dict[str, str]:
    """Return the numbers of a tensor for C, in the order of `struct NAME_tensor` in the driver."""
    channels, height, width = tensor.shape
    return {
        "ADDRESS": f"{tensor.address:#010x}u",
        "BYTES": f"{tensor.size_bytes}u",
        "CHANNELS": f"{channels}u",
        "HEIGHT": f"{height}u",
        "WIDTH": f"{width}u",
        "PIXEL_BYTES": f"{tensor.pixel_bytes}u",
        "ROW_BYTES": f"{tensor.row_bytes}u",
        "BLOCK_BYTES": f"{tensor.block_bytes}u",
        "CELL_ROWS": f"{tensor.cell_rows}u",
        "CELL_COLUMNS": f"{tensor.cell_columns}u",
        "CELL_TOP": f"{tensor.cell_top}u",
        "CELL_LEFT": f"{tensor.cell_left}u",
        "SCALE": repr(float(tensor.scale or 0)),
        "ZERO_POINT": f"({tensor.zero_point})",
    }


def prefixes(end: str, tensors: Iterable[PlacedTensor]) -> list[str]:
    """Return what the names of each tensor's numbers begin with.

    Where two tensors would share a name, the second one's gets a number. `a` and `a_row` would too:
    `a` has ROW_BYTES, and `a_row` has BYTES.
    """
    found: list[str] = []
    taken: set[str] = set()
    for tensor in tensors:
        first = f"MEMORY_{end}_{c_name(tensor.name)}"
        numbered = (first if number == 1 else f"{first}_{number}" for number in count(1))
        prefix = next(each for each in numbered if taken.isdisjoint(_names(each, tensor)))
        taken |= _names(prefix, tensor)
        found.append(prefix)
    return found


def _names(prefix: str, tensor: PlacedTensor) -> set[str]:
    return {f"{prefix}_{name}" for name in fields(tensor)}

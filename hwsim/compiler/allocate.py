"""Places feature tensors in memory so that tensors alive at the same time never overlap."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lifetime:
    """A tensor of `size_bytes`, alive from step `first` to step `last`, both included."""

    name: str
    size_bytes: int
    first: int
    last: int

    def overlaps(self, other: "Lifetime") -> bool:
        return self.first <= other.last and other.first <= self.last


def allocate(tensors: list[Lifetime]) -> dict[str, int]:
    """Give every tensor an offset: largest first, each at the lowest place that is free.

    In a chain this reaches the least possible high-water mark, the largest input + output.
    """
    placed: list[tuple[Lifetime, int]] = []
    for tensor in sorted(tensors, key=lambda tensor: (-tensor.size_bytes, tensor.first)):
        offset = 0
        for other, start in sorted(placed, key=lambda item: item[1]):
            if tensor.overlaps(other) and start < offset + tensor.size_bytes:
                offset = max(offset, start + other.size_bytes)
        placed.append((tensor, offset))
    return {tensor.name: offset for tensor, offset in placed}


def high_water_bytes(tensors: list[Lifetime], offsets: dict[str, int]) -> int:
    return max(offsets[tensor.name] + tensor.size_bytes for tensor in tensors)

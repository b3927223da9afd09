"""The memory behind the bus, and the bytes that cross the bus."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.program.program import Traffic
from hwsim.program.traffic import ByteCounts


@dataclass(frozen=True)
class Transfer:
    """Consecutive bytes that crossed the bus together."""

    traffic: Traffic
    address: int
    size_bytes: int


class Memory:
    """A memory from address 0 on that records its transfers."""

    def __init__(self, size_bytes: int) -> None:
        self.data: NDArray[np.uint8] = np.zeros(size_bytes, np.uint8)
        self.transfers: list[Transfer] = []

    def place(self, address: int, data: bytes) -> None:
        """Write data to memory without the bus, as the host does before a run."""
        self.data[address : address + len(data)] = np.frombuffer(data, np.uint8)

    def read(self, traffic: Traffic, address: int, size_bytes: int) -> NDArray[np.uint8]:
        """Return bytes of the memory, read over the bus."""
        self.transfers.append(Transfer(traffic, address, size_bytes))
        return self.data[address : address + size_bytes]

    def write(self, traffic: Traffic, address: int, data: NDArray[np.uint8]) -> None:
        """Write bytes to the memory over the bus."""
        self.transfers.append(Transfer(traffic, address, data.size))
        self.data[address : address + data.size] = data

    def byte_counts(self) -> ByteCounts:
        """Return how many bytes have crossed the bus so far."""
        totals = dict.fromkeys(Traffic, 0)
        for transfer in self.transfers:
            totals[transfer.traffic] += transfer.size_bytes
        return ByteCounts.by_class(totals)

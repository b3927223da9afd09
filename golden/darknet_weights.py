"""Darknet's `.weights` files: a short header, then every layer's floats, one after the other.

    header   int32 major, minor, revision; then images seen, int64 from version 0.2 on, else int32
    layer    bias [K]; scale, mean, variance [K] where normalised; weights [K, C, R, S]

All little-endian, float32. The file names no layer and no shape: only its size can be checked.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hwsim.errors import InputError
from hwsim.golden.networks import FloatNetwork

VERSION = struct.Struct("<3i")
FLOAT = np.dtype("<f4")
WIDE_SEEN_VERSION = 2  # major * 10 + minor
LARGEST_VERSION = 1000  # darknet: above it, the number is a flag and no version


def stored_tensors(network: FloatNetwork) -> Iterator[Tensor]:
    """The network's tensors in the order in which darknet stores them."""
    for layer in network.float_layers():
        yield layer.bias
        if layer.normalised:
            yield from (layer.scale, layer.mean, layer.variance)
        yield layer.weights


def load_darknet_weights(network: FloatNetwork, path: str | Path) -> None:
    """Fill `network` from a darknet file.

    Raises `InputError` if the file cannot be read, is not exactly of the network's size, or holds
    a value that is not finite or a negative variance.
    """
    try:
        size = Path(path).stat().st_size
        with Path(path).open("rb") as file:
            header = file.read(VERSION.size)
            if len(header) < VERSION.size:
                raise InputError(f"weights '{path}': {size} bytes, too short for a header")
            header_bytes = VERSION.size + _seen_bytes(*VERSION.unpack(header)[:2])
            _check_size(network, path, size, header_bytes)
            file.seek(header_bytes)
            values = np.fromfile(file, FLOAT).astype(np.float32)
    except OSError as error:
        raise InputError(f"cannot read weights '{path}': {error.strerror}") from None
    if not np.isfinite(values).all():
        position = int(np.argmin(np.isfinite(values)))
        raise InputError(f"weights '{path}': float {position} is not finite")
    _fill(network, path, torch.from_numpy(values))


def save_darknet_weights(network: FloatNetwork, path: str | Path) -> None:
    """Write `network` as darknet does, version 0.2 with no images seen."""
    with Path(path).open("wb") as file:
        file.write(VERSION.pack(0, 2, 0) + bytes(_seen_bytes(0, 2)))
        for tensor in stored_tensors(network):
            file.write(tensor.detach().numpy().astype(FLOAT).tobytes())


def _seen_bytes(major: int, minor: int) -> int:
    wide = major * 10 + minor >= WIDE_SEEN_VERSION
    return 8 if wide and major < LARGEST_VERSION and minor < LARGEST_VERSION else 4


def _check_size(network: FloatNetwork, path: str | Path, size: int, header_bytes: int) -> None:
    expected = sum(tensor.numel() for tensor in stored_tensors(network))
    found, rest = divmod(size - header_bytes, FLOAT.itemsize)
    if found != expected or rest:
        raise InputError(
            f"weights '{path}': {size} bytes, expected {header_bytes} of header and "
            f"{expected} floats = {header_bytes + expected * FLOAT.itemsize} for {network.name}"
        )


def _fill(network: FloatNetwork, path: str | Path, values: Tensor) -> None:
    start = 0
    with torch.no_grad():
        for tensor in stored_tensors(network):
            tensor.copy_(values[start : start + tensor.numel()].view(tensor.shape))
            start += tensor.numel()
    for layer in network.float_layers():
        if layer.normalised and bool((layer.variance < 0).any()):
            raise InputError(f"weights '{path}': {layer.layer.name} has a negative variance")
        if not all(bool(tensor.isfinite().all()) for tensor in layer.folded()):
            raise InputError(
                f"weights '{path}': {layer.layer.name} is not finite with its batch norm folded in"
            )

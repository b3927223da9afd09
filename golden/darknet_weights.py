"""Darknet's `.weights` files to and from a network of PyTorch; the format is in the front end."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from hwsim.errors import InputError
from hwsim.frontends.darknet import FLOAT, header, read_weights
from hwsim.golden.networks import FloatNetwork
from hwsim.graph import Graph


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
    graph = Graph(network.name, tuple(layer.layer for layer in network.float_layers()))
    _fill(network, path, torch.from_numpy(read_weights(graph, path)))


def save_darknet_weights(network: FloatNetwork, path: str | Path) -> None:
    """Write `network` as darknet does, version 0.2 with no images seen."""
    with Path(path).open("wb") as file:
        file.write(header(0, 2))
        for tensor in stored_tensors(network):
            file.write(tensor.detach().numpy().astype(FLOAT).tobytes())


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

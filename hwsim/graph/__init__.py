"""The quantized network: its nouns, and the file that keeps them."""

from hwsim.graph.layers import (
    CHANNEL_POOL_FACTORS,
    Constants,
    Graph,
    Layer,
    Quantization,
    Shape,
    SpatialPool,
    Tensor,
)

__all__ = [
    "CHANNEL_POOL_FACTORS",
    "Constants",
    "Graph",
    "Layer",
    "Quantization",
    "Shape",
    "SpatialPool",
    "Tensor",
]

"""Built-in networks with seeded weights, quantized by golden without the user's cache."""

from hwsim.frontends.builtin import build_network
from hwsim.golden.quantize import quantize
from hwsim.golden.statistics import seeded_weights
from hwsim.graph import Graph


def quantized_network(
    name: str,
    height: int | None = None,
    width: int | None = None,
    *,
    weight_bits: int = 8,
    multiplier_bits: int = 16,
    seed: int = 0,
) -> Graph:
    shapes = build_network(name, height, width, weight_bits=weight_bits)
    return quantize(shapes, seeded_weights(shapes, seed), multiplier_bits)

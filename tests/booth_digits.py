"""Booth's digits of weights, as lanes of trees keep them, found by division."""

from collections.abc import Iterable


def stored(weight: int, weight_bits: int, multipliers: str) -> int:
    """Return the number whose bits an array of these multipliers keeps for a weight."""
    if multipliers == "dsp":
        return weight
    bits = 0
    for place in range(0, weight_bits - 2, 2):
        digit = (weight + 1) % 4 - 1
        bits |= digit % 4 << place
        weight = (weight - digit) // 4
    assert abs(weight) <= 2
    bits |= [0, 0b001, 0b010, 0b110, 0b101][weight] << weight_bits - 2
    return bits - (weight < 0) * (1 << weight_bits + 1)


def all_stored(weights: Iterable[int], weight_bits: int, multipliers: str) -> list[int]:
    """Return the same for each of the weights."""
    return [stored(int(weight), weight_bits, multipliers) for weight in weights]

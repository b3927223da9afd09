"""Comparing and unwrapping tokens, which count modulo 2**16."""

from hwsim.isa.fields import TOKEN_BITS

TOKEN_MASK = (1 << TOKEN_BITS) - 1
HALF = 1 << (TOKEN_BITS - 1)


def token_reached(count: int, wait: int) -> bool:
    """Return True once a counter has reached the awaited count, both modulo 2**16."""
    return (count - wait) & TOKEN_MASK < HALF


def unwrap(wait: int, near: int) -> int:
    """Return the full count that a 16-bit `wait` stands for: the one nearest to `near`."""
    return near + ((wait - near + HALF) & TOKEN_MASK) - HALF

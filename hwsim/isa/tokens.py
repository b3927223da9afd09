"""Tokens count modulo 2**16; these functions compare and unwrap them."""

from hwsim.isa.fields import TOKEN_BITS

TOKEN_MASK = (1 << TOKEN_BITS) - 1
HALF = 1 << (TOKEN_BITS - 1)


def token_reached(count: int, wait: int) -> bool:
    """True once a counter has reached a wait, both taken modulo 2**16."""
    return (count - wait) & TOKEN_MASK < HALF


def unwrap(wait: int, near: int) -> int:
    """The count that a wait stands for, being the one within half a turn of `near`."""
    return near + ((wait - near + HALF) & TOKEN_MASK) - HALF

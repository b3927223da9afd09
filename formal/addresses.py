"""The place of a burst, worked out from its first byte and its size."""

from functools import reduce
from operator import or_

from amaranth.hdl import Mux, Value
from amaranth.lib import data
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.rtl.memory.window_guard import PAGE_OFFSET_BITS

BOUNDARY_BYTES = 4096  # AXI4, A3.4.1: no burst crosses a multiple of it
PAGE_BYTES = 1 << PAGE_OFFSET_BITS


def is_aligned(address: Value, config: Config) -> Value:
    return address[: exact_log2(config.word_bytes)] == 0


def in_its_4_kib(address: Value) -> Value:
    return address[: exact_log2(BOUNDARY_BYTES)]


def keeps_to_4_kib(address: Value, beats: Value, config: Config) -> Value:
    """Return whether all bytes of a burst lie on one side of every 4 KiB boundary."""
    return in_its_4_kib(address) + beats * config.word_bytes <= BOUNDARY_BYTES


def longest_burst(address: Value, config: Config) -> Value:
    """Return the words of the longest burst that may begin at an address."""
    most = config.burst_words
    to_boundary = (BOUNDARY_BYTES - in_its_4_kib(address)) >> exact_log2(config.word_bytes)
    return Mux(to_boundary < most, to_boundary, most)[: most.bit_length()]


def exceeds_any_burst(words: Value, config: Config) -> Value:
    """Return whether a run has more words than a burst's counter holds."""
    return words >= 1 << config.burst_words.bit_length()


def lies_in(window: data.View, address: Value, size_bytes: Value) -> Value:
    """Return whether first and last byte lie in a window."""
    above = address >= window.base * PAGE_BYTES
    return above & (address + size_bytes <= (window.limit + 1) * PAGE_BYTES)


def lies_in_any(windows: data.View, address: Value, beats: Value, config: Config) -> Value:
    size_bytes = beats * config.word_bytes
    count = windows.shape().length
    return reduce(or_, (lies_in(windows[number], address, size_bytes) for number in range(count)))

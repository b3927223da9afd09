"""Packed taps: a word holds several pixels of an image, and 3x3 windows of them fill the lanes."""

from hwsim.arch.config import Config

IMAGE_PIXEL_BYTES = 4  # of three channels and an empty one
LEAST_PACKED_LANES = 2 * IMAGE_PIXEL_BYTES


def has_packed_taps(config: Config) -> bool:
    """Return True if a word holds more than one pixel of an image."""
    return config.array.input_lanes >= LEAST_PACKED_LANES

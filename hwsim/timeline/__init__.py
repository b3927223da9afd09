"""Prices a program in cycles, closed-form within a tile."""

from hwsim.timeline.roofline import Roofline
from hwsim.timeline.timeline import LayerTime, Timeline, time_program

__all__ = ["LayerTime", "Roofline", "Timeline", "time_program"]

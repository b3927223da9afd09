"""The timeline, which prices a program in cycles, with closed formulas within a tile."""

from hwsim.timeline.roofline import Roofline, whole
from hwsim.timeline.timeline import StageTime, Timeline, joined, time_program

__all__ = ["Roofline", "StageTime", "Timeline", "joined", "time_program", "whole"]

"""Executes a program bit-exactly on a modelled memory."""

from hwsim.machine.machine import Deadlock, Machine

__all__ = ["Deadlock", "Machine"]

"""Executes a program bit-exactly on a modelled memory."""

from hwsim.machine.machine import DeadlockError, Machine

__all__ = ["DeadlockError", "Machine"]

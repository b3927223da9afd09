"""The machine, which executes a program bit for bit on a model of memory."""

from hwsim.machine.machine import DeadlockError, Machine

__all__ = ["DeadlockError", "Machine"]

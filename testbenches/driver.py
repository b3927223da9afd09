"""The C driver as a shared library: its structures, and its one function."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from hwsim.isa.registers import COUNTERS

FLAGS = (
    "-shared",
    "-fPIC",
    "-std=gnu99",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pedantic",
    "-Wmissing-prototypes",
)


class Status(IntEnum):
    """The values that `accelerator_run` returns, and with steps `accelerator_run_steps`."""

    OK = 0
    NOT_FOUND = 1
    OTHER_BUILD = 2
    BUSY = 3
    FAILED = 4
    HANGS = 5
    HOST_FAILED = 6


class _Bus(ctypes.Structure):
    READ = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
    WRITE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)
    WAIT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    _fields_ = (
        ("read32", READ),
        ("write32", WRITE),
        ("wait_for_interrupt", WAIT),
        ("context", ctypes.c_void_p),
    )


class Job(ctypes.Structure):
    """The driver's description of a run.

    It has the configuration's fingerprint, the program's address, and the first and the last byte
    of both windows.
    """

    _fields_ = (
        ("fingerprint", ctypes.c_uint32),
        ("program_address", ctypes.c_uint32),
        ("constants_first", ctypes.c_uint32),
        ("constants_last", ctypes.c_uint32),
        ("features_first", ctypes.c_uint32),
        ("features_last", ctypes.c_uint32),
    )


class _Report(ctypes.Structure):
    _fields_ = (
        ("error_code", ctypes.c_uint32),
        ("error_descriptor", ctypes.c_uint32),
        *((name.lower(), ctypes.c_uint64) for name in COUNTERS),
    )


@dataclass(frozen=True)
class Report:
    """The end of a run, and its counters by their registers' names."""

    status: Status
    error_code: int
    error_descriptor: int
    counters: dict[str, int]


def run_driver(
    library: Path,
    job: Job,
    read: Callable[[int], int],
    write: Callable[[int, int], None],
    wait: Callable[[], bool],
) -> Report:
    """Call the C function, which calls `read`, `write` and `wait`; `wait` is True at the interrupt.

    An exception of a callback is raised again when the C function has returned.
    """
    raised: list[BaseException] = []

    def guarded(call: Callable[[], int | None], otherwise: int) -> int:
        if raised:
            return otherwise
        try:
            return call() or 0
        except BaseException as error:
            raised.append(error)
            return otherwise

    bus = _Bus(
        _Bus.READ(lambda _context, offset: guarded(lambda: read(offset), 0)),
        _Bus.WRITE(lambda _context, offset, value: guarded(lambda: write(offset, value), 0)),
        _Bus.WAIT(lambda _context: guarded(lambda: int(not wait()), 1)),
        None,
    )
    report = _Report()
    status = ctypes.CDLL(str(library)).accelerator_run(
        ctypes.byref(bus), ctypes.byref(job), ctypes.byref(report)
    )
    if raised:
        raise raised[0]
    counters = {name: int(getattr(report, name.lower())) for name in COUNTERS}
    return Report(Status(status), report.error_code, report.error_descriptor, counters)

"""A run as host and core see it: its start, its end, and the memory that it may touch."""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.registers import PAGE_BITS
from hwsim.rtl.program.layouts import SOURCE_BITS

# Whole pages of 4 KiB, from page `base` to page `limit`. With `limit` below `base` it is empty.
WINDOW = data.StructLayout({"base": PAGE_BITS, "limit": PAGE_BITS})

# Bursts may read from both windows, and write to the second.
WINDOWS = data.StructLayout({"constants": WINDOW, "features": WINDOW})

# Why a unit cannot go on, and which descriptor is to blame; the code is NONE while all is well.
FAULT = data.StructLayout({"code": ErrorCode, "source": SOURCE_BITS})

# The descriptor that a unit has at hand and cannot finish yet.
WAITING = data.StructLayout({"valid": 1, "source": SOURCE_BITS})


class Launch(wiring.Signature):
    """Starts a run. There is no backpressure: the host starts nothing while a run goes on.

    Members
    -------
    start : Out(1)
        High for one cycle, which is cycle 0 of the run.
    program : Out(SOURCE_BITS)
        Where the program's first page lies (address / 64); stands still from `start` on.
    """

    def __init__(self) -> None:
        super().__init__({"start": Out(1), "program": Out(SOURCE_BITS)})


class Supervision(wiring.Signature):
    """Reports a run to control, and lets control stop it.

    Every report belongs to the cycle in which it stands; none waits for an answer.

    Members
    -------
    ended : Out(1)
        High for one cycle when END is taken: its stores are done.
    fault : Out(FAULT)
        Simultaneous faults: the bus first, then the earliest unit in program order.
    active : Out(1)
        High while something moves. If nothing does while the bus is `quiet`, nothing ever will.
    waiting : Out(SOURCE_BITS)
        The waiting descriptor with the lowest address: the one to blame for a deadlock.
    next : Out(SOURCE_BITS)
        The descriptor that is distributed next: the one that ABORT reports.
    quiet : Out(1)
        High while nothing is under way on the bus.
    stop : In(1)
        While it is high nothing new goes out to the bus; what is under way is brought to its end.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "ended": Out(1),
                "fault": Out(FAULT),
                "active": Out(1),
                "waiting": Out(SOURCE_BITS),
                "next": Out(SOURCE_BITS),
                "quiet": Out(1),
                "stop": In(1),
            }
        )

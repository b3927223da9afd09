"""`rtl.burst_guard`: nothing passes that leaves the windows or the buffer, and nothing is lost."""

from amaranth.hdl import Cat, Const
from amaranth.lib import data

from formal.addresses import keeps_to_4_kib, lies_in_any
from formal.proof import Proof
from formal.streams import claim_held, claim_offered_within, claim_passed, drain, drive
from hwsim.config import Config
from hwsim.program.error_codes import ErrorCode
from rtl.burst_guard import BurstGuard
from rtl.bursts import burst_layout
from rtl.layouts import SOURCE_BITS
from rtl.window_guard import WINDOW

TAG = data.StructLayout({"source": SOURCE_BITS})


def burst_guard(config: Config) -> Proof:
    """Windows that stand still; bursts that do not cross 4 KiB, which `rtl.bursts` sees to."""
    proof = Proof()
    m = proof.module
    count, buffer_words = 2, config.feature_words
    m.submodules.guard = guard = BurstGuard(
        burst_layout(config, TAG), count, buffer_words, ErrorCode.READ_WINDOW
    )
    windows = proof.constant(data.ArrayLayout(WINDOW, count), "windows")
    m.d.comb += guard.windows.eq(windows)
    i, o, fault = guard.i, guard.o, guard.fault
    drive(proof, i, "i")
    drain(proof, o, "o")
    proof.promise(keeps_to_4_kib(i.payload.address, i.payload.beats, config))
    proof.promise(i.payload.beats != 0)

    # Windows stand still and bursts do not change: what is known at the entry holds at the exit.
    burst = i.payload
    known = {
        "in_window": lies_in_any(windows, burst.address, burst.beats, config),
        "in_buffer": ~burst.in_buffer | (burst.end <= buffer_words),
    }
    allowed = Cat(known.values()).all()
    passage = claim_passed(
        proof,
        "guard",
        i.valid & i.ready,
        Cat(burst, allowed),
        o.valid & o.ready,
        Cat(o.payload, Const(1)),
        BurstGuard.ENTRIES,
    )
    claim_held(proof, "o", o.valid, o.ready, o.payload)
    proof.reach("fault: a burst is kept", fault.code == ErrorCode.READ_WINDOW)
    is_fault = fault.code != ErrorCode.NONE
    claim_offered_within(proof, "guard", passage.inside, o.valid | is_fault, BurstGuard.LATENCY)
    return proof

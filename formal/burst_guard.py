"""`rtl.memory.burst_guard` keeps back what leaves windows or buffer, and loses nothing else."""

from amaranth.hdl import Cat, Const, Mux, Signal
from amaranth.lib import data

from formal.addresses import keeps_to_4_kib, lies_in_any
from formal.proof import Proof
from formal.streams import claim_held, claim_offered_within, claim_passed, drain, drive
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.memory.burst_guard import BurstGuard
from hwsim.rtl.memory.bursts import burst_layout
from hwsim.rtl.program.layouts import SOURCE_BITS
from hwsim.rtl.program.run import WINDOW

TAG = data.StructLayout({"source": SOURCE_BITS})


def burst_guard(config: Config) -> Proof:
    """The windows stand still, and no burst crosses 4 KiB, which `bursts` sees to."""
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
    judged = Signal(data.StructLayout({"burst": burst.shape(), "in_windows": 1, "in_buffer": 1}))
    m.d.comb += [
        judged.burst.eq(burst),
        judged.in_windows.eq(lies_in_any(windows, burst.address, burst.beats, config)),
        judged.in_buffer.eq(~burst.in_buffer | (burst.end <= buffer_words)),
    ]
    passage = claim_passed(
        proof,
        "guard",
        i.valid & i.ready,
        judged,
        o.valid & o.ready,
        Cat(o.payload, Const(1), Const(1)),
        BurstGuard.ENTRIES,
    )
    claim_held(proof, "o", o.valid, o.ready, o.payload)
    proof.reach("fault: a burst is kept", fault.code == ErrorCode.READ_WINDOW)
    is_fault = fault.code != ErrorCode.NONE
    is_refused = passage.is_next & is_fault
    mine = passage.payload
    proof.claim(
        "fault: of what is not allowed only", ~is_refused | ~(mine.in_windows & mine.in_buffer)
    )
    proof.claim(
        "fault: with the code of what it leaves, the windows first",
        ~is_refused | (fault.code == Mux(mine.in_windows, ErrorCode.BUFFER, ErrorCode.READ_WINDOW)),
    )
    proof.claim(
        "fault: of the burst's own descriptor",
        proof.equal(fault.source, mine.burst.tag.source) | ~is_refused.replicate(SOURCE_BITS),
    )
    proof.claim("fault: stays", ~proof.before(is_fault) | is_fault)
    proof.claim(
        "i: taken where there is room",
        i.ready | (passage.inside == BurstGuard.ENTRIES),
    )
    claim_offered_within(proof, "guard", passage.inside, o.valid | is_fault, BurstGuard.LATENCY)
    return proof

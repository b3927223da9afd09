"""`rtl.memory.bursts` puts every word of a run into a burst, once, in order, none across 4 KiB."""

from typing import Any

from amaranth.hdl import Cat, Mux, Signal
from amaranth.lib import data

from formal.addresses import exceeds_any_burst, is_aligned, keeps_to_4_kib, longest_burst
from formal.proof import Proof
from formal.streams import claim_held, drain
from hwsim.arch.config import Config
from hwsim.rtl.memory.bursts import Bursts
from hwsim.rtl.program.layouts import SOURCE_BITS

TAG = data.StructLayout({"source": SOURCE_BITS})


def bursts(config: Config) -> Proof:
    """The runs are those that `rtl.memory.runs` may hand over."""
    proof = Proof()
    m = proof.module
    m.submodules.bursts = bursts = Bursts(config, TAG)
    i, o = bursts.i, bursts.o
    run = drive_runs(proof, i, config)
    drain(proof, o, "o")
    enters, leaves = i.valid & i.ready, o.valid & o.ready

    # What must be offered, and what of the run is behind it.
    burst = o.payload
    address, place = Signal.like(run.address), Signal.like(burst.place)
    beats, words_behind = Signal.like(burst.beats), Signal.like(run.words)
    next_address, next_limit = Signal.like(run.address), Signal.like(run.limit)
    kept = Signal(run.shape())
    with m.If(enters | leaves):
        begins = Mux(enters, run.address, next_address)
        words, limit = Mux(enters, run.words, words_behind), Mux(enters, run.limit, next_limit)
        size = Mux(words < limit, words, limit)[: len(beats)]
        behind = (begins + limit * config.word_bytes)[: len(address)]
        m.d.sync += [
            address.eq(begins),
            beats.eq(size),
            words_behind.eq(words - size),
            place.eq(Mux(enters, run.place, place + beats)),
            next_address.eq(behind),
            next_limit.eq(longest_burst(behind, config)),
        ]
    with m.If(enters):
        m.d.sync += kept.eq(run)
    ends = words_behind == 0

    proof.reach("o: a second burst of a run", o.valid & (burst.address != kept.address))
    claim_held(proof, "o", o.valid, o.ready, burst)
    proof.claim("o: offered where words are left, and only there", o.valid == (beats != 0))
    proof.claim("i: the next run behind the last word", ~(enters & o.valid) | (leaves & ends))
    for name, holds in {
        "1 to `burst_beats` beats": (burst.beats >= 1) & (burst.beats <= config.burst_words),
        "never across 4 KiB": keeps_to_4_kib(burst.address, burst.beats, config),
        "aligned": is_aligned(burst.address, config),
        "as many words as may be": proof.equal(burst.beats, beats),
        "address behind the burst before": proof.equal(burst.address, address),
        "place behind the burst before": proof.equal(burst.place, place),
        "the place behind it": proof.equal(burst.end, place + beats),
        "last where the run ends": Cat(
            burst.last == (kept.last & ends),
            burst.last_of_block == (kept.last_of_block & ends),
        ),
        "what belongs to the run": proof.equal(
            Cat(burst.tag, burst.in_buffer), Cat(kept.tag, kept.in_buffer)
        ),
    }.items():
        proof.claim(f"o: {name}", holds | ~o.valid.replicate(len(holds)))
    return proof


def drive_runs(proof: Proof, port: Any, config: Config) -> data.View:
    """Offer, at any time, any run of a word or more, with what the cutter must be told of it."""
    m = proof.module
    free = proof.anything(port.payload.shape(), "run")
    run = Signal.like(free)
    m.d.comb += [
        run.eq(free),
        run.address.eq(free.address & ~(config.word_bytes - 1)),
        run.limit.eq(longest_burst(run.address, config)),
        run.is_long.eq(exceeds_any_burst(run.words, config)),
        port.payload.eq(run),
        port.valid.eq(proof.anything(1, "i_valid") & (run.words != 0)),
    ]
    return run

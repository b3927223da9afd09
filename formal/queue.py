"""`rtl.primitives.queue` loses nothing, makes nothing up and keeps the order."""

from formal.proof import Proof
from formal.streams import claim_held, claim_offered_within, claim_passed, drain, drive
from hwsim.rtl.primitives.queue import Queue


def queue(depth: int) -> Proof:
    """The payload has one bit: no bit of a payload depends on another."""
    proof = Proof()
    proof.module.submodules.queue = queue = Queue(1, depth)
    i, o = queue.i, queue.o
    drive(proof, i, "i")
    drain(proof, o, "o")
    passage = claim_passed(
        proof, "queue", i.valid & i.ready, i.payload, o.valid & o.ready, o.payload, depth
    )
    # An entry on its way to the head takes a place too.
    proof.claim("i: taken where two places are free", i.ready | (passage.inside >= depth - 1))
    claim_held(proof, "o", o.valid, o.ready, o.payload)
    claim_offered_within(proof, "queue", passage.inside, o.valid, Queue.LATENCY)
    return proof

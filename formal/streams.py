"""Claims about streams: transfers keep their order, and an offer stands until it is taken."""

from typing import Any

from amaranth.hdl import Signal, Value, ValueLike

from formal.proof import Proof


def drive(proof: Proof, port: Any, name: str) -> None:
    """Offer anything, at any time, also without holding it."""
    shape = port.payload.shape()
    proof.module.d.comb += [
        port.valid.eq(proof.anything(1, f"{name}_valid")),
        Value.cast(port.payload).eq(Value.cast(proof.anything(shape, f"{name}_payload"))),
    ]


def drive_held(proof: Proof, port: Any, name: str) -> None:
    """Offer anything, and hold it until it is taken."""
    drive(proof, port, name)
    payload = Value.cast(port.payload)
    waits, offered = proof.before(port.valid & ~port.ready), proof.before(payload)
    proof.promise(~waits | (port.valid & (payload == offered)))


def drain(proof: Proof, port: Any, name: str) -> None:
    """Be ready at any time."""
    proof.module.d.comb += port.ready.eq(proof.anything(1, f"{name}_ready"))


def claim_held(
    proof: Proof,
    name: str,
    valid: Value,
    ready: Value,
    payload: ValueLike,
) -> None:
    """Claim that an offer that is not taken stands, unchanged, in the next cycle."""
    payload = Value.cast(payload)
    waits = proof.before(valid & ~ready)
    offered = proof.before(payload)
    proof.reach(f"{name}: something waits", waits)
    proof.claim(f"{name}: valid is held until ready", ~waits | valid)
    proof.claim(
        f"{name}: the payload is stable until ready",
        proof.equal(payload, offered) | ~waits.replicate(len(payload)),
    )


class Passage:
    """Follows one transfer, chosen at any time, on its way from entry to exit.

    Members
    -------
    inside : how many transfers entered and have not left
    payload : what the chosen one had at the entry, in the same layout
    is_next : it is the next to leave, if nothing is lost, made up or overtaken: as many have left
        since it came as had been before it
    """

    def __init__(
        self, proof: Proof, name: str, enters: Value, leaves: Value, payload: Any, most: int
    ):
        m = proof.module
        self.inside = Signal(range(most + 2), name=f"{name}_inside")
        self.payload = Signal(payload.shape(), name=f"{name}_chosen_payload")
        self.is_next = Signal(name=f"{name}_chosen_is_next")
        is_chosen = Signal(name=f"{name}_is_chosen")
        ahead = Signal(range(most + 2), name=f"{name}_ahead")
        choose = proof.anything(1, f"{name}_choose")
        m.d.sync += self.inside.eq(self.inside + enters - leaves)
        m.d.comb += self.is_next.eq(is_chosen & (ahead == 0))
        with m.If(is_chosen & leaves):
            m.d.sync += [ahead.eq(ahead - 1), is_chosen.eq(~self.is_next)]
        with m.If(~is_chosen & choose & enters):
            m.d.sync += [
                is_chosen.eq(1),
                ahead.eq(self.inside - leaves),
                self.payload.eq(payload),
            ]
        proof.reach(f"{name}: the chosen one leaves", leaves & self.is_next)


def claim_passed(
    proof: Proof,
    name: str,
    enters: Value,
    taken: Any,
    leaves: Value,
    given: ValueLike,
    most: int,
) -> Passage:
    """Claim that all that enters leaves: once, unchanged and in order."""
    passage = Passage(proof, name, enters, leaves, taken, most)
    proof.claim(f"{name}: nothing is made up", ~leaves | (passage.inside != 0))
    proof.claim(f"{name}: at most {most} under way", passage.inside <= most)
    given = Value.cast(given)
    is_judged = leaves & passage.is_next
    proof.claim(
        f"{name}: in order and unchanged",
        proof.equal(given, passage.payload) | ~is_judged.replicate(len(given)),
    )
    return passage


def claim_offered_within(proof: Proof, name: str, inside: Value, valid: Value, cycles: int) -> None:
    """Claim that something is offered at most so many cycles after something is inside."""
    m = proof.module
    waited = Signal(range(cycles + 2), name=f"{name}_waited")
    with m.If((inside == 0) | valid):
        m.d.sync += waited.eq(0)
    with m.Elif(waited <= cycles):
        m.d.sync += waited.eq(waited + 1)
    proof.claim(f"{name}: offered within {cycles} cycles", waited < cycles)

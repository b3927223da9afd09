"""`rtl.program.distributor` hands every descriptor to all of its units, and to no other.

The drain is a unit of those COMPUTEs that end a tile.
"""

from amaranth.hdl import Cat, Mux
from amaranth.lib import data

from formal.proof import Proof
from formal.streams import claim_held, claim_passed, drive_held
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import QUEUE_DEPTH, Opcode
from hwsim.rtl.program.distributor import Distributor
from hwsim.rtl.program.layouts import SOURCE_BITS, as_descriptor
from hwsim.rtl.program.tokens import reached

ONE_BIT = data.StructLayout({"source": 1})  # of a descriptor: no bit depends on another
OUTPUTS = {
    "load": Opcode.LOAD,
    "weights": Opcode.COMPUTE,
    "issue": Opcode.COMPUTE,
    "drain": Opcode.COMPUTE,
    "store": Opcode.STORE,
}


def distributor() -> Proof:
    """A descriptor that is offered is of one kind, or has an error."""
    proof = Proof()
    m = proof.module
    outputs = {name: (opcode, ONE_BIT) for name, opcode in OUTPUTS.items()}
    m.submodules.distributor = distributor = Distributor(outputs)
    i = distributor.i
    drive_held(proof, i, "i")
    proof.leave_free(distributor, "stores")
    kinds = i.payload.kind.as_value()
    error = i.payload.error
    proof.promise((kinds & (kinds - 1)) == 0)
    proof.promise((error == ErrorCode.NONE) | (kinds == 0))
    takes = i.valid & i.ready
    passages = {}
    for name, opcode in OUTPUTS.items():
        o = getattr(distributor, name)
        m.d.comb += o.ready.eq(proof.anything(1, f"{name}_ready"))
        goes = takes & i.payload.kind[opcode.name.lower()]
        if name == "drain":
            goes &= as_descriptor(i.payload.descriptor).compute.last
        passages[name] = claim_passed(
            proof, name, goes, i.payload.source[0], o.valid & o.ready, o.payload,
            QUEUE_DEPTH,
        )  # fmt: skip
        claim_held(proof, name, o.valid, o.ready, o.payload)
    for opcode in (Opcode.LOAD, Opcode.COMPUTE, Opcode.STORE):
        kind = i.payload.kind[opcode.name.lower()]
        has_room = Cat(
            passages[name].inside < QUEUE_DEPTH - 1 for name in OUTPUTS if OUTPUTS[name] is opcode
        ).all()
        proof.claim(
            f"i: {opcode.name} is taken where there is room",
            i.ready | ~(i.valid & kind & has_room),
        )
    end = as_descriptor(i.payload.descriptor).end
    is_done = i.valid & i.payload.kind.end & reached(distributor.stores.count, end.wait_stores)
    proof.claim("i: what has an error is not taken", ~takes | (kinds != 0))
    proof.claim(
        "ended: the cycle after END is offered with its stores done",
        distributor.ended == proof.before(is_done & ~distributor.ended),
    )
    proof.claim(
        "ended: END is taken then, and only then", distributor.ended == (takes & i.payload.kind.end)
    )
    proof.claim(
        "fault: the error of what is offered",
        distributor.fault.code == Mux(i.valid, error, ErrorCode.NONE),
    )
    proof.claim(
        "fault: of its own descriptor",
        proof.equal(distributor.fault.source, i.payload.source)
        | (distributor.fault.code == ErrorCode.NONE).replicate(SOURCE_BITS),
    )
    proof.reach("ended", distributor.ended)
    return proof

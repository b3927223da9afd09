"""`rtl.distributor`: every descriptor to all of its units, and to no other."""

from amaranth.lib import data

from formal.proof import Proof
from formal.streams import claim_held, claim_passed, drive_held
from hwsim.program.error_codes import ErrorCode
from hwsim.program.fields import QUEUE_DEPTH, TOKEN_BITS, Opcode
from rtl.distributor import Distributor

ONE_BIT = data.StructLayout({"source": 1})  # of a descriptor: no bit depends on another
OUTPUTS = {
    "load": Opcode.LOAD,
    "weights": Opcode.COMPUTE,
    "issue": Opcode.COMPUTE,
    "drain": Opcode.COMPUTE,
    "store": Opcode.STORE,
}


def distributor() -> Proof:
    """What is offered is of one kind, or has an error."""
    proof = Proof()
    m = proof.module
    outputs = {name: (opcode, ONE_BIT) for name, opcode in OUTPUTS.items()}
    m.submodules.distributor = distributor = Distributor(outputs)
    i = distributor.i
    drive_held(proof, i, "i")
    m.d.comb += distributor.stores.eq(proof.anything(TOKEN_BITS, "stores"))
    kinds = i.payload.kind.as_value()
    error = i.payload.error
    proof.promise((kinds & (kinds - 1)) == 0)
    proof.promise((error == ErrorCode.NONE) | (kinds == 0))
    takes = i.valid & i.ready
    for name, opcode in OUTPUTS.items():
        o = getattr(distributor, name)
        m.d.comb += o.ready.eq(proof.anything(1, f"{name}_ready"))
        kind = i.payload.kind[opcode.name.lower()]
        claim_passed(
            proof, name, takes & kind, i.payload.source[0], o.valid & o.ready, o.payload,
            QUEUE_DEPTH,
        )  # fmt: skip
        claim_held(proof, name, o.valid, o.ready, o.payload)
    proof.claim("i: what has an error is not taken", ~takes | (kinds != 0))
    proof.claim("ended: END is being taken", ~distributor.ended | i.ready)
    proof.claim(
        "fault: the error of what is offered",
        (distributor.fault.code == error) | ~i.valid,
    )
    proof.reach("ended", distributor.ended)
    return proof

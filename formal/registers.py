"""`rtl.registers`: one response for every access on AXI4-Lite, held until it is taken."""

from amaranth.hdl import Cat, Signal, Value
from amaranth.lib.wiring import In

from formal.proof import Proof
from formal.streams import claim_held
from hwsim.config import Config
from rtl.registers import Registers


def registers(config: Config) -> Proof:
    """A host that does as it likes, and an accelerator that reports anything."""
    proof = Proof()
    m = proof.module
    m.submodules.registers = port = Registers(config)
    for name, member in port.signature.members.items():
        if member.flow is In:
            m.d.comb += getattr(port, name).eq(proof.anything(member.shape, name))
    writes = {
        "addresses": port.awvalid & port.awready,
        "words": port.wvalid & port.wready,
    }
    answered = port.bvalid & port.bready
    for name, enters in writes.items():
        open_ = _balance(proof, f"write_{name}", enters, answered)
        proof.claim(f"b: none before its write's {name}", ~port.bvalid | (open_ != 0))
        proof.claim(f"b: at most two of a write's {name} unanswered", open_ <= 2)
    reads = _balance(proof, "reads", port.arvalid & port.arready, port.rvalid & port.rready)
    proof.claim("r: none before its address", ~port.rvalid | (reads != 0))
    proof.claim("r: at most one read unanswered", reads <= 1)
    claim_held(proof, "b", port.bvalid, port.bready, port.bresp)
    claim_held(proof, "r", port.rvalid, port.rready, Cat(port.rdata, port.rresp))
    return proof


def _balance(proof: Proof, name: str, enters: Value, leaves: Value) -> Signal:
    """How many entered and did not leave."""
    inside = Signal(3, name=f"{name}_inside")
    proof.module.d.sync += inside.eq(inside + enters - leaves)
    return inside

"""`rtl.host.registers` answers every access on AXI4-Lite once, and holds its response."""

from amaranth.hdl import Cat, Signal, Value

from formal.proof import Proof
from formal.streams import claim_held, claim_offered_within
from hwsim.arch.config import Config
from hwsim.rtl.host.registers import Registers

READ_LATENCY = Registers.READ_CYCLES - 1  # from an address to its word


def registers(config: Config) -> Proof:
    """The host does as it likes, and the accelerator reports anything."""
    proof = Proof()
    m = proof.module
    m.submodules.registers = registers = Registers(config)
    proof.leave_free(registers, "bus", "status", "counts")
    port = registers.bus
    addressed, worded = port.awvalid & port.awready, port.wvalid & port.wready
    without_word = _balance(proof, "without_word", addressed, worded)
    unanswered = _balance(proof, "unanswered", worded, port.bvalid & port.bready)
    proof.claim("aw: taken where none waits for its word", port.awready == (without_word == 0))
    proof.claim(
        "w: taken behind its address, where no response stands",
        port.wready == ((without_word != 0) & ~port.bvalid),
    )
    proof.claim("b: one for each word, at once", port.bvalid == (unanswered != 0))
    proof.claim("b: at most one stands", unanswered <= 1)
    reads = _balance(proof, "reads", port.arvalid & port.arready, port.rvalid & port.rready)
    proof.claim("ar: taken where no read is unanswered", port.arready == (reads == 0))
    proof.claim("r: none before its address", ~port.rvalid | (reads != 0))
    claim_offered_within(proof, "r", reads, port.rvalid, READ_LATENCY)
    claim_held(proof, "b", port.bvalid, port.bready, port.bresp)
    claim_held(proof, "r", port.rvalid, port.rready, Cat(port.rdata, port.rresp))
    return proof


def _balance(proof: Proof, name: str, enters: Value, leaves: Value) -> Signal:
    """Return how many entered and did not leave."""
    inside = Signal(3, name=f"{name}_inside")
    proof.module.d.sync += inside.eq(inside + enters - leaves)
    return inside

"""`rtl.write_manager`: every burst on the bus once, with its own words, all of them."""

from amaranth.hdl import Cat, Mux, Signal

from formal.proof import Proof
from formal.streams import Passage, claim_held, claim_passed, drive
from hwsim.config import Config
from hwsim.program.error_codes import ErrorCode
from rtl.placing import STAGING_BITS
from rtl.write_manager import BURSTS_AHEAD, WriteManager

ERROR = 1  # the bit of BRESP that SLVERR and DECERR have
CYCLES = 12  # several bursts
FEW_WRITES = 4  # may wait for their response: the solver cannot follow more
BURSTS_HELD = BURSTS_AHEAD + 2  # of one word: behind the queue, staging's output and the bus


class FewWrites(WriteManager):
    """The same with a shorter queue."""

    OUTSTANDING_WRITES = FEW_WRITES


def write_manager(config: Config) -> Proof:
    """Responses may come that nobody waits for, but none before its burst's last word."""
    proof = Proof()
    m = proof.module
    m.submodules.manager = manager = FewWrites(config)
    i = manager.i
    drive(proof, i, "i")
    for name in ("stop", "awready", "wready", "bvalid", "bresp"):
        port = getattr(manager, name)
        m.d.comb += port.eq(proof.anything(port.shape(), name))
    request = i.payload
    proof.promise((request.beats != 0) | ~i.valid)

    # Each word of staging holds its own address: that shows which one stands on the bus.
    with m.If(manager.read_enable):
        m.d.sync += manager.word.eq(manager.read_address)

    enters = i.valid & i.ready
    last_beat = Signal.like(manager.awlen)
    m.d.comb += last_beat.eq(request.beats - 1)
    asked = Cat(manager.awaddr, manager.awlen)
    claim_passed(
        proof, "addresses", enters, Cat(request.address, last_beat),
        manager.awvalid & manager.awready, asked, most=1,
    )  # fmt: skip
    claim_held(proof, "aw", manager.awvalid, manager.awready, asked)
    claim_held(
        proof, "w", manager.wvalid, manager.wready,
        Cat(manager.wdata[:STAGING_BITS], manager.wstrb, manager.wlast),
    )  # fmt: skip
    proof.claim("i: nothing is taken with `stop`", ~(i.ready & manager.stop))

    # Bursts leave with their last word. Of the one that was chosen:
    moves = manager.wvalid & manager.wready
    kept = Cat(request.staging_address, last_beat)
    bursts = Passage(proof, "bursts", enters, moves & manager.wlast, kept, BURSTS_HELD)
    address, last = bursts.payload[:STAGING_BITS], bursts.payload[STAGING_BITS:]
    beat = Signal.like(last_beat)
    with m.If(moves):
        m.d.sync += beat.eq(Mux(manager.wlast, 0, beat + 1))
    is_judged = manager.wvalid & bursts.is_next
    word, expected = manager.wdata[:STAGING_BITS], (address + beat)[:STAGING_BITS]
    proof.claim("w: only of bursts that were asked for", ~manager.wvalid | (bursts.inside != 0))
    proof.claim(f"bursts: at most {BURSTS_HELD} without their words", bursts.inside <= BURSTS_HELD)
    proof.claim("w: as many words as the burst has", ~is_judged | (manager.wlast == (beat == last)))
    proof.claim(
        "w: the burst's own words",
        proof.equal(word, expected) | ~is_judged.replicate(STAGING_BITS),
        CYCLES,
    )
    proof.claim("w: all bytes or none", manager.wstrb.all() | ~manager.wstrb.any())

    # Responses: of bursts that have all their words.
    tags = Cat(request.last, request.source[0])  # one bit for all: none depends on another
    answered = Signal()
    waiting = Passage(proof, "responses", enters, answered, tags, FEW_WRITES)
    complete = Signal(range(FEW_WRITES + 1))
    m.d.sync += complete.eq(complete + (moves & manager.wlast) - answered)
    m.d.comb += answered.eq(manager.bvalid & (waiting.inside != 0))
    proof.promise((complete != 0) | (waiting.inside == 0) | ~manager.bvalid)
    is_mine = proof.before(answered & waiting.is_next)
    proof.claim("b: always ready", manager.bready)
    proof.claim(
        f"responses: at most {FEW_WRITES} outstanding",
        waiting.inside <= FEW_WRITES,
    )
    proof.claim(
        "stored: with the response to a STORE's last burst",
        ~is_mine | (manager.stored == proof.before(waiting.payload[0])),
    )
    proof.claim("stored: with a response only", ~manager.stored | proof.before(answered))
    fails = proof.before(answered & manager.bresp[ERROR])
    proof.claim(
        "fault: for every response with an error, and for no other",
        manager.fault.code == Mux(fails, ErrorCode.WRITE_RESPONSE, ErrorCode.NONE),
    )
    proof.claim(
        "fault: of the burst's own STORE",
        ~is_mine | (manager.fault.source[0] == proof.before(waiting.payload[1])),
    )
    proof.claim(
        "quiet: nothing stands on the bus, and nothing is unanswered",
        manager.quiet == (~manager.awvalid & ~manager.wvalid & (waiting.inside == 0)),
    )
    return proof

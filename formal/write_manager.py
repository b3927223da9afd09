"""`rtl.memory.write_manager` sends every burst once, with its own words, all of them."""

from amaranth.hdl import Cat, Mux, Signal
from amaranth.lib import data

from formal.proof import Proof
from formal.streams import Passage, claim_held, claim_offered_within, claim_passed, drive
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import StoreDestination
from hwsim.rtl.memory.staging import STAGING_BITS
from hwsim.rtl.memory.write_manager import WriteManager

ERROR = 1  # the bit of BRESP that SLVERR and DECERR have
CYCLES = 12  # several bursts


class FewWrites(WriteManager):
    """Has shorter queues: a solver cannot follow more. Each of them can fill before the other."""

    OUTSTANDING_WRITES = 6
    BURSTS_AHEAD = 3


FEW_WRITES = FewWrites.OUTSTANDING_WRITES
# Of one word: in the queue, at staging's output and on the bus.
BURSTS_HELD = FewWrites.BURSTS_AHEAD + 2


def write_manager(config: Config) -> Proof:
    """Responses may come that nobody waits for, but none before the last word of its burst.

    All bursts go to memory; `tests/test_rtl_write_manager.py` mixes them with others.
    """
    proof = Proof()
    m = proof.module
    m.submodules.manager = manager = FewWrites(config)
    i, bus = manager.i, manager.bus
    drive(proof, i, "i")
    proof.leave_free(manager, "stop", "bus", "features")
    request = i.payload
    proof.promise((request.beats != 0) | ~i.valid)
    m.d.comb += request.destination.eq(StoreDestination.MEMORY)

    # Each word of staging holds its own address: that shows which one stands on the bus.
    with m.If(manager.staging.enable):
        m.d.sync += manager.staging.data.eq(manager.staging.address)

    enters = i.valid & i.ready
    last_beat = Signal.like(bus.awlen)
    m.d.comb += last_beat.eq(request.beats - 1)
    asked = Cat(bus.awaddr, bus.awlen)
    addresses = claim_passed(
        proof, "addresses", enters, Cat(request.address, last_beat),
        bus.awvalid & bus.awready, asked, most=1,
    )  # fmt: skip
    claim_offered_within(proof, "addresses", addresses.inside, bus.awvalid, 1)
    claim_held(proof, "aw", bus.awvalid, bus.awready, asked)
    claim_held(
        proof, "w", bus.wvalid, bus.wready,
        Cat(bus.wdata[:STAGING_BITS], bus.wstrb, bus.wlast),
    )  # fmt: skip

    # Bursts leave with their last word. Of the one that was chosen:
    moves = bus.wvalid & bus.wready
    kept = Signal(data.StructLayout({"address": STAGING_BITS, "last_beat": len(last_beat)}))
    m.d.comb += [kept.address.eq(request.staging_address), kept.last_beat.eq(last_beat)]
    bursts = Passage(proof, "bursts", enters, moves & bus.wlast, kept, BURSTS_HELD)
    mine = bursts.payload
    beat = Signal.like(last_beat)
    with m.If(moves):
        m.d.sync += beat.eq(Mux(bus.wlast, 0, beat + 1))
    is_judged = bus.wvalid & bursts.is_next
    word, expected = bus.wdata[:STAGING_BITS], (mine.address + beat)[:STAGING_BITS]
    proof.claim("w: only of bursts that were asked for", ~bus.wvalid | (bursts.inside != 0))
    proof.claim(f"bursts: at most {BURSTS_HELD} without their words", bursts.inside <= BURSTS_HELD)
    proof.claim(
        "w: as many words as the burst has", ~is_judged | (bus.wlast == (beat == mine.last_beat))
    )
    proof.claim(
        "w: the burst's own words",
        proof.equal(word, expected) | ~is_judged.replicate(STAGING_BITS),
        CYCLES,
    )
    is_new = ~proof.before(bus.wvalid & ~bus.wready) & bus.wvalid
    is_written = ~proof.before(manager.stop)
    proof.claim(
        "w: all bytes, but for words that come on the bus with `stop`: none",
        proof.equal(bus.wstrb, is_written.replicate(len(bus.wstrb)))
        | ~is_new.replicate(len(bus.wstrb)),
    )
    claim_offered_within(proof, "w", bursts.inside, bus.wvalid, 1 + WriteManager.STORE_DATA)

    _claim_responses(proof, manager, bursts)
    return proof


def _claim_responses(proof: Proof, manager: WriteManager, bursts: Passage) -> None:
    """Claim that every response is counted, and that it makes room for another burst."""
    m, i, bus = proof.module, manager.i, manager.bus
    enters = i.valid & i.ready
    ends = bus.wvalid & bus.wready & bus.wlast
    # One bit of the source stands for all: none depends on another.
    tag = Signal(data.StructLayout({"last": 1, "source": 1}))
    m.d.comb += [tag.last.eq(i.payload.last), tag.source.eq(i.payload.source[0])]
    answered = Signal()
    waiting = Passage(proof, "responses", enters, answered, tag, FEW_WRITES)
    complete = Signal(range(FEW_WRITES + 1))
    m.d.sync += complete.eq(complete + ends - answered)
    m.d.comb += answered.eq(bus.bvalid & (waiting.inside != 0))
    proof.promise((complete != 0) | (waiting.inside == 0) | ~bus.bvalid)
    has_room = (bursts.inside < FewWrites.BURSTS_AHEAD - 1) & (waiting.inside < FEW_WRITES - 1)
    moves_on = (~bus.awvalid | bus.awready) & ~manager.stop
    proof.claim("i: taken where there is room", i.ready | ~has_room | ~moves_on)
    proof.claim("i: taken only where the bus moves on, not with `stop`", ~i.ready | moves_on)
    is_mine = proof.before(answered & waiting.is_next)
    proof.claim("b: always ready", bus.bready)
    proof.claim(
        f"responses: at most {FEW_WRITES} outstanding",
        waiting.inside <= FEW_WRITES,
    )
    proof.claim(
        "stored: with the response to a STORE's last burst",
        ~is_mine | (manager.stored == proof.before(waiting.payload.last)),
    )
    proof.claim("stored: with a response only", ~manager.stored | proof.before(answered))
    fails = proof.before(answered & bus.bresp[ERROR])
    proof.claim(
        "fault: for every response with an error, and for no other",
        manager.fault.code == Mux(fails, ErrorCode.WRITE_RESPONSE, ErrorCode.NONE),
    )
    proof.claim(
        "fault: of the burst's own STORE",
        ~is_mine | (manager.fault.source[0] == proof.before(waiting.payload.source)),
    )
    proof.claim(
        "quiet: nothing stands on the bus, and nothing is unanswered",
        manager.quiet == (~bus.awvalid & ~bus.wvalid & (waiting.inside == 0)),
    )

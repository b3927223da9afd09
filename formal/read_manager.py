"""`rtl.memory.read_manager` sends every request once, and every word where its request says."""

from amaranth.hdl import Cat, Mux, Signal

from formal.proof import Proof
from formal.streams import Passage, claim_held, claim_offered_within, claim_passed, drive
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.memory.read_manager import ReadManager, tag_layout
from hwsim.rtl.program.layouts import copy_fields

ERROR = 1  # the bit of RRESP that SLVERR and DECERR have


def read_manager(config: Config) -> Proof:
    """The bus does as it likes: beats come unasked, and bursts of any length."""
    proof = Proof()
    m = proof.module
    m.submodules.manager = manager = ReadManager(config)
    i, o, bus = manager.i, manager.o, manager.bus
    drive(proof, i, "i")
    proof.leave_free(manager, "stop", "bus")

    enters = i.valid & i.ready
    request = i.payload
    last_beat = Signal.like(bus.arlen)
    m.d.comb += last_beat.eq(request.beats - 1)
    asked = Cat(bus.araddr, bus.arlen)
    addresses = claim_passed(
        proof,
        "addresses",
        enters,
        Cat(request.address, last_beat),
        bus.arvalid & bus.arready,
        asked,
        most=1,
    )
    claim_offered_within(proof, "addresses", addresses.inside, bus.arvalid, 1)
    claim_held(proof, "ar", bus.arvalid, bus.arready, asked)

    # Requests leave with their last beat. Of the one that was chosen:
    ends = Signal()
    kept = Signal(tag_layout(config))
    m.d.comb += copy_fields(kept, request)
    bursts = Passage(proof, "bursts", enters, ends, kept, config.bus.outstanding_reads)
    beat = Signal.like(request.beats)
    is_owed = Signal()
    m.d.comb += [
        is_owed.eq(bus.rvalid & (bursts.inside != 0)),
        ends.eq(is_owed & bus.rlast),
    ]
    with m.If(is_owed):
        m.d.sync += beat.eq(Mux(bus.rlast, 0, beat + 1))
    mine = bursts.payload
    place = (mine.buffer_address + beat)[: len(mine.buffer_address)]
    word = o.payload
    is_judged = proof.before(is_owed & bursts.is_next)
    given = Cat(word.destination, word.buffer_address, word.ends_chunk, manager.fault.source)
    expected = proof.before(Cat(mine.destination, place, mine.ends_chunk & bus.rlast, mine.source))
    proof.claim(
        f"bursts: at most {config.bus.outstanding_reads} unanswered",
        bursts.inside <= config.bus.outstanding_reads,
    )
    moves_on = (~bus.arvalid | bus.arready) & ~manager.stop
    has_room = bursts.inside != config.bus.outstanding_reads
    proof.claim("i: taken where there is room, not with `stop`", i.ready == (moves_on & has_room))
    proof.claim("r: always ready", bus.rready)
    proof.claim("o: a word for every beat that is owed", o.valid == proof.before(is_owed))
    proof.claim(
        "o: the word of the beat",
        proof.equal(word.data, proof.before(bus.rdata)) | ~o.valid.replicate(len(word.data)),
    )
    proof.claim(
        "o: where the request says", proof.equal(given, expected) | ~is_judged.replicate(len(given))
    )
    fails = proof.before(is_owed & bus.rresp[ERROR])
    proof.claim(
        "fault: for every owed beat with an error, and for no other",
        manager.fault.code == Mux(fails, ErrorCode.READ_RESPONSE, ErrorCode.NONE),
    )
    proof.claim(
        "quiet: no address stands and nothing is unanswered",
        manager.quiet == (~bus.arvalid & (bursts.inside == 0)),
    )
    return proof

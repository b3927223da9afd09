"""Proofs notice broken hardware. `make formal` shows that all proofs hold for the sound one."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Const, Module, Signal

from formal import __main__ as command
from formal.counterexample import broken_claims
from formal.engine import judge
from formal.proof import Proof
from formal.proofs import proof_of
from formal.streams import claim_passed, drain, drive
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.primitives.queue import Queue

SECONDS = 120
Sabotage = Callable[[Module, Any], None]


def takes_when_full(m: Module, queue: Any) -> None:
    m.d.comb += queue.i.ready.eq(1)


def forgets_what_waits(m: Module, queue: Any) -> None:
    with m.If(queue.o.valid & ~queue.o.ready):
        m.d.sync += queue.o.valid.eq(0)


def lets_everything_in(m: Module, guard: Any) -> None:
    m.d.comb += guard.inside.eq(-1)


def offers_everything(m: Module, guard: Any) -> None:
    with m.If(guard.fault.code != 0):
        m.d.comb += guard.o.valid.eq(1)


def skips_a_row(m: Module, runs: Any) -> None:
    skipped = Signal()
    with m.If(runs.moves):
        m.d.sync += skipped.eq(runs.o.payload.last_of_block)
    with m.If(skipped):
        m.d.comb += runs.o.payload.address.eq(0)


def stays_in_place(m: Module, bursts: Any) -> None:
    address = bursts.o.payload.address
    first, stays = Signal.like(address), Signal()
    with m.If(bursts.o.ready & bursts.o.valid):
        m.d.sync += [first.eq(address), stays.eq(1)]
    with m.If(stays):
        m.d.comb += address.eq(first)


def replaces_an_address(m: Module, manager: Any) -> None:
    m.d.comb += manager.i.ready.eq(~manager.stop)


def asks_for_a_beat_less(m: Module, manager: Any) -> None:
    length = Signal.like(manager.bus.arlen)
    with m.If(~manager.bus.arvalid | manager.bus.arready):
        m.d.sync += length.eq(manager.i.payload.beats - 2)
    m.d.comb += manager.bus.arlen.eq(length)


def never_ends_a_burst(m: Module, manager: Any) -> None:
    m.d.sync += manager.bus.wlast.eq(0)


def drops_words(m: Module, manager: Any) -> None:
    with m.If(manager.bus.wvalid & ~manager.bus.wready):
        m.d.sync += manager.bus.wvalid.eq(0)


def answers_at_once(m: Module, registers: Any) -> None:
    with m.If(registers.bus.awvalid):
        m.d.sync += registers.bus.bvalid.eq(1)


def ignores_that_its_queue_is_full(m: Module, manager: Any) -> None:
    moves = ~manager.bus.awvalid | manager.bus.awready
    room = m.submodules["responses"].i.ready  # but not room in the queue of words
    m.d.comb += manager.i.ready.eq(moves & room & ~manager.stop)


def writes_nothing(m: Module, manager: Any) -> None:
    m.d.sync += manager.bus.wstrb.eq(0)


def refuses_all(m: Module, guard: Any) -> None:
    with m.If(guard.o.valid):
        m.d.comb += guard.fault.code.eq(ErrorCode.BUFFER)


def takes_no_more(m: Module, component: Any) -> None:
    ended = Signal()
    with m.If(component.i.valid):
        m.d.sync += ended.eq(1)
    with m.If(ended):
        m.d.comb += component.i.ready.eq(0)


def is_never_long(m: Module, runs: Any) -> None:
    m.d.comb += runs.o.payload.is_long.eq(0)


def ends_without_its_stores(m: Module, distributor: Any) -> None:
    with m.If(distributor.i.valid & distributor.i.payload.kind.end):
        m.d.sync += distributor.ended.eq(~distributor.ended)


def gives_a_compute_to_two(m: Module, distributor: Any) -> None:
    m.d.comb += distributor.drain.valid.eq(0)


BROKEN: list[tuple[str, str, Sabotage, str]] = [
    ("queue of 3", "formal.queue.Queue", takes_when_full, "queue: nothing is made up"),
    ("queue of 3", "formal.queue.Queue", forgets_what_waits, "queue: nothing is made up"),
    (
        "window guard",
        "formal.window_guard.WindowGuard",
        lets_everything_in,
        "inside: where first and last byte lie in the window",
    ),
    (
        "burst guard",
        "formal.burst_guard.BurstGuard",
        offers_everything,
        "guard: in order and unchanged",
    ),
    ("queue of 3", "formal.queue.Queue", takes_no_more, "i: taken where two places are free"),
    (
        "burst guard",
        "formal.burst_guard.BurstGuard",
        refuses_all,
        "fault: of what is not allowed only",
    ),
    ("runs", "formal.runs.Runs", is_never_long, "o: longer than any burst"),
    (
        "read manager",
        "formal.read_manager.ReadManager",
        takes_no_more,
        "i: taken where there is room, not with `stop`",
    ),
    (
        "write manager",
        "formal.write_manager.FewWrites",
        ignores_that_its_queue_is_full,
        "bursts: at most 5 without their words",
    ),
    (
        "write manager",
        "formal.write_manager.FewWrites",
        writes_nothing,
        "w: all bytes, but for words that come on the bus with `stop`: none",
    ),
    (
        "distributor",
        "formal.distributor.Distributor",
        ends_without_its_stores,
        "ended: the cycle after END is offered with its stores done",
    ),
    ("runs", "formal.runs.Runs", skips_a_row, "o: the row's address"),
    ("bursts", "formal.bursts.Bursts", stays_in_place, "o: address behind the burst before"),
    (
        "read manager",
        "formal.read_manager.ReadManager",
        replaces_an_address,
        "addresses: nothing is made up",
    ),
    (
        "read manager",
        "formal.read_manager.ReadManager",
        asks_for_a_beat_less,
        "addresses: in order and unchanged",
    ),
    (
        "write manager",
        "formal.write_manager.FewWrites",
        never_ends_a_burst,
        "bursts: at most 5 without their words",
    ),
    (
        "write manager",
        "formal.write_manager.FewWrites",
        drops_words,
        "w: valid is held until ready",
    ),
    (
        "registers",
        "formal.registers.Registers",
        answers_at_once,
        "b: one for each word, at once",
    ),
    (
        "distributor",
        "formal.distributor.Distributor",
        gives_a_compute_to_two,
        "drain: at most 8 under way",
    ),
]


@pytest.mark.parametrize(
    ("name", "component", "sabotage", "claim"),
    [
        pytest.param(
            *case,
            id=f"{case[0]} {case[2].__name__}",
            marks=pytest.mark.slow if case[0] == "distributor" else (),
        )
        for case in BROKEN
    ],
)
def test_broken_hardware_is_found(
    name: str, component: str, sabotage: Sabotage, claim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken hardware breaks the proof, and the same claim in the Amaranth simulator."""
    module, _, attribute = component.rpartition(".")
    sound: Any = getattr(import_module(module), attribute)

    def elaborate(self: Any, platform: object) -> Module:
        m: Module = sound.elaborate(self, platform)
        sabotage(m, self)
        return m

    monkeypatch.setattr(component, type("Broken", (sound,), {"elaborate": elaborate}))
    proof = proof_of(name)
    verdict = judge(proof, SECONDS)
    assert verdict.breaks
    assert claim in broken_claims(proof, verdict.breaks)


def test_what_never_happens_is_named() -> None:
    """A situation that never happens is named, because contradicting promises prove anything."""
    proof = Proof()
    proof.module.submodules.queue = queue = Queue(1, 3)
    drive(proof, queue.i, "i")
    drain(proof, queue.o, "o")
    proof.promise(~queue.i.valid)
    i, o = queue.i, queue.o
    claim_passed(proof, "queue", i.valid & i.ready, i.payload, o.valid & o.ready, o.payload, most=0)
    proof.finish()
    verdict = judge(proof, SECONDS)
    assert (verdict.unproved, verdict.breaks) == ((), ())
    assert verdict.unreached == ("queue: the chosen one leaves",)


def test_time_that_ran_out_proves_nothing() -> None:
    proof = Proof()
    count = Signal(40)
    proof.module.d.sync += count.eq(count + 1)
    claim = "it never comes to 2 ** 39"  # it does so, after hours
    proof.claim(claim, count != 2**39)
    proof.finish()
    assert judge(proof, seconds=1).unproved == (claim,)


def test_a_claim_for_some_cycles_is_followed_that_far() -> None:
    for cycles, is_broken in ((9, False), (10, True)):
        proof = Proof()
        count = Signal(8)
        proof.module.d.sync += count.eq(count + 1)
        proof.claim("below 9", count < 9, cycles)
        proof.finish()
        verdict = judge(proof, SECONDS)
        assert (verdict.unproved, len(verdict.breaks)) == ((), cycles if is_broken else 0)


def test_the_command_names_what_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def nonsense() -> Proof:
        proof = Proof()
        proof.claim("nothing is 1", ~proof.anything(1, "input"))
        proof.finish()
        return proof

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "proof_of", lambda _: nonsense())
    assert command.main(["runs"]) == 1
    printed = capsys.readouterr().out
    assert "BROKEN in cycle 0: nothing is 1\n  waveform: build/formal/runs.vcd\n" in printed
    assert (tmp_path / "build" / "formal" / "runs.vcd").exists()
    assert command.main(["walks"]) == 2
    assert capsys.readouterr().err.startswith("formal: there is no proof 'walks': ")


def test_a_constant_stays() -> None:
    proof = Proof()
    value = proof.constant(3, "value")
    proof.reach("a 5", value == 5)
    proof.claim("it stays", (proof.before(value) == value) | ~proof.before(Const(1)))
    proof.finish()
    verdict = judge(proof, SECONDS)
    assert (verdict.unproved, verdict.unreached, verdict.breaks) == ((), (), ())

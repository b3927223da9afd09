"""The distributor hands every descriptor to its units, in its cycle, and the others wait."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hwsim.isa.descriptor import FIELDS, OPCODES, Compute, Descriptor, End, Load, Store, encode
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import OPCODE, QUEUE_DEPTH, TOKEN_BITS, Opcode
from hwsim.rtl.arithmetic.drain_walk import DRAIN
from hwsim.rtl.memory.load import LOAD
from hwsim.rtl.memory.store import STORE
from hwsim.rtl.operands.pixel import ISSUE
from hwsim.rtl.operands.weight_queue import WEIGHTS
from hwsim.rtl.program.distributor import Distributor
from tests.streams import Each, Part, Sink, Source, step, values

OUTPUTS = {
    "load": (Opcode.LOAD, LOAD),
    "weights": (Opcode.COMPUTE, WEIGHTS),
    "issue": (Opcode.COMPUTE, ISSUE),
    "drain": (Opcode.COMPUTE, DRAIN),
    "store": (Opcode.STORE, STORE),
}
KINDS = {Load: ("load",), Compute: ("weights", "issue", "drain"), Store: ("store",), End: ()}


def drawn(kind: type[Any], rng: np.random.Generator) -> Descriptor:
    """Return a descriptor in which every field may have any value."""
    descriptor: Descriptor = kind(
        **{
            field.name: int(rng.integers(field.low, field.high + 1))
            for field in FIELDS[OPCODES[kind]]
            if field is not OPCODE
        }
    )
    return descriptor


def queues_of(descriptor: Descriptor) -> tuple[str, ...]:
    """Return the outputs that a descriptor goes to."""
    names = KINDS[type(descriptor)]
    if isinstance(descriptor, Compute) and not descriptor.last:
        return tuple(name for name in names if name != "drain")
    return names


def fetched(
    descriptor: Descriptor, source: int, error: ErrorCode = ErrorCode.NONE
) -> dict[str, Any]:
    word = int.from_bytes(encode(descriptor), "little")
    kind = {OPCODES[type(descriptor)].name.lower(): int(error is ErrorCode.NONE)}
    return {
        "descriptor": word,
        "source": source,
        "error": error,
        "kind": kind,
    }


class Bench:
    """The distributor between a source of descriptors and a sink for each queue."""

    def __init__(
        self, payloads: list[Any], rng: np.random.Generator, idle: float = 0.0, stall: float = 0.0
    ):
        self.dut = Distributor(OUTPUTS)
        self.source = Source(self.dut.i, payloads, rng, idle)
        self.sinks = {name: Sink(getattr(self.dut, name), rng, stall) for name in OUTPUTS}
        self.stores = 0
        self.ended: list[int] = []
        self.faults: list[tuple[int, int]] = []

    def drive(self, ctx: Any, _cycle: int) -> None:
        ctx.set(self.dut.stores.count, self.stores % (1 << TOKEN_BITS))

    def sample(self, ctx: Any, cycle: int) -> None:
        if ctx.get(self.dut.ended):
            self.ended.append(cycle)
        fault = values(ctx, self.dut.fault)
        if fault["code"] != ErrorCode.NONE:
            self.faults.append((fault["code"], fault["source"]))

    def run(self, until: Callable[[], bool], further_cycles: int, *parts: Part) -> int:
        every = [*parts, self, self.source, *self.sinks.values()]
        return step(self.dut, every, until, further_cycles)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.0), (0.0, 0.8), (0.8, 0.0), (0.3, 0.5)])
def test_each_unit_gets_its_own_fields_in_order(idle: float, stall: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    descriptors = [drawn([Load, Compute, Store][rng.integers(0, 3)], rng) for _ in range(120)]
    sources = [int(source) for source in rng.integers(0, 1 << 26, 120)]
    payloads = [fetched(*pair) for pair in zip(descriptors, sources, strict=True)]
    bench = Bench(payloads, rng, idle, stall)
    wanted = {
        name: [
            {field: getattr(one, field) for field in layout.members if field in one._fields}
            | {"source": source}
            for one, source in zip(descriptors, sources, strict=True)
            if name in queues_of(one)
        ]
        for name, (_, layout) in OUTPUTS.items()
    }

    def came() -> bool:
        return all(len(bench.sinks[name].taken) == len(wanted[name]) for name in OUTPUTS)

    bench.run(came, 20)
    for name, sink in bench.sinks.items():
        assert sink.payloads == wanted[name], name
        taken = [cycle for cycle, one in zip(bench.source.taken, descriptors, strict=True)
                 if name in queues_of(one)]  # fmt: skip
        if stall == 0:
            assert sink.offered == [cycle + Distributor.LATENCY for cycle in taken]
    if idle == stall == 0:
        assert bench.source.taken == list(range(120))  # nothing is in the way
    assert not bench.faults
    assert not bench.ended


@pytest.mark.parametrize("full", OUTPUTS)
def test_a_full_queue_holds_up_those_behind_it(full: str) -> None:
    rng = np.random.default_rng(3)
    kind = next(kind for kind, names in KINDS.items() if full in names)
    other = Load if kind is Store else Store
    drawn_ones = [drawn(kind, rng) for _ in range(QUEUE_DEPTH + 1)]
    full_ones = [one._replace(last=1) if isinstance(one, Compute) else one for one in drawn_ones]
    payloads = [fetched(one, number) for number, one in enumerate(full_ones)]
    payloads.append(fetched(drawn(other, rng), 99))
    bench = Bench(payloads, rng)

    def hold(_ctx: Any, cycle: int) -> None:
        bench.sinks[full].hold = cycle != 40  # one leaves

    bench.run(lambda: bench.source.done, 20, Each(drive=hold))
    assert bench.source.taken == [*range(QUEUE_DEPTH), 41, 42]
    for name in KINDS[kind]:  # all of them or none
        count = 1 if name == full else QUEUE_DEPTH + 1
        assert [payload["source"] for payload in bench.sinks[name].payloads] == [*range(count)]
    (behind,) = KINDS[other]
    assert bench.sinks[behind].taken == [42 + Distributor.LATENCY]


@pytest.mark.parametrize("last", [0, 1, 5, 0x7FFF, 0x8000, 0xFFFF, 0x10002])
def test_end_is_taken_once_its_stores_are_done(last: int) -> None:
    rng = np.random.default_rng(4)
    bench = Bench([fetched(End(last % (1 << TOKEN_BITS)), 77)], rng)
    bench.stores = max(last - 10, 0)  # the counter goes round
    done: list[int] = []

    def count(_ctx: Any, cycle: int) -> None:
        if cycle % 3 == 2 and bench.stores < last:
            bench.stores += 1
        if bench.stores == last and not done:
            done.append(cycle)

    bench.run(lambda: bench.source.done, 20, Each(drive=count))
    assert bench.ended == bench.source.taken == [done[0] + Distributor.END]
    assert not bench.faults
    assert not any(sink.offered for sink in bench.sinks.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [ErrorCode.OPCODE, ErrorCode.FIELD, ErrorCode.PROGRAM])
def test_an_erroneous_descriptor_stays_as_the_fault(kind: type[Any], code: ErrorCode) -> None:
    seed = int(code)
    rng = np.random.default_rng(seed)
    bad = fetched(drawn(kind, rng), 0x3ABCDEF, code)
    if kind is End:
        bad = fetched(End(0), 0x3ABCDEF, code)
    payloads = [fetched(drawn(Store, rng), 1), bad, fetched(drawn(Store, rng), 2)]
    bench = Bench(payloads, rng)
    bench.run(lambda: len(bench.source.taken) == 1, 50)
    assert bench.source.taken == [0], f"{seed=}"
    assert bench.faults == [(code, 0x3ABCDEF)] * 50  # from its first cycle on
    assert not bench.ended
    assert {name for name, sink in bench.sinks.items() if sink.offered} == {"store"}
    assert len(bench.sinks["store"].taken) == 1

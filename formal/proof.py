"""A proof: a circuit in arbitrary surroundings, their promises, and claims about it."""

from functools import reduce
from operator import and_
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Fragment, Module, Mux, ShapeLike, Signal, Value, ValueLike
from amaranth.lib.wiring import In

Inputs = dict[str, int]  # a value for every free signal


class Proof:
    """Something to prove: `module` with free inputs, promises about them, and claims.

    The circuit starts as reset leaves it. A claim must hold in every cycle in which, as in all
    cycles before, every promise is kept.
    """

    def __init__(self) -> None:
        self.module = Module()
        self.clock = ClockDomain("sync", reset_less=True)
        self.module.domains.sync = self.clock
        self.free: list[Signal] = []
        self.broken: dict[str, Signal] = {}  # by claim, a bit for each of its parts
        self.reached: dict[str, Signal] = {}  # by situation
        self.cycles: dict[str, int] = {}  # how long those claims hold that are not for ever
        self._promises: list[Value] = []
        self._claims: dict[str, Value] = {}
        self._situations: dict[str, Value] = {}

    def anything(self, shape: ShapeLike, name: str) -> Any:
        """Return a value that may be another one in every cycle."""
        free = Signal(shape, name=name)
        self.free.append(Value.cast(free))
        return free

    def leave_free(self, component: Any, *names: str) -> None:
        """Drive these inputs of a component, and the inputs of these interfaces, with anything."""
        for name in names:
            port = getattr(component, name)
            member = component.signature.members[name]
            inputs = [((), member, port)] if member.is_port else port.signature.flatten(port)
            for path, inner, signal in inputs:
                if inner.flow is In:
                    free = self.anything(inner.shape, "__".join((name, *path)))
                    self.module.d.comb += signal.eq(free)

    def constant(self, shape: ShapeLike, name: str) -> Any:
        """Return a value that may be any, and then stays."""
        m = self.module
        free = self.anything(shape, name)
        kept = Signal.like(free, name=f"{name}_kept")
        value = Signal.like(free, name=f"{name}_constant")
        is_first = Signal(init=1, name=f"{name}_is_first")
        m.d.comb += Value.cast(value).eq(Mux(is_first, Value.cast(free), Value.cast(kept)))
        m.d.sync += [is_first.eq(0), Value.cast(kept).eq(Value.cast(value))]
        return value

    def before(self, value: ValueLike, init: int = 0) -> Signal:
        """Return the value in the cycle before; `init` in the first one."""
        past = Signal(len(Value.cast(value)), init=init)
        self.module.d.sync += past.eq(Value.cast(value))
        return past

    def promise(self, condition: Value) -> None:
        """Assume that the surroundings see to it that this holds in every cycle."""
        self._promises.append(condition.bool())

    def claim(self, name: str, condition: Value, cycles: int | None = None) -> None:
        """Claim that `condition` is all ones in every cycle, or in the first `cycles`."""
        assert name not in self._claims, name
        self._claims[name] = condition
        if cycles is not None:
            self.cycles[name] = cycles

    def reach(self, name: str, condition: Value) -> None:
        """Claim that this can happen: otherwise the other claims would say little."""
        assert name not in self._situations | self._claims, name
        self._situations[name] = condition.bool()

    def equal(self, left: ValueLike, right: ValueLike) -> Value:
        """Return whether two values are equal, bit by bit."""
        left, right = Value.cast(left), Value.cast(right)
        assert len(left) == len(right), (len(left), len(right))
        return ~(left.as_unsigned() ^ right.as_unsigned())

    def finish(self) -> None:
        """Put promises and claims into the module; nothing is added to it behind this."""
        m = self.module
        kept, kept_until_now = Signal(), Signal(init=1)
        m.d.comb += kept.eq(reduce(and_, self._promises, kept_until_now))
        m.d.sync += kept_until_now.eq(kept)
        for number, (name, condition) in enumerate(self._claims.items()):
            broken = Signal(len(condition), name=f"broken_{number}")
            m.d.comb += broken.eq(Mux(kept, ~condition, 0))
            self.broken[name] = broken
        for number, (name, condition) in enumerate(self._situations.items()):
            reached = Signal(name=f"reached_{number}")
            m.d.comb += reached.eq(kept & condition)
            self.reached[name] = reached
        Fragment.get(m, None)  # Amaranth warns of a circuit of which nothing was made

    def rtlil(self, top: str) -> str:
        """Return the circuit in Yosys' own language; its outputs are claims, then situations."""
        ports = [self.clock.clk, *self.free, *self.broken.values(), *self.reached.values()]
        text: str = rtlil.convert(self.module, ports=ports, name=top, emit_src=False)
        return text

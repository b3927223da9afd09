"""The descriptor check: opcode, format, reserved bits and the rules of `hwsim.isa.rules`."""

from collections.abc import Iterable, Iterator

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import FORMAT, FORMAT_NUMBER, Opcode
from hwsim.isa.rules import RULES
from hwsim.rtl.program.layouts import DESCRIPTOR_BITS, KIND, RESERVED, as_descriptor

SLICE_BITS = 64  # of reserved bits that are looked at together


class DescriptorCheck(wiring.Component):
    """Judges a descriptor: its error is the first of OPCODE, FORMAT, RESERVED and FIELD, or NONE.

    The descriptor of cycle t is judged in `error` and `kind` from cycle t + `LATENCY` on; one per
    cycle. The first cycle answers every question, the second puts the answers together.

    Members
    -------
    descriptor : In(DESCRIPTOR_BITS)
    refused : In(1)
        High `LATENCY` - 1 cycles after a descriptor that must not run where it stands. If nothing
        is wrong with the descriptor itself, its error is PROGRAM.
    error : Out(ErrorCode)
    kind : Out(KIND)
        A bit for the descriptor's opcode, or none where there is an error.
    """

    LATENCY = 2

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "descriptor": In(DESCRIPTOR_BITS),
                "refused": In(1),
                "error": Out(ErrorCode),
                "kind": Out(KIND),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        error = Signal(ErrorCode, init=ErrorCode.OPCODE)
        m.d.sync += [self.error.eq(error), self.kind.eq(0)]
        descriptor = as_descriptor(self.descriptor)
        other_format = Signal()
        m.d.sync += other_format.eq(self.descriptor[-FORMAT.bits :] != FORMAT_NUMBER)
        for opcode in Opcode:
            name = opcode.name.lower()
            fields = descriptor[name]
            reserved = self._register(m, f"{name}_reserved", self._slices(fields[RESERVED]))
            broken = self._broken_rules(m, opcode, fields)
            is_opcode = Signal(name=f"is_{name}")
            m.d.sync += is_opcode.eq(descriptor.opcode == opcode)
            with m.If(is_opcode):
                m.d.comb += error.eq(ErrorCode.NONE)
                with m.If(self.refused):
                    m.d.comb += error.eq(ErrorCode.PROGRAM)
                if len(broken):  # END has no rule
                    with m.If(broken.any()):
                        m.d.comb += error.eq(ErrorCode.FIELD)
                with m.If(reserved.any()):
                    m.d.comb += error.eq(ErrorCode.RESERVED)
                with m.If(other_format):
                    m.d.comb += error.eq(ErrorCode.FORMAT)
            m.d.sync += self.kind[name].eq(
                is_opcode & ~self.refused & ~broken.any() & ~reserved.any() & ~other_format
            )
        return m

    def _register(self, m: Module, name: str, bits: Iterable[Value]) -> Value:
        value = Cat(bits)
        if not len(value):
            return value
        register = Signal(len(value), name=name, reset_less=True)
        m.d.sync += register.eq(value)
        return register

    def _slices(self, bits: Value) -> Iterator[Value]:
        """Yield, slice by slice, whether any bit is set."""
        for low in range(0, len(bits), SLICE_BITS):
            yield bits[low : low + SLICE_BITS].any()

    def _broken_rules(self, m: Module, opcode: Opcode, fields: data.View) -> Value:
        """Return a bit for each rule; a product is compared behind the first cycle's registers."""
        rules = [rule for rule in RULES if rule.opcode is opcode]
        answers = (
            ~Value.cast(rule.holds(fields, self._config)).bool()
            for rule in rules
            if rule.sides is None
        )
        broken = [self._register(m, f"{opcode.name.lower()}_broken", answers)]
        for rule in rules:
            if rule.sides is not None:
                left, right = (
                    self._register(m, "side", [Value.cast(side)])
                    for side in rule.sides(fields, self._config)
                )
                broken.append(~(left < right))
        return Cat(broken)

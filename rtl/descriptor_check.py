"""The descriptor check: opcode, reserved bits and the rules of `hwsim.program.rules`."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.config import Config
from hwsim.program.error_codes import ErrorCode
from hwsim.program.fields import OPCODE, Opcode
from hwsim.program.rules import RULES
from rtl.layouts import DESCRIPTOR_BITS, descriptor_layout


class DescriptorCheck(wiring.Component):
    """Says what is wrong with a descriptor: the first of OPCODE, RESERVED and FIELD, or NONE.

    The descriptor of cycle t is judged in `error` from cycle t + `LATENCY` on; one per cycle.

    Members
    -------
    descriptor : In(512)
    error : Out(ErrorCode)
    """

    LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        super().__init__({"descriptor": In(DESCRIPTOR_BITS), "error": Out(ErrorCode)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        error = Signal(ErrorCode, init=ErrorCode.OPCODE)
        with m.Switch(self.descriptor[: OPCODE.bits]):
            for opcode in Opcode:
                with m.Case(opcode):
                    m.d.comb += error.eq(ErrorCode.NONE)
                    layout = descriptor_layout(opcode)
                    fields = data.View(layout, self.descriptor[: layout.size])
                    with m.If(self._breaks_a_rule(m, opcode, fields)):
                        m.d.comb += error.eq(ErrorCode.FIELD)
                    with m.If(self.descriptor[layout.size :].any()):
                        m.d.comb += error.eq(ErrorCode.RESERVED)
        m.d.sync += self.error.eq(error)
        return m

    def _breaks_a_rule(self, m: Module, opcode: Opcode, fields: data.View) -> Signal:
        rules = [rule for rule in RULES if rule.opcode is opcode]
        broken = Signal(max(len(rules), 1), name=f"broken_{opcode.name.lower()}")
        for number, rule in enumerate(rules):
            holds = Signal(name=f"{opcode.name.lower()}_rule{number}")
            m.d.comb += [holds.eq(rule.holds(fields, self._config)), broken[number].eq(~holds)]
        breaks = Signal(name=f"{opcode.name.lower()}_breaks")
        m.d.comb += breaks.eq(Cat(broken).any())
        return breaks

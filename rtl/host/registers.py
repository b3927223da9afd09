"""The registers behind the AXI4-Lite port, derived from the table in `hwsim.isa.registers`."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.isa.registers import (
    ADDRESS_BITS,
    COUNTER_BITS,
    COUNTERS,
    IDENTITY_VALUE,
    PROGRAM_SHIFT,
    REGISTER_BITS,
    REGISTER_BYTES,
    REGISTERS,
    Access,
    BitField,
    Register,
    constant_fields,
    register,
)
from hwsim.rtl.host.axi4_lite import OKAY, SLVERR, axi4_lite_channels

BYTE_SHIFT = (REGISTER_BYTES - 1).bit_length()
INDEX_BITS = (REGISTERS[-1].offset >> BYTE_SHIFT).bit_length()  # the rest of an address must be 0
EVENTS = tuple(field.name for field in register("INTERRUPT_STATUS").fields)
STORED = tuple(entry for entry in REGISTERS if entry.access is Access.RW)
BUSY_AFTER_START = 1  # cycles from `start` to `busy`, at most


def _stored_bits(entry: Register) -> int:
    return sum(field.width for field in entry.fields)


def _stored_reset(entry: Register) -> int:
    """Reset values of the fields, side by side without gaps."""
    value, low = 0, 0
    for field in entry.fields:
        assert field.reset is not None
        value |= field.reset << low
        low += field.width
    return value


def _decoded(address: Value) -> Value:
    """Which of the registers an address names, a bit each."""
    return Cat(address[BYTE_SHIFT:] == entry.offset >> BYTE_SHIFT for entry in REGISTERS)


class Registers(wiring.Component):
    """Serves the host's reads and writes, independent of each other, and raises the interrupt.

    A write takes effect in the cycle after its data is taken, which is when `bvalid` rises; data is
    taken once its address has been and no response stands on the bus, under which the next address
    may be taken. Read data stands on the bus in the second cycle after its address is taken; the
    next address is taken behind it. For a host that never waits, a write takes `WRITE_CYCLES` and a
    read `READ_CYCLES`. No output depends on an input of the same cycle.

    The interrupt follows the status by one cycle: it has fallen by the time that the host can act
    on the response of the write that cleared it. The wire comes from a register and has no glitch.

    `start` is high for one cycle per accepted START; a further START is refused from that cycle on,
    so that `busy` may rise up to `BUSY_AFTER_START` cycles after it. `abort` is high for one cycle
    per ABORT that came while `busy`; the run may have ended by itself in that very cycle.

    Members
    -------
    aw*, w*, b*, ar*, r* : the AXI4-Lite channels
    start, abort : Out(1), pulses
    interrupt_enable, constants_base, constants_limit, features_base, features_limit : Out
        the stored fields; a window's are page numbers
    program_address : Out(32)
    events : In(3), pulses that set the bits of INTERRUPT_STATUS
    busy, stopping, error_code, error_descriptor : In, as the host reads them
    cycles, array_cycles, *_bytes : In(40), the counters
    interrupt : Out(1), level
    """

    WRITE_CYCLES = 2
    READ_CYCLES = 3

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            axi4_lite_channels()
            | {"start": Out(1), "abort": Out(1), "interrupt": Out(1)}
            | {
                entry.name.lower(): Out(_stored_bits(entry), init=_stored_reset(entry))
                for entry in STORED
                if entry.name != "PROGRAM_ADDRESS"
            }
            | {"program_address": Out(REGISTER_BITS)}
            | {"events": In(len(EVENTS)), "busy": In(1), "stopping": In(1)}
            | {"error_code": In(8), "error_descriptor": In(REGISTER_BITS)}
            | {name.lower(): In(COUNTER_BITS) for name in COUNTERS}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._status = Signal(len(EVENTS))
        self._running = Signal()
        self._program_address = Signal(REGISTER_BITS - PROGRAM_SHIFT)
        m.d.comb += [
            self._running.eq(self.busy | self.start),
            self.program_address.eq(Cat(Const(0, PROGRAM_SHIFT), self._program_address)),
        ]
        written = self._connect_write_channels(m)
        self._store(m, written)
        self._command(m, written)
        self._connect_read_channels(m)
        return m

    def _connect_write_channels(self, m: Module) -> dict[str, Signal]:
        """Strobes, one per register that can be written: its data is on the bus in this cycle."""
        has_address = Signal()
        addressed = Signal(len(REGISTERS))  # a bit each; none where there is no register
        take = Signal()
        m.d.comb += [
            self.awready.eq(~has_address),
            self.wready.eq(has_address & ~self.bvalid),
            take.eq(self.wvalid & self.wready),
        ]
        with m.If(self.awvalid & self.awready):
            m.d.sync += [has_address.eq(1), addressed.eq(_decoded(self.awaddr))]
        with m.If(take):
            m.d.sync += [
                has_address.eq(0),
                self.bvalid.eq(1),
                self.bresp.eq(Mux(addressed.any(), OKAY, SLVERR)),
            ]
        with m.Elif(self.bready):
            m.d.sync += self.bvalid.eq(0)

        written = {}
        for entry, is_addressed in zip(REGISTERS, addressed, strict=True):
            if entry.access is not Access.RO:
                strobe = Signal(name=f"write_{entry.name.lower()}")
                m.d.comb += strobe.eq(take & is_addressed & self.wstrb.any())
                written[entry.name] = strobe
        return written

    def _storage(self, entry: Register) -> Value:
        if entry.name == "PROGRAM_ADDRESS":
            return self._program_address
        value: Value = getattr(self, entry.name.lower())
        return value

    def _field_bits(self, field: BitField) -> tuple[Value, Value]:
        """(data on the bus, enable), bit by bit."""
        enable = Cat(strobe.replicate(8) for strobe in self.wstrb)
        place = slice(field.low, field.high + 1)
        return self.wdata[place], enable[place]

    def _store(self, m: Module, written: dict[str, Signal]) -> None:
        """What the host writes stays, but for locked registers while a run goes on."""
        for entry in STORED:
            permitted = ~self._running if entry.is_locked else Const(1, 1)
            with m.If(written[entry.name] & permitted):
                low = 0
                for field in entry.fields:
                    value, enable = self._field_bits(field)
                    bits = self._storage(entry)[low : low + field.width]
                    m.d.sync += bits.eq((bits & ~enable) | (value & enable))
                    low += field.width

    def _command(self, m: Module, written: dict[str, Signal]) -> None:
        """Pulses, refusals, and the interrupt."""
        control = register("CONTROL")
        commands = {}
        for field in control.fields:
            value, enable = self._field_bits(field)
            commands[field.name] = written[control.name] & (value & enable).any()
        m.d.sync += [
            self.start.eq(commands["start"] & ~self._running),
            self.abort.eq(commands["abort"] & self._running),
        ]

        locked = [written[entry.name] for entry in REGISTERS if entry.is_locked]
        refused = self._running & reduce(or_, [commands["start"], *locked])
        value, enable = zip(
            *(self._field_bits(field) for field in register("INTERRUPT_STATUS").fields),
            strict=True,
        )
        clear = (Cat(value) & Cat(enable)) & written["INTERRUPT_STATUS"].replicate(len(EVENTS))
        status = Signal(len(EVENTS))
        m.d.comb += status.eq(
            (self._status & ~clear) | self.events | (refused << EVENTS.index("refused"))
        )
        m.d.sync += self._status.eq(status)
        m.d.sync += self.interrupt.eq((self._status & self.interrupt_enable).any())

    def _word(self, entry: Register) -> Value:
        """What the host reads, the gaps between fields filled with 0."""
        name = entry.name
        if entry.access is Access.WO:
            return Const(0, REGISTER_BITS)
        if entry.access is Access.RW:
            bits = self._storage(entry)
        elif name.endswith("_LOW"):
            bits = getattr(self, name.removesuffix("_LOW").lower())[:REGISTER_BITS]
        elif name.endswith("_HIGH"):
            bits = getattr(self, name.removesuffix("_HIGH").lower())[REGISTER_BITS:]
        else:
            constants = {
                key: Cat(Const(value, register(key).field(x).width) for x, value in fields.items())
                for key, fields in constant_fields(self._config).items()
            }
            bits = constants | {
                "IDENTITY": Const(IDENTITY_VALUE, REGISTER_BITS),
                "STATUS": Cat(self._running, self.stopping),
                "INTERRUPT_STATUS": self._status,
                "ERROR_CODE": self.error_code,
                "ERROR_DESCRIPTOR": self.error_descriptor[PROGRAM_SHIFT:],
            }
            bits = bits[name]
        assert len(bits) == _stored_bits(entry), name
        parts: list[Value] = []
        low, filled = 0, 0
        for field in entry.fields:
            parts += [Const(0, field.low - filled), bits[low : low + field.width]]
            low, filled = low + field.width, field.high + 1
        return Cat(*parts)

    def _connect_read_channels(self, m: Module) -> None:
        has_address = Signal()
        index = Signal(ADDRESS_BITS - BYTE_SHIFT)
        m.d.comb += self.arready.eq(~has_address & ~self.rvalid)
        m.d.sync += has_address.eq(self.arvalid & self.arready)
        with m.If(self.arready):
            m.d.sync += index.eq(self.araddr[BYTE_SHIFT:])
        with m.If(has_address):
            m.d.sync += [self.rvalid.eq(1), self.rdata.eq(0), self.rresp.eq(SLVERR)]
            with m.If(~index[INDEX_BITS:].any()), m.Switch(index[:INDEX_BITS]):
                for entry in REGISTERS:
                    with m.Case(entry.offset >> BYTE_SHIFT):
                        m.d.sync += [self.rdata.eq(self._word(entry)), self.rresp.eq(OKAY)]
        with m.Elif(self.rready):
            m.d.sync += self.rvalid.eq(0)

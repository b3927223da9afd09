"""The registers behind the AXI4-Lite port, derived from the table in `hwsim.isa.registers`."""

from collections.abc import Mapping
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.isa.identity import constant_fields
from hwsim.isa.register import REGISTER_BITS, REGISTER_BYTES, Access, Register
from hwsim.isa.registers import IDENTITY_VALUE, REGISTERS, register
from hwsim.rtl.host.axi4_lite import OKAY, SLVERR, Axi4Lite
from hwsim.rtl.host.control import RunStatus
from hwsim.rtl.host.counters import COUNTS
from hwsim.rtl.program.run import WINDOWS, Launch

BYTE_SHIFT = (REGISTER_BYTES - 1).bit_length()
INDEX_BITS = (REGISTERS[-1].offset >> BYTE_SHIFT).bit_length()  # the rest of an address must be 0
STORED = tuple(entry for entry in REGISTERS if entry.access is Access.RW)
BUSY_AFTER_START = 1  # cycles from `start` to `busy`, at most


def register_layout(entry: Register) -> data.FlexibleLayout:
    """Return the fields of a register where the host sees them in its word."""
    fields = {field.name: data.Field(field.width, field.low) for field in entry.fields}
    return data.FlexibleLayout(REGISTER_BITS, fields)


def stored_layout(entry: Register) -> data.StructLayout:
    """Return the fields of a register side by side, without the gaps of its word."""
    return data.StructLayout({field.name: field.width for field in entry.fields})


def _decoded(address: Value) -> Value:
    """Return a bit for each register, high for the one that an address names."""
    return Cat(address[BYTE_SHIFT:] == entry.offset >> BYTE_SHIFT for entry in REGISTERS)


class Registers(wiring.Component):
    """Serves the host's reads and writes, independent of each other, and raises the interrupt.

    A write's data is taken once its address has been taken and no response stands on the bus. The
    write takes effect in the next cycle, in which `bvalid` rises; while the response waits, the
    next address may be taken. Read data stands on the bus in the second cycle after its address is
    taken; the next address is taken after that. For a host that never waits, a write takes
    `WRITE_CYCLES` and a read `READ_CYCLES`. No output depends on an input of the same cycle.

    Members
    -------
    bus : In(Axi4Lite)
    launch : Out(Launch)
        `start` is high for one cycle per accepted START; a further START is refused from that cycle
        on, so that `status.busy` may rise up to `BUSY_AFTER_START` cycles after it.
    abort : Out(1)
        High for one cycle per ABORT that came while `status.busy` was high; the run may have ended
        by itself in that very cycle.
    windows : Out(WINDOWS)
        Stand still while a run goes on, as `launch.program` does.
    status : In(RunStatus)
    counts : In(COUNTS)
    interrupt : Out(1)
        Level. It follows the status by one cycle: it has fallen by the time that the host can act
        on the response of the write that cleared it. It comes from a register and has no glitch.
    """

    WRITE_CYCLES = 2
    READ_CYCLES = 3

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "bus": In(Axi4Lite()),
                "launch": Out(Launch()),
                "abort": Out(1),
                "windows": Out(WINDOWS),
                "status": In(RunStatus()),
                "counts": In(COUNTS),
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        self._events = Signal(stored_layout(register("INTERRUPT_STATUS")))  # not yet cleared
        self._running = Signal()
        self._stored = {
            entry.name: Signal(
                stored_layout(entry),
                name=entry.name.lower(),
                init={field.name: field.reset for field in entry.fields},
            )
            for entry in STORED
        }
        self._written = {
            entry.name: data.View(register_layout(entry), bus.wdata) for entry in REGISTERS
        }
        self._enabled = {
            entry.name: data.View(
                register_layout(entry), Cat(strobe.replicate(8) for strobe in bus.wstrb)
            )
            for entry in REGISTERS
        }
        m.d.comb += self._running.eq(self.status.busy | self.launch.start)
        writes = self._connect_write_channels(m)
        self._store(m, writes)
        self._command(m, writes)
        self._connect_read_channels(m)
        return m

    def _connect_write_channels(self, m: Module) -> dict[str, Signal]:
        """Return, for each register that can be written, whether its data is on the bus."""
        bus = self.bus
        has_address = Signal()
        addressed = Signal(len(REGISTERS))  # a bit each; none where there is no register
        take = Signal()
        m.d.comb += [
            bus.awready.eq(~has_address),
            bus.wready.eq(has_address & ~bus.bvalid),
            take.eq(bus.wvalid & bus.wready),
        ]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [has_address.eq(1), addressed.eq(_decoded(bus.awaddr))]
        with m.If(take):
            m.d.sync += [
                has_address.eq(0),
                bus.bvalid.eq(1),
                bus.bresp.eq(Mux(addressed.any(), OKAY, SLVERR)),
            ]
        with m.Elif(bus.bready):
            m.d.sync += bus.bvalid.eq(0)

        writes = {}
        for entry, is_addressed in zip(REGISTERS, addressed, strict=True):
            if entry.access is not Access.RO:
                strobe = Signal(name=f"write_{entry.name.lower()}")
                m.d.comb += strobe.eq(take & is_addressed & bus.wstrb.any())
                writes[entry.name] = strobe
        return writes

    def _store(self, m: Module, writes: dict[str, Signal]) -> None:
        """Keep what the host writes, but for locked registers while a run goes on."""
        for entry in STORED:
            stored, written = self._stored[entry.name], self._written[entry.name]
            permitted = ~self._running if entry.is_locked else Const(1, 1)
            with m.If(writes[entry.name] & permitted):
                for field in entry.fields:
                    bits, enable = stored[field.name], self._enabled[entry.name][field.name]
                    m.d.sync += bits.eq((bits & ~enable) | (written[field.name] & enable))
        windows, stored = self.windows, self._stored
        m.d.comb += [
            self.launch.program.eq(stored["PROGRAM_ADDRESS"].address),
            windows.constants.base.eq(stored["CONSTANTS_BASE"].page),
            windows.constants.limit.eq(stored["CONSTANTS_LIMIT"].page),
            windows.features.base.eq(stored["FEATURES_BASE"].page),
            windows.features.limit.eq(stored["FEATURES_LIMIT"].page),
        ]

    def _is_one(self, entry: str, field: str) -> Value:
        """High where the host writes a 1 to a field of one bit, if it writes to the register."""
        value: Value = self._written[entry][field] & self._enabled[entry][field]
        return value

    def _command(self, m: Module, writes: dict[str, Signal]) -> None:
        """Start or abort a run, refuse what comes during one, and raise the interrupt."""
        start, abort = (
            writes["CONTROL"] & self._is_one("CONTROL", name) for name in ("start", "abort")
        )
        m.d.sync += [
            self.launch.start.eq(start & ~self._running),
            self.abort.eq(abort & self._running),
        ]
        locked = [writes[entry.name] for entry in REGISTERS if entry.is_locked]
        happens = {
            "end": self.status.end_event,
            "error": self.status.error_event,
            "refused": self._running & reduce(or_, [start, *locked]),
        }
        for name, event in happens.items():
            is_cleared = writes["INTERRUPT_STATUS"] & self._is_one("INTERRUPT_STATUS", name)
            m.d.sync += self._events[name].eq((self._events[name] & ~is_cleared) | event)
        enabled = self._stored["INTERRUPT_ENABLE"].as_value()
        m.d.sync += self.interrupt.eq((self._events.as_value() & enabled).any())

    def _read_fields(self, entry: Register) -> Mapping[str, ValueLike]:
        """Return what the host reads in each field; a field that is left out reads as 0."""
        name = entry.name
        if entry.access is Access.WO:
            return {}
        if entry.access is Access.RW:
            return {field.name: self._stored[name][field.name] for field in entry.fields}
        if name.endswith("_LOW"):
            return {"count": self.counts[name.removesuffix("_LOW").lower()][:REGISTER_BITS]}
        if name.endswith("_HIGH"):
            return {"count": self.counts[name.removesuffix("_HIGH").lower()][REGISTER_BITS:]}
        status, events = self.status, self._events
        fields: dict[str, Mapping[str, ValueLike]] = {
            **constant_fields(self._config),
            "IDENTITY": {"value": IDENTITY_VALUE},
            "STATUS": {"busy": self._running, "stopping": status.stopping},
            "INTERRUPT_STATUS": {key: events[key] for key in events.shape().members},
            "ERROR_CODE": {"code": status.error.code},
            "ERROR_DESCRIPTOR": {"address": status.error.source},
        }
        return fields[name]

    def _connect_read_channels(self, m: Module) -> None:
        """Answer with the addressed register's fields, or with SLVERR where there is none."""
        bus = self.bus
        has_address = Signal()
        index = Signal(INDEX_BITS)
        is_beyond = Signal()  # all registers
        asked = bus.araddr[BYTE_SHIFT:]
        m.d.comb += bus.arready.eq(~has_address & ~bus.rvalid)
        m.d.sync += has_address.eq(bus.arvalid & bus.arready)
        with m.If(bus.arready):
            m.d.sync += [index.eq(asked), is_beyond.eq(asked[INDEX_BITS:].any())]
        with m.If(has_address):
            m.d.sync += [bus.rvalid.eq(1), bus.rdata.eq(0), bus.rresp.eq(SLVERR)]
            with m.If(~is_beyond), m.Switch(index):
                for entry in REGISTERS:
                    word = data.View(register_layout(entry), bus.rdata)
                    with m.Case(entry.offset >> BYTE_SHIFT):
                        m.d.sync += bus.rresp.eq(OKAY)
                        for name, value in self._read_fields(entry).items():
                            m.d.sync += word[name].eq(value)
        with m.Elif(bus.rready):
            m.d.sync += bus.rvalid.eq(0)

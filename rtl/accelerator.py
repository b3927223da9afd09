"""The accelerator: registers, control, counters and the core that they start and stop."""

from amaranth.hdl import (
    ClockDomain,
    ClockSignal,
    DomainRenamer,
    Module,
    ResetSignal,
    Signal,
    ValueLike,
)
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hwsim.arch.config import Config
from hwsim.isa.fields import DESCRIPTOR_BYTES
from hwsim.rtl.core import Core
from hwsim.rtl.deliver.verilog import to_verilog
from hwsim.rtl.host.axi4_lite import PREFIX as SUBORDINATE
from hwsim.rtl.host.axi4_lite import axi4_lite_channels, axi4_lite_ports
from hwsim.rtl.host.control import Control
from hwsim.rtl.host.counters import TRAFFIC, Counters
from hwsim.rtl.host.registers import Registers
from hwsim.rtl.memory.axi4 import PREFIX as MANAGER
from hwsim.rtl.memory.axi4 import axi4_ports, channel_ports, constants

SOURCE_SHIFT = DESCRIPTOR_BYTES.bit_length() - 1


class Accelerator(wiring.Component):
    """Runs the programs that the host starts through the registers, one after the other.

    The core lives in a clock domain of its own, `run`, with the same clock: its reset comes with
    `rst` and after every run, so that no run begins with anything left of the one before.

    Members
    -------
    s_axi_* : the AXI4-Lite subordinate
    m_axi_* : the AXI4 manager
    irq : Out(1)
        Level; high while an enabled bit of INTERRUPT_STATUS is set.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__(axi4_lite_ports() | axi4_ports(config) | {"irq": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.registers = registers = Registers(self._config)
        m.submodules.control = control = Control()
        m.submodules.counters = counters = Counters(self._config)
        core = Core(self._config)
        m.submodules.core = DomainRenamer("run")(core)
        m.domains.run = ClockDomain()
        cleared = Signal(init=1)  # a register: this reset goes everywhere
        m.d.sync += cleared.eq(control.clear)
        m.d.comb += [
            ClockSignal("run").eq(ClockSignal()),
            ResetSignal("run").eq(cleared | ResetSignal()),
            registers.busy.eq(control.busy | cleared),
            core.stop.eq(control.halt),
            self.irq.eq(registers.interrupt),
        ]
        self._connect_control(m, registers, control, core)
        self._connect_counters(m, registers, control, core, counters)
        self._connect_ports(m, core, channel_ports(self._config), MANAGER)
        self._connect_ports(m, registers, axi4_lite_channels(), SUBORDINATE)
        m.d.comb += [
            getattr(self, name).eq(value) for name, value in constants(self._config).items()
        ]
        return m

    def _connect_control(
        self, m: Module, registers: Registers, control: Control, core: Core
    ) -> None:
        windows = core.windows
        m.d.comb += [
            control.start.eq(registers.start),
            control.abort.eq(registers.abort),
            *(
                getattr(control, name).eq(getattr(core, name))
                for name in ("ended", "fault", "active", "waiting", "next", "quiet")
            ),
            core.start.eq(registers.start),
            core.program.eq(registers.program_address >> SOURCE_SHIFT),
            windows.constants.base.eq(registers.constants_base),
            windows.constants.limit.eq(registers.constants_limit),
            windows.features.base.eq(registers.features_base),
            windows.features.limit.eq(registers.features_limit),
            registers.stopping.eq(control.stop),
            registers.events[0].eq(control.end_event),
            registers.events[1].eq(control.error_event),
            registers.error_code.eq(control.error.code),
            registers.error_descriptor.eq(control.error.source << SOURCE_SHIFT),
        ]

    def _connect_counters(
        self, m: Module, registers: Registers, control: Control, core: Core, counters: Counters
    ) -> None:
        m.d.comb += [
            counters.start.eq(registers.start),
            counters.running.eq(control.running),
            counters.array.eq(core.array),
            registers.cycles.eq(counters.cycles),
            registers.array_cycles.eq(counters.array_cycles),
        ]
        for name in TRAFFIC:
            m.d.comb += [
                getattr(counters, name).eq(getattr(core, f"{name}_beat")),
                getattr(registers, f"{name}_bytes").eq(getattr(counters, f"{name}_bytes")),
            ]

    def _connect_ports(
        self, m: Module, unit: wiring.Component, names: dict[str, object], prefix: str
    ) -> None:
        """Join a unit's ports to those of the same name with a prefix."""
        for name in names:
            inner: ValueLike = getattr(unit, name)
            outer: ValueLike = getattr(self, prefix + name)
            is_output = unit.signature.members[name].flow == Out
            m.d.comb += outer.eq(inner) if is_output else inner.eq(outer)


def accelerator_verilog(config: Config, name: str = "accelerator") -> str:
    """The whole accelerator as one Verilog source that needs nothing else."""
    return to_verilog(Accelerator(config), name, config)

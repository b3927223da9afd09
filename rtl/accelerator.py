"""The accelerator: registers, control, counters and the core that they start and stop."""

from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.rtl.core import Core
from hwsim.rtl.deliver.verilog import verilog_files, with_parameters
from hwsim.rtl.host.axi4_lite import PREFIX as SUBORDINATE
from hwsim.rtl.host.axi4_lite import axi4_lite_ports
from hwsim.rtl.host.control import Control
from hwsim.rtl.host.counters import Counters
from hwsim.rtl.host.registers import Registers
from hwsim.rtl.memory.axi4 import PREFIX as MANAGER
from hwsim.rtl.memory.axi4 import axi4_ports, constants, parameters
from hwsim.rtl.primitives.clock_gate import ClockGate


class Accelerator(wiring.Component):
    """Runs the programs that the host starts through the registers, one after the other.

    The core lives in a clock domain of its own, `run`. Its clock is the same behind a gate, and
    stands still from the reset behind a run up to the next start. Its reset comes with `rst` and
    after every run, so that no run begins with anything left of the one before.

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
        m.submodules.clock_gate = clock_gate = ClockGate()
        wiring.connect(m, registers.launch, control.launch, counters.launch, core.launch)
        wiring.connect(m, core.supervision, control.core)
        wiring.connect(m, control.status, registers.status, counters.status)
        m.d.comb += [
            clock_gate.enable.eq(registers.launch.start | control.status.busy | ResetSignal()),
            ClockSignal("run").eq(clock_gate.gated_clock),
            ResetSignal("run").eq(control.clear | ResetSignal()),
            control.abort.eq(registers.abort),
            core.windows.eq(registers.windows),
            counters.events.eq(core.events),
            registers.counts.eq(counters.counts),
            self.irq.eq(registers.interrupt),
        ]
        for interface, prefix in (
            (registers.bus, SUBORDINATE),
            (core.read_bus, MANAGER),
            (core.write_bus, MANAGER),
        ):
            self._connect_ports(m, interface, prefix)
        m.d.comb += [
            getattr(self, name).eq(value) for name, value in constants(self._config).items()
        ]
        return m

    def _connect_ports(self, m: Module, interface: Any, prefix: str) -> None:
        """Join each port of an interface to the accelerator's port of that name with a prefix."""
        for name, member in interface.signature.members.items():
            inner, outer = getattr(interface, name), getattr(self, prefix + name)
            m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)


def accelerator_files(config: Config, name: str = "accelerator") -> dict[str, str]:
    """Return the accelerator as Verilog by module: what is generated, and its wrappers."""
    modules = verilog_files(Accelerator(config), name, config)
    return modules | {name: with_parameters(modules[name], parameters())}


def accelerator_verilog(config: Config, name: str = "accelerator") -> str:
    """Return the whole accelerator as one Verilog source that needs nothing else."""
    return "\n".join(accelerator_files(config, name).values())

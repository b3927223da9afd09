"""Wrappers: the modules of the Verilog in which whoever integrates it puts cells and macros."""

from importlib import resources
from typing import Any

from amaranth.hdl import ClockSignal, Const, Instance, Value
from amaranth.lib.memory import Memory

from hwsim.arch.config import Config

RAM, CLOCK_GATE, MULTIPLY = "ram", "clock_gate", "multiply"
TOP = "@TOP@"  # in a wrapper's file: the name of the top module


class WrapperError(RuntimeError):
    """A component asks for something that its wrapper does not have."""


class Wrappers:
    """A platform on which every memory, clock gate and multiplier is an instance of a wrapper.

    The components know nothing of this platform of Amaranth's: without one, as in Amaranth's
    simulator, they build what the wrapper stands for.
    """

    def __init__(self, top: str):
        self._top = top
        self._used: set[str] = set()

    @property
    def texts(self) -> dict[str, str]:
        """The Verilog of every wrapper that has an instance, by the name of its module."""
        return {
            module_name(kind, self._top): wrapper(kind, self._top) for kind in sorted(self._used)
        }

    def get_memory(self, memory: Memory) -> Instance:
        """Return the instance for a memory with one port for writes and one for reads.

        Amaranth calls this. Raises `WrapperError` for other ports, for a read that promises the
        word which is being written, and for initial values.
        """
        if len(memory.write_ports) != 1 or len(memory.read_ports) != 1:
            raise WrapperError("a memory has other ports than one for writes and one for reads")
        (write,), (read,) = memory.write_ports, memory.read_ports
        if read.transparent_for:
            raise WrapperError("a memory promises the word that is being written")
        if any(memory.init):
            raise WrapperError("a memory has initial values")
        addresses = {"write": _address(write.addr), "read": _address(read.addr)}
        data = Value.cast(read.data)
        return self._instance(
            RAM,
            p_WORDS=memory.depth,
            p_BITS=len(data),
            p_ADDRESS_BITS=len(addresses["read"]),
            p_LANES=len(write.en),
            p_READ_LATENCY=int(read.domain != "comb"),
            i_clk=ClockSignal(write.domain),
            i_write_enable=write.en,
            i_write_address=addresses["write"],
            i_write_data=Value.cast(write.data),
            i_read_enable=read.en,
            i_read_address=addresses["read"],
            o_read_data=data,
        )

    def get_clock_gate(self, enable: Value, gated_clock: Value) -> Instance:
        """Return the gate from the clock of the domain `sync` to `gated_clock`."""
        return self._instance(
            CLOCK_GATE, i_clock=ClockSignal(), i_enable=enable, o_gated_clock=gated_clock
        )

    def get_multiplier(self, left: Value, right: Value, product: Value) -> Instance:
        """Return the instance that multiplies two signed factors."""
        return self._instance(
            MULTIPLY,
            p_LEFT_BITS=len(left),
            p_RIGHT_BITS=len(right),
            i_clk=ClockSignal(),
            i_left=left,
            i_right=right,
            o_product=product,
        )

    def _instance(self, kind: str, **arguments: Any) -> Instance:
        self._used.add(kind)
        return Instance(module_name(kind, self._top), **arguments)


def module_name(kind: str, top: str) -> str:
    """Return the name of a wrapper's module, and of its file, below the module `top`."""
    return f"{top}_{kind}"


def wrappers_of(config: Config) -> tuple[str, ...]:
    """Return the kinds of wrappers that an accelerator has instances of."""
    return (RAM, CLOCK_GATE, *((MULTIPLY,) if config.array.multipliers == "dsp" else ()))


def module_names(config: Config, top: str) -> tuple[str, ...]:
    """Return the names of the wrappers' modules below the module `top`, an accelerator."""
    return tuple(module_name(kind, top) for kind in wrappers_of(config))


def wrapper(kind: str, top: str) -> str:
    """Return the Verilog of a wrapper below the module `top`."""
    text = resources.files("hwsim.rtl.deliver").joinpath(f"{kind}.v").read_text("utf-8")
    return text.replace(TOP, top)


def _address(address: Value) -> Value:
    """Return the address of a memory; that of a single word has a bit too."""
    return address if len(address) else Const(0)

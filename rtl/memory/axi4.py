"""The ports of the AXI4 manager, and the values of those that never change."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.isa.fields import ADDRESS_BITS

PREFIX = "m_axi_"
ID_BITS = 1
INCR = 1
# Memory that nothing caches, and whose last word answers a write: AxCACHE 0b0010.
NON_BUFFERABLE = 2
NON_SECURE = 2  # unprivileged data: AxPROT 0b010


def _address_channel(name: str) -> dict[str, Member]:
    return {
        f"{name}valid": Out(1),
        f"{name}ready": In(1),
        f"{name}id": Out(ID_BITS),
        f"{name}addr": Out(ADDRESS_BITS),
        f"{name}len": Out(8),
        f"{name}size": Out(3),
        f"{name}burst": Out(2),
        f"{name}lock": Out(1),
        f"{name}cache": Out(4),
        f"{name}prot": Out(3),
    }


def _all_ports(bits: int) -> dict[str, Member]:
    return {
        **_address_channel("aw"),
        "wvalid": Out(1),
        "wready": In(1),
        "wdata": Out(bits),
        "wlast": Out(1),
        "wstrb": Out(bits // 8),
        "bvalid": In(1),
        "bready": Out(1),
        "bid": In(ID_BITS),
        "bresp": In(2),
        **_address_channel("ar"),
        "rvalid": In(1),
        "rready": Out(1),
        "rdata": In(bits),
        "rlast": In(1),
        "rid": In(ID_BITS),
        "rresp": In(2),
    }


class Axi4Read(wiring.Signature):
    """The read channels, AR and R, as a manager drives them, with the names of the standard.

    `arvalid` stays high, and the address unchanged, until `arready` is high too. `rready` is always
    high: a word that has been asked for has a place. Ports that hold one value are left out.
    """

    CHANNELS = (
        "arvalid", "arready", "araddr", "arlen",
        "rvalid", "rready", "rdata", "rlast", "rresp",
    )  # fmt: skip

    def __init__(self, data_bits: int):
        ports = _all_ports(data_bits)
        super().__init__({name: ports[name] for name in self.CHANNELS})


class Axi4Write(wiring.Signature):
    """The write channels, AW, W and B, as a manager drives them, with the names of the standard.

    `awvalid` and `wvalid` stay high, and what they offer unchanged, until their `ready` is high
    too. `bready` is always high. Ports that hold one value are left out.
    """

    CHANNELS = (
        "awvalid", "awready", "awaddr", "awlen",
        "wvalid", "wready", "wdata", "wstrb", "wlast",
        "bvalid", "bready", "bresp",
    )  # fmt: skip

    def __init__(self, data_bits: int):
        ports = _all_ports(data_bits)
        super().__init__({name: ports[name] for name in self.CHANNELS})


def axi4_ports(config: Config) -> dict[str, Member]:
    """Return all ports of the manager: one ID, INCR bursts of whole words."""
    return {PREFIX + name: member for name, member in _all_ports(config.bus.bus_bits).items()}


def constants(config: Config) -> dict[str, int]:
    """Return the value of each port that holds one."""
    address = {
        "id": 0,
        "size": exact_log2(config.bus.bus_bits // 8),
        "burst": INCR,
        "lock": 0,
        "cache": NON_BUFFERABLE,
        "prot": NON_SECURE,
    }
    return {f"{PREFIX}{channel}{name}": value for channel in ("aw", "ar")
            for name, value in address.items()}  # fmt: skip


def parameters() -> dict[str, str]:
    """Return the parameter of the top module that sets each port which the system may decide."""
    return {
        f"{PREFIX}{channel}{name}": f"AXI_{channel}{name}".upper()
        for channel in ("aw", "ar")
        for name in ("cache", "prot")
    }

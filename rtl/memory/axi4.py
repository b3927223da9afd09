"""The ports of the AXI4 manager, and what stands on those that never change."""

from amaranth.hdl import ShapeLike
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.isa.fields import ADDRESS_BITS

PREFIX = "m_axi_"
ID_BITS = 1
INCR = 1
NORMAL_BUFFERABLE = 3  # memory, not cached: AxCACHE 0b0011

# What the managers drive and see; the other ports hold one value or are not looked at.
READ_CHANNELS = (
    "arvalid", "arready", "araddr", "arlen",
    "rvalid", "rready", "rdata", "rlast", "rresp",
)  # fmt: skip
WRITE_CHANNELS = (
    "awvalid", "awready", "awaddr", "awlen",
    "wvalid", "wready", "wdata", "wstrb", "wlast",
    "bvalid", "bready", "bresp",
)  # fmt: skip


def _address_channel(name: str) -> dict[str, ShapeLike]:
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


def _all_ports(config: Config) -> dict[str, ShapeLike]:
    bits = config.bus.bus_bits
    return {
        **_address_channel("aw"),
        "wvalid": Out(1),
        "wready": In(1),
        "wdata": Out(bits),
        "wlast": Out(1),
        "wstrb": Out(config.word_bytes),
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


def axi4_ports(config: Config) -> dict[str, ShapeLike]:
    """One manager, one ID, INCR bursts of whole words; `rready` and `bready` are always high."""
    return {PREFIX + name: member for name, member in _all_ports(config).items()}


def channel_ports(config: Config) -> dict[str, ShapeLike]:
    """What passes between the managers and the ports, without the prefix."""
    ports = _all_ports(config)
    return {name: ports[name] for name in (*READ_CHANNELS, *WRITE_CHANNELS)}


def constants(config: Config) -> dict[str, int]:
    """Ports that hold one value."""
    address = {
        "id": 0,
        "size": exact_log2(config.word_bytes),
        "burst": INCR,
        "lock": 0,
        "cache": NORMAL_BUFFERABLE,
        "prot": 0,
    }
    return {f"{PREFIX}{channel}{name}": value for channel in ("aw", "ar")
            for name, value in address.items()}  # fmt: skip

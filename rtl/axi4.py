"""The ports of the AXI4 manager, and what stands on those that never change."""

from amaranth.hdl import ShapeLike
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.config import Config
from rtl.bursts import ADDRESS_BITS

PREFIX = "m_axi_"
ID_BITS = 1
INCR = 1
NORMAL_BUFFERABLE = 3  # memory, not cached: AxCACHE 0b0011


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


def axi4_ports(config: Config) -> dict[str, ShapeLike]:
    """One manager, one ID, INCR bursts of whole words; `rready` and `bready` are always high."""
    bits = config.bus.bus_bits
    ports = {
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
    return {PREFIX + name: member for name, member in ports.items()}


def constants(config: Config) -> dict[str, int]:
    """Outputs that hold one value."""
    address = {
        "id": 0,
        "size": exact_log2(config.word_bytes),
        "burst": INCR,
        "lock": 0,
        "cache": NORMAL_BUFFERABLE,
        "prot": 0,
    }
    values = {f"{channel}{name}": value for channel in ("aw", "ar")
              for name, value in address.items()}  # fmt: skip
    return {PREFIX + name: value for name, value in values.items()} | {f"{PREFIX}wstrb": -1}

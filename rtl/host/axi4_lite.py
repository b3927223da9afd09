"""The ports of the AXI4-Lite subordinate."""

from amaranth.hdl import ShapeLike
from amaranth.lib.wiring import In, Out

from hwsim.isa.registers import ADDRESS_BITS, REGISTER_BITS, REGISTER_BYTES

PREFIX = "s_axi_"
OKAY, SLVERR = 0, 2


def axi4_lite_channels() -> dict[str, ShapeLike]:
    """The five channels as a subordinate sees them. `awprot` and `arprot` are ignored."""
    return {
        "awvalid": In(1),
        "awready": Out(1),
        "awaddr": In(ADDRESS_BITS),
        "awprot": In(3),
        "wvalid": In(1),
        "wready": Out(1),
        "wdata": In(REGISTER_BITS),
        "wstrb": In(REGISTER_BYTES),
        "bvalid": Out(1),
        "bready": In(1),
        "bresp": Out(2),
        "arvalid": In(1),
        "arready": Out(1),
        "araddr": In(ADDRESS_BITS),
        "arprot": In(3),
        "rvalid": Out(1),
        "rready": In(1),
        "rdata": Out(REGISTER_BITS),
        "rresp": Out(2),
    }


def axi4_lite_ports() -> dict[str, ShapeLike]:
    """The same with the prefix that they have on the accelerator."""
    return {PREFIX + name: member for name, member in axi4_lite_channels().items()}

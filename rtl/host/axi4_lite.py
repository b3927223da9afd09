"""The ports of the AXI4-Lite subordinate."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from hwsim.isa.register import REGISTER_BITS, REGISTER_BYTES
from hwsim.isa.registers import REGISTER_ADDRESS_BITS

PREFIX = "s_axi_"
OKAY, SLVERR = 0, 2


class Axi4Lite(wiring.Signature):
    """The five channels of AXI4-Lite as their manager sees them, with the names of the standard.

    On each channel `valid` stays high, and the payload unchanged, until `ready` is high too.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "awvalid": Out(1),
                "awready": In(1),
                "awaddr": Out(REGISTER_ADDRESS_BITS),
                "awprot": Out(3),
                "wvalid": Out(1),
                "wready": In(1),
                "wdata": Out(REGISTER_BITS),
                "wstrb": Out(REGISTER_BYTES),
                "bvalid": In(1),
                "bready": Out(1),
                "bresp": In(2),
                "arvalid": Out(1),
                "arready": In(1),
                "araddr": Out(REGISTER_ADDRESS_BITS),
                "arprot": Out(3),
                "rvalid": In(1),
                "rready": Out(1),
                "rdata": In(REGISTER_BITS),
                "rresp": In(2),
            }
        )


def axi4_lite_ports() -> dict[str, Member]:
    """Return the channels as a subordinate sees them, with the accelerator's prefix."""
    return {PREFIX + name: member for name, member in Axi4Lite().flip().members.items()}

"""`rtl.memory.window_guard` lets in what lies in a window with every byte, and nothing else."""

from amaranth.hdl import Cat
from amaranth.lib import data

from formal.addresses import BOUNDARY_BYTES, in_its_4_kib, lies_in
from formal.proof import Proof
from hwsim.isa.fields import ADDRESS_BITS
from hwsim.rtl.memory.window_guard import WindowGuard
from hwsim.rtl.program.run import WINDOW

COUNT = 2


def window_guard() -> Proof:
    """The burst is any that does not cross 4 KiB."""
    proof = Proof()
    m = proof.module
    m.submodules.guard = guard = WindowGuard(COUNT)
    windows = proof.anything(data.ArrayLayout(WINDOW, COUNT), "windows")
    address = proof.anything(ADDRESS_BITS, "address")
    size_bytes = proof.anything(range(BOUNDARY_BYTES + 1), "size_bytes")
    m.d.comb += [guard.address.eq(address), guard.windows.eq(windows)]
    proof.promise(size_bytes != 0)
    proof.promise(in_its_4_kib(address) + size_bytes <= BOUNDARY_BYTES)
    expected = Cat(lies_in(windows[number], address, size_bytes) for number in range(COUNT))
    proof.claim("inside: where first and last byte lie in the window", guard.inside == expected)
    proof.reach("inside: the second window only", guard.inside == 2)
    return proof

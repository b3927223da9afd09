"""The read port of a memory."""

from amaranth.hdl import ShapeLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class ReadPort(wiring.Signature):
    """Reads a memory, one word per cycle at most, as the reader drives it.

    Nothing stalls: the memory answers every read a fixed number of cycles later, which its
    component states as `READ_LATENCY`.

    Members
    -------
    enable : Out(1)
    address : Out(address)
    data : In(word)
        The word of the read that was enabled `READ_LATENCY` cycles before. Behind other cycles it
        means nothing, unless the memory's component says more.
    """

    def __init__(self, address: ShapeLike, word: ShapeLike):
        super().__init__({"enable": Out(1), "address": Out(address), "data": In(word)})

"""The tokens: counts of what the units have done, for which descriptors wait."""

from amaranth.hdl import Module, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.isa.fields import TOKEN_BITS


def reached(count: Value, wait: Value, event: ValueLike = 0) -> Value:
    """Return whether a token has reached `wait`: the difference modulo 2**16 is below 2**15.

    An `event` of this cycle counts too. It only chooses, as it comes late in the cycle.
    """
    difference = (count - wait)[:TOKEN_BITS]
    return ~difference[-1] | (event & difference.all())


class Token(wiring.Signature):
    """One token, for those that wait for it. It never goes back within a run.

    Members
    -------
    count : Out(TOKEN_BITS)
        The number of events before this cycle, modulo 2**16. It comes from a register.
    event : Out(1)
        High where another event happens in this cycle. It comes late in the cycle: choose with it,
        but do not compute from it.
    """

    def __init__(self) -> None:
        super().__init__({"count": Out(TOKEN_BITS), "event": Out(1)})


class Tokens(wiring.Component):
    """Counts the events of each token. An event of cycle t is in `count` from cycle t + 1 on.

    Members
    -------
    chunk_loaded : In(1)
        High with the last word of a chunk.
    tile_issued : In(1)
        High with the last pixel of a COMPUTE.
    tile_staged : In(1)
        High with the last word that a COMPUTE writes into staging.
    store_read : In(1)
        High for one cycle when a STORE's last word has been read from staging.
    store_done : In(1)
        High for one cycle when a STORE's last response has come.
    chunks, computes, drains, staged, stores : Out(Token)
    """

    LATENCY = 1

    def __init__(self) -> None:
        super().__init__(
            {
                "chunk_loaded": In(1),
                "tile_issued": In(1),
                "tile_staged": In(1),
                "store_read": In(1),
                "store_done": In(1),
                "chunks": Out(Token()),
                "computes": Out(Token()),
                "drains": Out(Token()),
                "staged": Out(Token()),
                "stores": Out(Token()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for token, event in (
            (self.chunks, self.chunk_loaded),
            (self.computes, self.tile_issued),
            (self.drains, self.tile_staged),
            (self.staged, self.store_read),
            (self.stores, self.store_done),
        ):
            m.d.comb += token.event.eq(event)
            with m.If(event):
                m.d.sync += token.count.eq(token.count + 1)
        return m

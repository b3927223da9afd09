"""Products as sums of rows, one for every two bits of a factor (Booth's recoding, radix 4)."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from hwsim.rtl.arithmetic.carry_save import Columns, columns_of, joined


def booth_offset(factor_bits: int, digits_bits: int) -> int:
    """Return what the rows of a product add up to beside the product."""
    return sum(1 << factor_bits + place for place in range(0, digits_bits, 2))


def booth_rows(m: Module, factor: Value, digits: Value, width: int, name: str) -> Columns:
    """Return bits, in `width` columns, that add up to factor x digits + `booth_offset`.

    Both are signed. Two bits of `digits`, and the one below, say how often a row counts the factor:
    -2 to 2 times. A negative row is inverted, and a 1 in its last place makes up for that. In place
    of extending its sign the row inverts it, and so counts 2**`factor_bits` too much. With these
    offsets the sum is never negative, and less than 2**(bits of both factors).
    """
    bits = len(factor) + 1
    once_factor, twice_factor = Cat(factor, factor[-1]), Cat(Const(0, 1), factor)
    extended = Cat(digits, digits[-1])  # by a bit for the last row of an odd number
    columns: Columns = [[] for _ in range(width)]
    below: Value = Const(0, 1)
    for place in range(0, len(digits), 2):
        low, high = extended[place], extended[place + 1]
        row = Signal(bits, name=f"{name}_row{place}")
        once, twice = (Signal(name=f"{name}_{kind}{place}") for kind in ("once", "twice"))
        multiple = Mux(once, once_factor, 0) | Mux(twice, twice_factor, 0)
        m.d.comb += [
            once.eq(low ^ below),
            twice.eq((high ^ low) & ~once),
            row.eq(multiple ^ Cat(high.replicate(bits - 1), ~high)),
        ]
        columns = joined(columns, columns_of(row, width, place), columns_of(high, width, place))
        below = high
    return columns

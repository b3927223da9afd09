"""Products as sums of rows, one for every two bits of a factor (Booth's recoding, radix 4)."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from hwsim.rtl.arithmetic.carry_save import Columns, columns_of, joined


def booth_offset(factor_bits: int, recoded_bits: int) -> int:
    """Return what the rows of a product add up to beside the product."""
    return sum(1 << factor_bits + place for place in _places(recoded_bits))


def recoded_bits(bits: int) -> int:
    """Return the bits of a number of so many bits, once it is `recoded`."""
    return bits + bits % 2 + 1


def recoded(m: Module, number: Value, name: str) -> Value:
    """Return the digits of a signed number to the base 4, the last of them first.

    A digit is -1, 0, 1 or 2, in two bits: its value modulo 4. So it needs a sign only where it
    counts once. The first one, of -2 to 2, has three bits: it counts once, twice, is negative.
    """
    extended = Cat(number, number[-1])  # by a bit for the first digit of an odd number of bits
    *places, first_place = _places(recoded_bits(len(number)))
    carry: Value = Const(0, 1)
    digits: list[Value] = []
    for place in places:
        low, high = extended[place], extended[place + 1]
        digits += [low ^ carry, high ^ (low & carry)]
        next_carry = Signal(name=f"{name}_carry{place}")
        m.d.comb += next_carry.eq(high & (low | carry))
        carry = next_carry
    low, high = extended[first_place], extended[first_place + 1]
    once = low ^ carry
    return Cat(*digits, once, (high ^ low) & ~once, high & ~(low & carry))


def booth_rows(m: Module, factor: Value, number: Value, width: int, name: str) -> Columns:
    """Return bits, in `width` columns, that add up to factor x number + `booth_offset`.

    The factor is signed, and the number `recoded`. A digit says how often a row counts the factor.
    A negative row is inverted, and a 1 in its last place makes up for that. In place of extending
    its sign the row inverts it, and so counts 2**(bits of the factor) too much. With these offsets
    the sum is never negative, and less than 2**(bits of the factor and of the number before).
    """
    once_factor, twice_factor = Cat(factor, factor[-1]), Cat(Const(0, 1), factor)
    sign = Const(1 << len(factor), len(factor) + 1)
    columns: Columns = [[] for _ in range(width)]
    *places, first_place = _places(len(number))
    for place in places:
        low, high = number[place], number[place + 1]
        row, negative, once, twice = _signals(name, place, len(sign))
        multiple = (
            Mux(once, once_factor, 0) | Mux(negative, ~once_factor, 0) | Mux(twice, twice_factor, 0)
        )
        m.d.comb += [
            once.eq(low & ~high),
            negative.eq(low & high),
            twice.eq(high & ~low),
            row.eq(multiple ^ sign),
        ]
        columns = joined(columns, columns_of(row, width, place), columns_of(negative, width, place))
    row, negative, once, twice = _signals(name, first_place, len(sign))
    multiple = Mux(once, once_factor, 0) | Mux(twice, twice_factor, 0)
    m.d.comb += [
        Cat(once, twice, negative).eq(number[first_place:]),
        row.eq(multiple ^ negative.replicate(len(sign)) ^ sign),
    ]
    return joined(
        columns, columns_of(row, width, first_place), columns_of(negative, width, first_place)
    )


def _places(recoded_bits: int) -> range:
    """Return the places of the digits of a number that has so many bits when `recoded`."""
    return range(0, recoded_bits - 2, 2)


def _signals(name: str, place: int, bits: int) -> list[Signal]:
    """Return signals for a row, and for the digit that makes it."""
    return [
        Signal(bits, name=f"{name}_row{place}"),
        *(Signal(name=f"{name}_{kind}{place}") for kind in ("negative", "once", "twice")),
    ]

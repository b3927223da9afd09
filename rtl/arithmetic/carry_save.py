"""Carry-save addition: many numbers become two with the same sum, while no carry runs far."""

from itertools import accumulate, chain, repeat, takewhile

from amaranth.hdl import Cat, Const, Module, Signal, Value

Columns = list[list[Value]]  # bits by their place: each one of columns[n] counts 2**n
ZERO = Const(0, 1)


def columns_of(number: Value, width: int, place: int = 0) -> Columns:
    """Return an unsigned number that counts 2**`place`, as `width` columns."""
    columns: Columns = [[] for _ in range(width)]
    for column, bit in zip(columns[place:], Value.cast(number), strict=False):
        column.append(bit)
    return columns


def constant_columns(number: int, width: int) -> Columns:
    """Return the ones of a number, modulo 2**`width`."""
    return [[Const(1, 1)] if number >> place & 1 else [] for place in range(width)]


def joined(*numbers: Columns) -> Columns:
    """Return the bits of several numbers together, column by column."""
    return [list(chain(*bits)) for bits in zip(*numbers, strict=True)]


def two_rows(m: Module, columns: Columns, name: str) -> tuple[Value, Value]:
    """Return two numbers whose sum is that of all bits, modulo 2**(the number of columns).

    This is Dadda's tree: each layer of adders makes the columns lower by a third, and has no more
    adders than that takes.
    """
    for height in _heights(max(map(len, columns))):
        columns = _lowered(m, columns, height, f"{name}_{height}")
    rows = zip(*([*bits, ZERO, ZERO][:2] for bits in columns), strict=True)
    first, second = map(Cat, rows)
    return first, second


def _heights(height: int) -> list[int]:
    """Return the heights of the columns behind each layer: the last is 2, each 1.5 x the next."""
    lower = accumulate(repeat(2), lambda last, _: last * 3 // 2)
    return list(takewhile(lambda one: one < height, lower))[::-1]


def _lowered(m: Module, columns: Columns, height: int, name: str) -> Columns:
    """Return columns of at most `height` bits, behind one layer of full and half adders.

    The adders of a layer stand side by side in a few signals, first those that take the uppermost
    bits of their columns.
    """
    rest: Columns = []
    adders: list[tuple[int, int, list[Value]]] = []  # place among its column's, column, terms
    carries = 0  # that come from the column before
    for number, bits in enumerate(columns):
        surplus, taken, added = len(bits) + carries - height, 0, 0
        while surplus > 0:
            terms = min(surplus, 2) + 1
            adders.append((added, number, bits[taken : taken + terms]))
            taken, added, surplus = taken + terms, added + 1, surplus - terms + 1
        rest.append(bits[taken:])
        carries = added
    adders.sort(key=lambda adder: adder[:2])
    first, second, third, half, total, carry = (
        Signal(len(adders), name=f"{name}_{kind}")
        for kind in ("first", "second", "third", "half", "sum", "carry")
    )
    inputs = zip(*([*terms, ZERO][:3] for _, _, terms in adders), strict=True)
    m.d.comb += [
        signal.eq(Cat(bits)) for signal, bits in zip((first, second, third), inputs, strict=True)
    ]
    m.d.comb += [
        half.eq(first ^ second),
        total.eq(half ^ third),
        carry.eq((first & ~half) | (third & half)),
    ]
    for place, (_, number, _) in enumerate(adders):
        rest[number].append(total[place])
        if number + 1 < len(rest):
            rest[number + 1].append(carry[place])
    return rest

"""The setter of COMPUTE's fields does what `_replace` does."""

import pytest

from hwsim.isa.descriptor import Compute, compute_setter

COMPUTE = Compute(*range(len(Compute._fields)))


@pytest.mark.parametrize("names", [("rows",), ("byte_offset", "wait_chunks", "left"), ()])
def test_the_named_fields_are_replaced_and_no_others(names: tuple[str, ...]) -> None:
    values = range(1000, 1000 + len(names))
    expected = COMPUTE._replace(**dict(zip(names, values, strict=True)))
    found = compute_setter(*names)(COMPUTE, *values)
    assert type(found) is Compute
    assert found == expected


@pytest.mark.parametrize("values", [(1,), (1, 2, 3)])
def test_every_field_has_its_value(values: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError, match="values for"):
        compute_setter("top", "left")(COMPUTE, *values)

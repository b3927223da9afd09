"""Makes stages of functions of one value: the value itself, looked up in the function's table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from hwsim.errors import InputError
from hwsim.graph import Source, Stage, Tensor
from hwsim.graph.operators import Operator
from hwsim.passes.move_stages import taken

# The values of functions for -128 to 127, by the names of their operators.
Tables = Mapping[str, tuple[int, ...]]
NO_TABLES: Tables = MappingProxyType({})


def looked_up(operator: Operator, sources: Sequence[Source], left: Tensor, tables: Tables) -> Stage:
    """Return the stage that stores an operator's value for each that its sources show.

    Raises `InputError` for an operator that was given no table.
    """
    if operator.name not in tables:
        raise InputError(f"{operator.KIND} has no table")
    stage = taken(operator, sources, left)
    # The sum is the value less its zero point: with that added, the table is read at the value.
    return replace(stage, offset=sources[0].tensor.zero_point, table=tables[operator.name])

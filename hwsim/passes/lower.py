"""The way down from the operators of a file to stages: the passes, in their order."""

from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property

from hwsim.graph import Graph
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator
from hwsim.passes.concat_last import concat_last
from hwsim.passes.copies import with_copies
from hwsim.passes.fold_pads import fold_pads
from hwsim.passes.fold_reshapes import fold_reshapes
from hwsim.passes.fuse_maxima import fuse_maxima
from hwsim.passes.fuse_pools import fuse_pools
from hwsim.passes.fuse_tables import fuse_tables
from hwsim.passes.host_operators import without_host_operators
from hwsim.passes.host_parts import HostParts
from hwsim.passes.max_feature_maps import fuse_max_feature_maps
from hwsim.passes.split_pools import split_pools
from hwsim.passes.stages import staged, staged_as_in_file
from hwsim.passes.table_stages import NO_TABLES, Tables

FILE_PASSES = (
    fold_pads,
    fuse_max_feature_maps,
    concat_last,
    fold_reshapes,
    split_pools,
    with_copies,
)
PASSES = (without_host_operators, concat_last, split_pools, fuse_pools, with_copies)


class Fate(Enum):
    """The end that an operator of a file came to."""

    STAGE = "stage"  # it has stages of its own
    FUSED = "fused"  # stages of other operators compute it
    ADDRESS = "address"  # nothing computes it: its readers find the values where they are stored
    HOST = "host"
    UNREAD = "unread"  # no output depends on it


@dataclass(frozen=True)
class Lowered:
    """A network as operators and as stages, and what became of the former."""

    operators: OperatorGraph
    graph: Graph
    computed: tuple[Operator, ...]  # the operators after the last pass, of which stages were made

    def own_stages(self, operator: Operator) -> tuple[str, ...]:
        """Return the names of the stages that were made for an operator of the file."""
        return tuple(made.name for made in self._made_of(operator) if _is_for(made, operator))

    def fused_into(self, operator: Operator) -> tuple[str, ...]:
        """Return the names of other operators' stages that compute an operator of the file."""
        return tuple(made.name for made in self._made_of(operator) if not _is_for(made, operator))

    def fate(self, operator: Operator) -> Fate:
        """Return what became of an operator of the file."""
        if operator.IS_ON_HOST:
            return Fate.HOST
        if self.own_stages(operator):
            return Fate.STAGE
        if self.fused_into(operator):
            return Fate.FUSED
        if operator.IS_ADDRESS:
            return Fate.ADDRESS
        return Fate.UNREAD

    def _made_of(self, operator: Operator) -> list[Operator]:
        return self._made.get(operator.name, [])

    @cached_property
    def _made(self) -> dict[str, list[Operator]]:
        """The operators with a stage, by the name of what they compute."""
        found: dict[str, list[Operator]] = {}
        for made in self.computed:
            if not made.IS_ADDRESS:
                for name in made.computes:
                    found.setdefault(name, []).append(made)
        return found


def _is_for(made: Operator, operator: Operator) -> bool:
    return made.computes[0] == operator.name


def lower_as_in_file(parts: HostParts, kernels: Kernels, tables: Tables = NO_TABLES) -> Lowered:
    """Rewrite the accelerator's part of a quantized file into stages with the file's constants.

    They compute as one runtime does; `tables` has its functions of one value. Raises `InputError`
    for what has no exact stage.
    """
    after = parts.device
    for rewrite in FILE_PASSES:
        after = rewrite(after)
    stages, computed = fuse_tables(staged_as_in_file(after, kernels, tables), after.operators)
    stages, computed = fuse_maxima(stages, computed)
    return Lowered(parts.device, replace(stages, origin=parts.device), computed)


def lower(graph: OperatorGraph) -> Lowered:
    """Rewrite operators into stages. Raises `InputError` for what has no stage."""
    after = graph
    for rewrite in PASSES:
        after = rewrite(after)
    return Lowered(graph, replace(staged(after), origin=graph), after.operators)

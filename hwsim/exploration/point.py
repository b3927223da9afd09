"""The points of a sweep: each is an accelerator, whose row is its cost or why it is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hwsim.arch.config import Config
from hwsim.errors import InputError
from hwsim.exploration.content import digest, model_digest
from hwsim.exploration.space import Settings
from hwsim.flows.configuration import configuration
from hwsim.flows.estimate import price
from hwsim.flows.network import Network, placed, program_graphs
from hwsim.flows.requirements import number_names
from hwsim.report.layers import layer_figures
from hwsim.report.totals import TotalFigures, total_figures

Row = dict[str, Any]  # the totals by name, or `REFUSED` alone

MEETS_LIMITS = "meets_limits"  # the column of a search that says if all its limits hold
REFUSED = "refused"  # the column that says why a point has no cost


@dataclass(frozen=True)
class Subject:
    """A network and the accelerator from which all points of a sweep differ by some keys."""

    network: Network
    config: Config

    def key(self, points: Sequence[Settings]) -> str:
        """Return the name of the rows of some points: the same content has the same name."""
        return digest(model_digest(), self.digest, points)

    @property
    def digest(self) -> str:
        """The digest of network and accelerator."""
        return digest(self.network, self.config)

    def rows(self, points: Sequence[Settings]) -> list[Row]:
        """Return the row of every point."""
        return [self._row(settings) for settings in points]

    def _row(self, settings: Settings) -> Row:
        try:
            config = configuration(self.config, settings=settings)
            graph, config = placed(self.network, config)
            estimate = price(program_graphs(self.network, graph), config)
        except InputError as error:
            return {REFUSED: " ".join(str(error).split())}
        macs, clock_hz = config.macs_per_cycle, config.clock.clock_hz
        layers = tuple(layer_figures(time, macs, clock_hz) for time in estimate.timeline.stages)
        totals = total_figures(estimate, layers)
        return {name: _figure(totals, name) for name in total_names()}


@cache
def total_names() -> tuple[str, ...]:
    """Return the names of all totals that are numbers, as `--json` has them."""
    return tuple(number_names(TotalFigures))


def _figure(totals: TotalFigures, name: str) -> Any:
    """Return a total; a dot leads into a record, which may be missing."""
    value: Any = totals
    for part in name.split("."):
        value = getattr(value, part, None)
    return value

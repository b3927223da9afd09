"""What an estimate and a run find."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from hwsim.cost.estimate import Estimate
from hwsim.report.comparison import VariantFigures
from hwsim.report.document import Document, RunFigures, TensorFigures, make_document
from hwsim.report.layers import LayerFigures
from hwsim.report.records import Records
from hwsim.report.result import Result
from hwsim.report.table import Facts, Table
from hwsim.report.totals import TotalFigures


@dataclass(frozen=True, repr=False)
class EstimateResult(Result):
    """What a network costs on an accelerator. Figures are worked out when they are asked for."""

    estimate: Estimate
    run: RunFigures | None = None

    @cached_property
    def document(self) -> Document:
        """Everything, as `--json` writes it."""
        return make_document(self.estimate, self.run)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as `--json` writes it."""
        return asdict(self.document)

    @property
    def totals(self) -> TotalFigures:
        """The whole frame."""
        return self.document.totals

    @property
    def layers(self) -> Records[LayerFigures]:
        """A row per layer, in the order of execution."""
        return Records(LayerFigures, self.document.layers)

    @property
    def variants(self) -> Records[VariantFigures]:
        """The network beside its baselines, in bytes; empty where nothing is condensed."""
        comparison = self.document.comparison
        return Records(VariantFigures, comparison.variants if comparison else ())

    @property
    def heading(self) -> str:
        """The network and the accelerator."""
        from hwsim.report.text import heading

        return heading(self.document)

    @property
    def tables(self) -> Sequence[Table | Facts]:
        """What the command prints below the heading."""
        from hwsim.report.tables import document_tables

        return document_tables(self.document)


@dataclass(frozen=True, repr=False)
class RunResult(EstimateResult):
    """What a network stored, executed bit-exactly on a photograph, and what that costs."""

    run: RunFigures

    @property
    def tensors(self) -> Records[TensorFigures]:
        """A row per stored tensor."""
        return Records(TensorFigures, self.run.tensors)

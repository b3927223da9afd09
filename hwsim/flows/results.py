"""The results of an estimate and of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from hwsim.cost.estimate import Estimate
from hwsim.report.comparison import VariantFigures
from hwsim.report.document import Document, RunFigures, TensorFigures, make_document
from hwsim.report.file_figures import FileFigures
from hwsim.report.layers import LayerFigures
from hwsim.report.records import Records
from hwsim.report.result import Result
from hwsim.report.table import Facts, Table
from hwsim.report.totals import TotalFigures


@dataclass(frozen=True, repr=False)
class EstimateResult(Result):
    """The cost of a network on an accelerator. Figures are computed when they are first read."""

    estimate: Estimate
    run: RunFigures | None = None
    file: FileFigures | None = None

    @cached_property
    def document(self) -> Document:
        """The document that `--json` writes."""
        return make_document(self.estimate, self.run, self.file)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as `--json` writes it."""
        return asdict(self.document)

    @property
    def totals(self) -> TotalFigures:
        """The figures of the whole frame."""
        return self.document.totals

    @property
    def layers(self) -> Records[LayerFigures]:
        """A row per layer, in the order of execution."""
        return Records(LayerFigures, self.document.layers)

    @property
    def variants(self) -> Records[VariantFigures]:
        """The bytes of the network and its baselines; empty for a network without condensing."""
        comparison = self.document.comparison
        return Records(VariantFigures, comparison.variants if comparison else ())

    @property
    def heading(self) -> str:
        """The names of the network and the accelerator, in one line."""
        from hwsim.report.text import heading

        return heading(self.document)

    @property
    def tables(self) -> Sequence[Table | Facts]:
        """The tables that the command prints below the heading."""
        from hwsim.report.tables import document_tables

        return document_tables(self.document)


@dataclass(frozen=True, repr=False)
class RunResult(EstimateResult):
    """The tensors that a network stored, bit-exactly, and the cost of the run."""

    run: RunFigures
    outputs: Mapping[str, NDArray[Any]] = field(kw_only=True, compare=False)
    """The network's outputs by name, int8 `x[C, H, W]`; `run.outputs` has scales and zero points.
    Those of a .tflite have the file's names, axes and types, and their scales and zero points are
    in `run.file_outputs`."""

    @property
    def tensors(self) -> Records[TensorFigures]:
        """A row per stored tensor."""
        return Records(TensorFigures, self.run.tensors)

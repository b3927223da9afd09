"""Show a network's operators, and the stages that they become."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from hwsim.flows.network import NetworkSource, load
from hwsim.graph import Graph, Stage, Tensor
from hwsim.graph.operators import Operator
from hwsim.passes.lower import Lowered, lower
from hwsim.report.layers import operators
from hwsim.report.records import Records
from hwsim.report.result import Result
from hwsim.report.structure import (
    SCHEMA_VERSION,
    InputFigures,
    OperatorFigures,
    SourceFigures,
    StageFigures,
    Structure,
)
from hwsim.report.structure_tables import structure_heading, structure_tables
from hwsim.report.table import Facts, Table


@dataclass(frozen=True, repr=False)
class ShowResult(Result):
    """A network as operators and as stages."""

    document: Structure

    @property
    def heading(self) -> str:
        """The name of the network, its size and its MACs, in one line."""
        return structure_heading(self.document)

    @property
    def tables(self) -> Sequence[Table | Facts]:
        """The tables that the command prints below the heading."""
        return structure_tables(self.document)

    @property
    def operators(self) -> Records[OperatorFigures]:
        """A row per operator of the file; empty for a network that has none."""
        return Records(OperatorFigures, self.document.operators)

    @property
    def layers(self) -> Records[StageFigures]:
        """A row per stage."""
        return Records(StageFigures, self.document.stages)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as `--json` writes it."""
        return asdict(self.document)


def show(network: NetworkSource) -> ShowResult:
    """Return the operators of a network's file, and what becomes of each on the accelerator.

    `network` is as for `estimate`. A built-in network has stages only. Raises `InputError` for what
    is no network.
    """
    graph = network if isinstance(network, Graph) else load(network)
    lowered = None if graph.origin is None else lower(graph.origin)
    named = () if lowered is None else lowered.operators.operators
    document = Structure(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="show",
        name=graph.name,
        inputs=tuple(map(_input, graph.inputs)),
        macs=graph.macs,
        outputs=tuple(tensor.name for tensor in graph.outputs),
        operators=tuple(_operator(each, lowered) for each in named if lowered is not None),
        stages=tuple(map(_stage, graph.stages)),
    )
    return ShowResult(document)


def _input(tensor: Tensor) -> InputFigures:
    shape = tensor.shape
    return InputFigures(tensor.name, shape.channels, shape.height, shape.width)


def _operator(operator: Operator, lowered: Lowered) -> OperatorFigures:
    (output,) = operator.outputs
    shape = lowered.operators.tensors[output].shape
    return OperatorFigures(
        name=operator.name,
        kind=operator.KIND,
        place=operator.place,
        inputs=operator.inputs,
        output=output,
        output_channels=shape.channels,
        output_height_pixels=shape.height,
        output_width_pixels=shape.width,
        macs=lowered.operators.macs(operator),
        fate=lowered.fate(operator).value,
        own_stages=lowered.own_stages(operator),
        fused_into=lowered.fused_into(operator),
    )


def _stage(stage: Stage) -> StageFigures:
    shape = stage.output.shape
    return StageFigures(
        name=stage.name,
        sources=tuple(
            SourceFigures(
                tensor=source.tensor.name,
                first_channel=source.first_channel,
                channels=source.channels,
                upsample=source.upsample,
                kernel_rows=source.kernel[0],
                kernel_columns=source.kernel[1],
                stride_rows=source.stride[0],
                stride_columns=source.stride[1],
                dilation_rows=source.dilation[0],
                dilation_columns=source.dilation[1],
                is_slice=source.is_slice,
            )
            for source in stage.sources
        ),
        filters=stage.filters,
        operators=operators(stage),
        output=stage.output.name,
        output_channels=shape.channels,
        output_height_pixels=shape.height,
        output_width_pixels=shape.width,
        macs=stage.macs,
    )

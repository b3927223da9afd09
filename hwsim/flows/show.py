"""Show a network's operators, and the stages that they become."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

from hwsim.errors import InputError, shown
from hwsim.flows.network import (
    NetworkSource,
    Size,
    check_fast_rescale,
    faster,
    is_onnx,
    is_tflite,
    load,
    load_onnx,
    load_operators,
    reading,
    tables_of,
    width_and_height,
)
from hwsim.flows.progress import Progress, check_progress, silent, single_step
from hwsim.graph import Graph, Rounding, Stage, Tensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Add, Operator, Subtract
from hwsim.graph.steps import FileNetwork
from hwsim.passes.exact_sum import PAIRS
from hwsim.passes.lower import Lowered, lower
from hwsim.passes.steps import in_turn, shared
from hwsim.report.file_figures import PROGRAM, file_figures, program_names
from hwsim.report.layers import operators
from hwsim.report.records import Records
from hwsim.report.result import Result
from hwsim.report.structure import (
    SCHEMA_VERSION,
    FateName,
    InputFigures,
    OperatorFigures,
    ProvedSum,
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


def show(
    network: NetworkSource,
    *,
    size: Size | None = None,
    k: int | None = None,
    kernels: str | None = None,
    fast_rescale: bool = False,
    progress: Progress = silent,
) -> ShowResult:
    """Return the operators of a network's file, and what becomes of each on the accelerator.

    `network`, `size` and `k` are as for `load`. A built-in network has stages only, and so has a
    `.tflite` operators only where some can neither have stages nor be left to the host; `refusals`
    names them. `kernels` is the runtime whose arithmetic a `.tflite` is taken with: "litert", the
    default, or "tflm"; `fast_rescale` is as for `load`. Raises `InputError` for what is no network.
    """
    check_progress(progress)
    if isinstance(network, Graph | FileNetwork):
        if kernels is not None:
            raise InputError(f"kernels {shown(kernels)}: only the path of a .tflite takes them")
        check_fast_rescale(fast_rescale, network)
        found = network
    elif is_tflite(network) and size is None and k is None:
        chosen = kernels or Kernels.LITERT
        check_fast_rescale(fast_rescale, network)
        with single_step(progress, reading(network)):
            operators = load_operators(network, chosen)
            return ShowResult(_quantized(operators, Kernels(chosen), fast_rescale))
    elif is_onnx(network) and k is None and kernels is None and not fast_rescale:
        width, height = (None, None) if size is None else width_and_height(size)
        operators = load_onnx(network, height, width, progress=progress)
        return ShowResult(_quantized(operators, Kernels.ONNXRUNTIME, fast_rescale=False))
    else:
        found = load(
            network, size=size, k=k, kernels=kernels, fast_rescale=fast_rescale, progress=progress
        )
    if isinstance(found, FileNetwork):
        return ShowResult(_quantized(found.operators, found.kernels, found.fast_rescale))
    return ShowResult(_staged(found))


def _staged(graph: Graph) -> Structure:
    lowered = None if graph.origin is None else lower(graph.origin)
    named = () if lowered is None else lowered.operators.operators
    return Structure(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="show",
        name=graph.name,
        inputs=tuple(map(_input, graph.inputs)),
        kernels=None,
        file=None,
        macs=graph.macs,
        outputs=tuple(tensor.name for tensor in graph.outputs),
        operators=tuple(
            _lowered(each, lowered.operators, lowered) for each in named if lowered is not None
        ),
        stages=tuple(_stage(stage, PROGRAM) for stage in graph.stages),
        proved_sums=(),
        refusals=(),
    )


def _input(tensor: Tensor) -> InputFigures:
    shape = tensor.shape
    return InputFigures(tensor.name, shape.channels, shape.height, shape.width)


def _quantized(graph: OperatorGraph, kernels: Kernels, fast_rescale: bool) -> Structure:
    """Return the operators of a `.tflite`, and the stages or the reasons why there are none."""
    network, lowered, by_host = None, None, set[str]()
    refusals: tuple[str, ...] = ()
    try:
        parts, lowered = shared(graph, kernels, tables_of(graph, kernels))
        network = FileNetwork(graph, kernels, in_turn(parts, lowered.graph))
        if fast_rescale:
            network = faster(network)
        by_host = {step.operator.name for step in network.host_steps}
    except InputError as error:
        refusals = error.reasons
    stages = [] if network is None or lowered is None else _exact(network, lowered)
    sums = {each.name for each in graph.operators if isinstance(each, Add | Subtract)}
    by_accelerator = (
        set() if lowered is None else {each.name for each in lowered.operators.operators}
    )
    return Structure(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="show",
        name=graph.name,
        inputs=tuple(map(_input, graph.inputs)),
        kernels=kernels.value,
        file=None if network is None else file_figures(network),
        macs=graph.total_macs,
        outputs=graph.outputs,
        operators=tuple(
            _in_file(each, graph, lowered, by_host, by_accelerator) for each in graph.operators
        ),
        stages=() if network is None else tuple(_stages_of_steps(network)),
        proved_sums=tuple(
            _proved_sum(stage) for stage in stages if stage.name in sums and len(stage.sources) > 1
        ),
        refusals=refusals,
    )


def _stages_of_steps(network: FileNetwork) -> Iterator[StageFigures]:
    names = program_names(len(network.device_steps))
    for name, step in zip(names, network.device_steps, strict=True):
        yield from (_stage(stage, name) for stage in step.graph.stages)


def _exact(network: FileNetwork, lowered: Lowered) -> list[Stage]:
    """Return the stages that compute as the file does: all but those of a fast rescale."""
    own = {stage.name: stage.constants for stage in lowered.graph.stages}
    return [stage for stage in network.graph.stages if stage.constants is own[stage.name]]


def _in_file(
    operator: Operator,
    graph: OperatorGraph,
    lowered: Lowered | None,
    by_host: set[str],
    by_accelerator: set[str],
) -> OperatorFigures:
    """Return an operator of a `.tflite` with what becomes of it."""
    if operator.name in by_host:
        return _operator(operator, graph, "host")
    if lowered is None:
        return _operator(operator, graph, "undecided")
    if operator.name not in by_accelerator:
        return _operator(operator, graph, "address")  # it leaves what it reads
    return _lowered(operator, graph, lowered)


def _proved_sum(stage: Stage) -> ProvedSum:
    assert stage.constants is not None
    first, second = (int(weights.flat[0]) for weights in stage.constants.weights)
    return ProvedSum(
        stage=stage.name,
        first_weight=first,
        second_weight=second,
        multiplier=int(stage.constants.multiplier[0]),
        shift=int(stage.constants.shift[0]),
        roundings=2 if stage.rounding is Rounding.TWICE else 1,
        pairs=PAIRS,
    )


def _lowered(operator: Operator, graph: OperatorGraph, lowered: Lowered) -> OperatorFigures:
    figures = _operator(operator, graph, lowered.fate(operator).value)
    own, fused = lowered.own_stages(operator), lowered.fused_into(operator)
    return replace(figures, own_stages=own, fused_into=fused)


def _operator(operator: Operator, graph: OperatorGraph, fate: FateName) -> OperatorFigures:
    output, *_ = operator.outputs
    shape, stored = graph.left(operator).shape, graph.in_file.get(output)
    quantization = stored.quantization if stored else None
    constants = getattr(operator, "constants", None)
    return OperatorFigures(
        name=operator.name,
        kind=operator.KIND,
        place=operator.place,
        inputs=operator.inputs,
        output=output,
        output_channels=shape.channels,
        output_height_pixels=shape.height,
        output_width_pixels=shape.width,
        output_in_file=stored.name if stored else None,
        output_type=stored.element.value if stored else None,
        output_scale=quantization.scale if quantization else None,
        output_zero_point=quantization.zero_point if quantization else None,
        weight_scales=len(constants.scales) if constants else 0,
        macs=graph.macs(operator),
        fate=fate,
        own_stages=(),
        fused_into=(),
    )


def _stage(stage: Stage, program: str) -> StageFigures:
    shape = stage.output.shape
    return StageFigures(
        name=stage.name,
        program=program,
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

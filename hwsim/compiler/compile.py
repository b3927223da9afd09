"""The steps of a compilation: a graph and a configuration become a plan, a plan a program."""

from collections.abc import Callable, Iterator, Sequence

from hwsim.arch.config import Config
from hwsim.compiler.allocate import aligned, feature_memory, weight_regions
from hwsim.compiler.count import page_loads, stage_descriptors
from hwsim.compiler.emit import emit_interleaved, emit_stage
from hwsim.compiler.images import with_shared_layouts
from hwsim.compiler.limits import check_build, check_least_size, check_size
from hwsim.compiler.pack import pack_weights
from hwsim.compiler.pages import in_pages
from hwsim.compiler.residency import Residency, fewest_bytes, nothing_stays
from hwsim.compiler.task import Task
from hwsim.compiler.tokens import Tokens
from hwsim.graph import Graph
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.isa.descriptor import Descriptor, End, Load
from hwsim.isa.fields import DESCRIPTOR_BYTES, PAGE_BYTES, Destination
from hwsim.isa.tokens import TOKEN_MASK
from hwsim.passes.gather_inputs import gather_inputs
from hwsim.program.network_plan import NetworkPlan
from hwsim.program.program import Plan, Program, Region, StageProgram, Traffic


def compile_graph(graph: Graph, config: Config) -> Program:
    """Compile a graph for one accelerator.

    A graph without constants compiles to the same descriptors, but the program has no weights.
    Raises `InputError` if a stage cannot run (no tile fits, a weight or an accumulator is too wide,
    the accelerator lacks the channel pool) or if the program is too large.
    """
    return write_program(plan_graph(graph, config))


def plan_graph(graph: Graph, config: Config, on_stage: Callable[[], None] = lambda: None) -> Plan:
    """Plan the one program of a graph as `plan_network` does."""
    return plan_network(ProgramGraphs.of(graph), config, on_stage).programs[0]


def plan_network(
    graphs: ProgramGraphs, config: Config, on_stage: Callable[[], None] = lambda: None
) -> NetworkPlan[Plan]:
    """Choose every stage's tiling and place everything in memory, but write no descriptor.

    This takes hardly longer for a large image than for a small one. `on_stage` is called when a
    stage's tiling has been chosen. Raises `InputError` if a stage cannot run or a program is too
    large: whatever can be refused without weights.
    """
    check_build(graphs.whole, config)
    check_least_size(_laid_out(with_shared_layouts(graphs, config), config), config)
    plan = _plan_of_any_size(graphs, config, on_stage)
    for program in plan.programs:
        check_size(program)
    return plan


def plan_of_any_size(graph: Graph, config: Config) -> Plan:
    """Plan a network that is only compared with, and so may be too large to run."""
    check_build(graph, config)
    return _plan_of_any_size(ProgramGraphs.of(graph), config, lambda: None).programs[0]


def _plan_of_any_size(
    graphs: ProgramGraphs, config: Config, on_stage: Callable[[], None]
) -> NetworkPlan[Plan]:
    graphs = with_shared_layouts(graphs, config)
    laid_out = _laid_out(graphs, config)
    keep = fewest_bytes if config.residency else nothing_stays
    chosen = [keep(graph, config, on_stage) for graph in laid_out.parts]
    residents = {name for each in chosen for name in each.places}
    # Features come first, then weights and descriptors: each part is a window, in whole pages.
    together = [
        (graphs.moments.index(first.name), graphs.moments.index(last.name))
        for graph, each in zip(laid_out.parts, chosen, strict=True)
        for first, last in (
            (graph.stages[one.first_stage], graph.stages[one.last_stage])
            for one in each.interleaved
        )
    ]
    features = feature_memory(laid_out, config, residents, together)
    end = features.peak_bytes
    parts: list[tuple[StageProgram, ...]] = []
    for graph, each in zip(laid_out.parts, chosen, strict=True):
        weights = weight_regions(graph, each.schedules, config, start=end)
        parts.append(_stage_programs(graph, config, each, weights))
        end = weights[-1].end
    programs: list[Plan] = []
    for graph, each, stages in zip(graphs.parts, chosen, parts, strict=True):
        # The first page is read whole, however short the program.
        code_bytes = max(stages[-1].last_descriptor * DESCRIPTOR_BYTES, PAGE_BYTES)
        code = Region("program", Traffic.PROGRAM, aligned(end), code_bytes)
        end = code.end
        tensors = {
            tensor.name: features.tensors[tensor.name]
            for tensor in graph.tensors
            if tensor.name not in each.places
        }
        sizes = features.peak_bytes, features.least_bytes
        stay = each.places, each.interleaved
        programs.append(Plan(graph, config, stages, code, tensors, *stay, *sizes))
    return NetworkPlan(
        graphs, tuple(programs), features.tensors, features.peak_bytes, features.least_bytes
    )


def _laid_out(graphs: ProgramGraphs, config: Config) -> ProgramGraphs:
    """Return the graphs that read the inputs as the host lays them into memory."""
    if not config.host.space_to_depth:
        return graphs
    return gather_inputs(graphs, config.array.input_lanes)


def write_program(plan: Plan, on_stage: Callable[[], None] = lambda: None) -> Program:
    """Write all descriptors of a plan, and the weights if its graph has constants.

    `on_stage` is called when a stage has been written. Raises `InputError` if a weight or an
    accumulator is too wide.
    """
    check_size(plan)
    tokens = Tokens()
    work: list[Descriptor] = []
    owners: list[int] = []
    for stages, order in _turns(plan):
        tasks = {stage: _task(plan, plan.stages[stage]) for stage in stages}
        if len(stages) == 1:
            written = emit_stage(tasks[stages[0]], tokens)
            own = [stages[0]] * len(written)
        else:
            written, own = emit_interleaved(tasks, order, tokens)
        for stage in stages:
            part = plan.stages[stage]
            expected = stage_descriptors(part.stage, part.schedule, plan.config)
            assert own.count(stage) == expected, f"{part.stage.name}: counted {expected}"
            on_stage()
        work += written
        owners += own
    work.append(End(tokens.stores & TOKEN_MASK))
    owners.append(len(plan.stages) - 1)
    descriptors = in_pages(work, plan.code.address, plan.config.word_bytes)
    assert len(descriptors) == plan.descriptor_count
    graph, config = plan.graph, plan.config
    return Program(
        graph,
        config,
        plan.stages,
        plan.code,
        plan.tensors,
        plan.residents,
        plan.interleaved,
        plan.peak_feature_bytes,
        plan.least_feature_bytes,
        descriptors=tuple(descriptors),
        owners=_with_pages(plan, descriptors, owners),
        weights=tuple(
            pack_weights(part.stage, config) if graph.is_quantized else b"" for part in plan.stages
        ),
    )


def _turns(plan: Plan) -> Iterator[tuple[range, tuple[tuple[int, int], ...]]]:
    """Yield the stages that are written together, and the order of their bands if it matters."""
    interleaved = {each.first_stage: each for each in plan.interleaved}
    first = 0
    while first < len(plan.stages):
        each = interleaved.get(first)
        last = first if each is None else each.last_stage
        yield range(first, last + 1), () if each is None else each.order
        first = last + 1


def _with_pages(
    plan: Plan, descriptors: Sequence[Descriptor], owners: Sequence[int]
) -> tuple[int, ...]:
    """Return the stage of each descriptor, those that load pages included.

    Such a one belongs to the stage of the descriptor behind it or, if that is interleaved, to the
    first stage that it is interleaved with.
    """
    first = list(range(len(plan.stages)))
    for each in plan.interleaved:
        first[each.first_stage : each.last_stage + 1] = [each.first_stage] * (
            each.last_stage + 1 - each.first_stage
        )
    found: list[int] = []
    position = 0
    for descriptor in descriptors:
        is_page = type(descriptor) is Load and descriptor.destination == Destination.PROGRAM
        found.append(first[owners[position]] if is_page else owners[position])
        position += not is_page
    return tuple(found)


def _task(plan: Plan, part: StageProgram) -> Task:
    stage = part.stage
    inputs = tuple(plan.tensors.get(source.tensor.name) for source in stage.sources)
    output = plan.residents.get(stage.output.name) or plan.region(stage.output)
    return Task(stage, part.schedule, plan.config, part.weights, inputs, output)


def _stage_programs(
    graph: Graph, config: Config, residency: Residency, weights: list[Region]
) -> tuple[StageProgram, ...]:
    """Return each stage's part of the program, by the number of descriptors that it will have.

    The load of a page belongs to the stage of the descriptor behind it, END to the last stage. All
    descriptors of interleaved stages count as those of the first one.
    """
    schedules = residency.schedules
    counts = [
        stage_descriptors(stage, schedule, config)
        for stage, schedule in zip(graph.stages, schedules, strict=True)
    ]
    counts[-1] += 1
    for each in residency.interleaved:
        stages = slice(each.first_stage, each.last_stage + 1)
        counts[stages] = [sum(counts[stages]), *(0 for _ in counts[stages][1:])]
    total = sum(counts)
    parts: list[StageProgram] = []
    work = first = 0
    for stage, schedule, region, count in zip(
        graph.stages, schedules, weights, counts, strict=True
    ):
        work += count
        last = work + page_loads(total, work)
        parts.append(StageProgram(stage, schedule, region, first, last))
        first = last
    return tuple(parts)

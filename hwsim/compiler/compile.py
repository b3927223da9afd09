"""Graph + Config -> Plan -> Program."""

from collections.abc import Callable

from hwsim.arch.config import Config
from hwsim.compiler.allocate import aligned, tensor_regions, weight_regions
from hwsim.compiler.count import layer_descriptors, page_loads
from hwsim.compiler.emit import emit_layer
from hwsim.compiler.pack import pack_weights
from hwsim.compiler.pages import in_pages
from hwsim.compiler.task import Task
from hwsim.compiler.tiling import schedule_layer
from hwsim.compiler.tokens import Tokens
from hwsim.errors import InputError
from hwsim.graph import Graph
from hwsim.isa.descriptor import FIELDS, Descriptor, End
from hwsim.isa.fields import DESCRIPTOR_BYTES, MEMORY_END, PAGE_BYTES, Opcode
from hwsim.isa.tokens import TOKEN_MASK
from hwsim.program.blocking import block_layer
from hwsim.program.program import LayerProgram, Plan, Program, Region, Traffic
from hwsim.program.schedule import Schedule

MOST_DESCRIPTORS = 1 << 22  # 256 MiB of program; some 2 GB as Python objects
MOST_INPUT_BLOCKS = next(field.high for field in FIELDS[Opcode.COMPUTE] if field.name == "blocks")


def compile_graph(graph: Graph, config: Config) -> Program:
    """Compile a graph for one accelerator.

    A graph without constants compiles to the same descriptors, with no weights to put in memory.
    Raises `InputError` where a layer cannot run: no tile fits, a weight or an accumulator is too
    wide, or the build lacks the channel pool.
    """
    return write_program(plan_graph(graph, config))


def plan_graph(graph: Graph, config: Config) -> Plan:
    """Choose every layer's tiling and place everything in memory, but write no descriptor.

    Takes no longer for a large image than for a small one. Raises `InputError` as `compile_graph`.
    """
    _check(graph, config)
    schedules = [schedule_layer(layer, config) for layer in graph.layers]
    # Features first, then what a run only reads: a window of memory each, in whole pages.
    tensors, peak_feature_bytes = tensor_regions(graph, config)
    features_end = max(region.end for region in tensors.values())
    weights = weight_regions(graph, schedules, config, start=features_end)
    layers = _layer_programs(graph, config, schedules, weights)
    # The first page is read whole, however short the program.
    code_bytes = max(layers[-1].last_descriptor * DESCRIPTOR_BYTES, PAGE_BYTES)
    code = Region("program", Traffic.PROGRAM, aligned(weights[-1].end), code_bytes)
    if code.end > MEMORY_END:
        raise InputError(
            f"{graph.name} needs {code.end} bytes of memory: addresses end at {MEMORY_END}"
        )
    return Plan(graph, config, layers, code, tensors, peak_feature_bytes)


def write_program(plan: Plan, on_layer: Callable[[], None] = lambda: None) -> Program:
    """Write all descriptors of a plan, and the weights if it has any.

    `on_layer` is called when a layer has been written. Raises `InputError` for a program of more
    than `MOST_DESCRIPTORS`.
    """
    if plan.descriptor_count > MOST_DESCRIPTORS:
        raise InputError(
            f"{plan.graph.name} needs {plan.descriptor_count} descriptors on config "
            f"'{plan.config.name}': at most {MOST_DESCRIPTORS} can be compiled"
        )
    tokens = Tokens()
    work: list[Descriptor] = []
    for part in plan.layers:
        first = len(work)
        work += emit_layer(_task(plan, part), tokens)
        expected = layer_descriptors(part.layer, part.schedule, plan.config)
        assert len(work) - first == expected, f"{part.layer.name}: counted {expected} descriptors"
        on_layer()
    work.append(End(tokens.stores & TOKEN_MASK))
    descriptors = in_pages(work, plan.code.address, plan.config.word_bytes)
    assert len(descriptors) == plan.descriptor_count
    graph, config = plan.graph, plan.config
    return Program(
        graph,
        config,
        plan.layers,
        plan.code,
        plan.tensors,
        plan.peak_feature_bytes,
        descriptors=tuple(descriptors),
        weights=tuple(
            pack_weights(layer, config) if graph.is_quantized else b"" for layer in graph.layers
        ),
    )


def _task(plan: Plan, part: LayerProgram) -> Task:
    layer = part.layer
    input_region, output_region = plan.region(layer.input), plan.region(layer.output)
    return Task(layer, part.schedule, plan.config, part.weights, input_region, output_region)


def _check(graph: Graph, config: Config) -> None:
    for layer in graph.layers:
        if layer.weight_bits != config.widths.weight_bits:
            raise InputError(
                f"layer {layer.name}: weights have {layer.weight_bits} bits, "
                f"config '{config.name}' is built for {config.widths.weight_bits}"
            )
        if layer.channel_pool > 1 and not config.channel_pool:
            raise InputError(
                f"layer {layer.name}: k = {layer.channel_pool} needs channel_pool = true, "
                f"config '{config.name}' is built without it"
            )
        if layer.channel_pool > config.array.output_lanes:
            raise InputError(
                f"layer {layer.name}: k = {layer.channel_pool} exceeds "
                f"array.output_lanes = {config.array.output_lanes}"
            )
        blocks = block_layer(layer, config).reduction_blocks
        if blocks > MOST_INPUT_BLOCKS:
            raise InputError(
                f"layer {layer.name}: {layer.input.shape.channels} channels are {blocks} input "
                f"blocks of {config.array.input_lanes}, a COMPUTE reduces over {MOST_INPUT_BLOCKS}"
            )


def _layer_programs(
    graph: Graph, config: Config, schedules: list[Schedule], weights: list[Region]
) -> tuple[LayerProgram, ...]:
    """Which descriptors each layer will have: the load of a page belongs to what stands behind it.

    END belongs to the last layer.
    """
    counts = [
        layer_descriptors(layer, schedule, config)
        for layer, schedule in zip(graph.layers, schedules, strict=True)
    ]
    counts[-1] += 1
    total = sum(counts)
    parts: list[LayerProgram] = []
    work = first = 0
    for layer, schedule, region, count in zip(
        graph.layers, schedules, weights, counts, strict=True
    ):
        work += count
        last = work + page_loads(total, work)
        parts.append(LayerProgram(layer, schedule, region, first, last))
        first = last
    return tuple(parts)

"""Graph + Config -> Program."""

from collections.abc import Iterable
from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.compiler.allocate import allocate_chain
from hwsim.compiler.emit import LayerEmitter, Place, Tokens, met
from hwsim.compiler.pack import pack_weights, tensor_bytes
from hwsim.compiler.tiling import schedule_layer
from hwsim.errors import InputError
from hwsim.graph import Graph
from hwsim.isa.descriptor import FIELDS, Compute, Descriptor, End, Load, Store
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    MEMORY_END,
    PAGE_BYTES,
    PAGE_DESCRIPTORS,
    Destination,
    Opcode,
)
from hwsim.isa.tokens import TOKEN_MASK
from hwsim.program.blocking import block_layer, is_packed
from hwsim.program.program import WINDOW_BYTES, LayerProgram, Program, Region, Traffic
from hwsim.program.schedule import Schedule

REGION_ALIGNMENT = WINDOW_BYTES  # which no AXI burst crosses either
MOST_INPUT_BLOCKS = next(field.high for field in FIELDS[Opcode.COMPUTE] if field.name == "blocks")


def compile_graph(graph: Graph, config: Config) -> Program:
    """Compile a graph for one accelerator.

    A graph without constants compiles to the same descriptors, with no weights to put in memory.
    Raises `InputError` where a layer cannot run: no tile fits, a weight or an accumulator is too
    wide, or the build lacks the channel pool.
    """
    _check(graph, config)
    schedules = [schedule_layer(layer, config) for layer in graph.layers]
    weight_sizes = [
        schedule.blocking.output_blocks * schedule.blocking.weight_words * config.word_bytes
        for schedule in schedules
    ]
    # Features first, then what a run only reads: a window of memory each, in whole pages.
    tensors, peak_feature_bytes = _tensor_regions(graph, config, base=0)
    features_end = max(region.end for region in tensors.values())
    weights = _regions(weight_sizes, graph, start=_aligned(features_end))
    code_start = _aligned(weights[-1].end)
    descriptors, owners = _descriptors(graph, config, schedules, weights, tensors, code_start)
    # The first page is read whole, however short the program.
    code_bytes = max(len(descriptors) * DESCRIPTOR_BYTES, PAGE_BYTES)
    code = Region("program", Traffic.PROGRAM, code_start, code_bytes)
    if code.end > MEMORY_END:
        raise InputError(
            f"{graph.name} needs {code.end} bytes of memory: addresses end at {MEMORY_END}"
        )
    return Program(
        graph=graph,
        config=config,
        layers=_layer_programs(graph, schedules, weights, owners),
        descriptors=tuple(descriptors),
        code=code,
        tensors=tensors,
        peak_feature_bytes=peak_feature_bytes,
        weights=tuple(pack_weights(layer, config) for layer in graph.layers)
        if graph.is_quantized
        else tuple(b"" for _ in graph.layers),
    )


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


def _aligned(address: int) -> int:
    return -(-address // REGION_ALIGNMENT) * REGION_ALIGNMENT


def _regions(sizes: Iterable[int], graph: Graph, start: int) -> list[Region]:
    regions: list[Region] = []
    for layer, size in zip(graph.layers, sizes, strict=True):
        regions.append(Region(f"{layer.name} weights", Traffic.WEIGHTS, start, size))
        start = _aligned(start + size)
    return regions


def _tensor_regions(graph: Graph, config: Config, base: int) -> tuple[dict[str, Region], int]:
    """Where the stored tensors lie from `base` on, and how many bytes they take together."""
    first = graph.layers[0]
    names = [first.input.name, *(layer.output.name for layer in graph.layers)]
    sizes = [tensor_bytes(first.input.shape, is_packed(first), config)]
    sizes += [tensor_bytes(layer.output.shape, False, config) for layer in graph.layers]
    offsets, peak_bytes = allocate_chain(sizes)
    regions = {
        name: Region(name, Traffic.FEATURES_READ, base + offset, size)
        for name, offset, size in zip(names, offsets, sizes, strict=True)
    }
    return regions, peak_bytes


@dataclass(frozen=True)
class _Owned:
    descriptor: Descriptor
    layer: int


def _descriptors(
    graph: Graph,
    config: Config,
    schedules: list[Schedule],
    weights: list[Region],
    tensors: dict[str, Region],
    code_start: int,
) -> tuple[list[Descriptor], list[int]]:
    """All descriptors in pages, and the index of the layer that each belongs to."""
    tokens = Tokens()
    owned: list[_Owned] = []
    for index, (layer, schedule) in enumerate(zip(graph.layers, schedules, strict=True)):
        place = Place(weights[index], tensors[layer.input.name], tensors[layer.output.name])
        emitter = LayerEmitter(layer, schedule, config, place, tokens)
        owned += [_Owned(descriptor, index) for descriptor in emitter.emit()]
    owned.append(_Owned(End(tokens.stores & TOKEN_MASK), len(schedules) - 1))
    owned = _in_pages(owned, config, code_start)
    return [item.descriptor for item in owned], [item.layer for item in owned]


def _in_pages(owned: list[_Owned], config: Config, code_start: int) -> list[_Owned]:
    """Put the load of the next page at the head of every page but the last."""
    paged: list[_Owned] = []
    computes = stores = 0
    position = 0
    while (left := len(owned) - position) > PAGE_DESCRIPTORS:
        page = owned[position : position + PAGE_DESCRIPTORS - 1]
        following = min(left - len(page), PAGE_DESCRIPTORS)
        paged.append(
            _Owned(
                Load.single_run(
                    Destination.PROGRAM,
                    code_start + (len(paged) // PAGE_DESCRIPTORS + 1) * PAGE_BYTES,
                    following * DESCRIPTOR_BYTES // config.word_bytes,
                    wait_computes=met(computes) & TOKEN_MASK,
                    wait_stores=met(stores) & TOKEN_MASK,
                ),
                page[0].layer,
            )
        )
        paged += page
        computes += sum(isinstance(item.descriptor, Compute) for item in page)
        stores += sum(isinstance(item.descriptor, Store) for item in page)
        position += len(page)
    return paged + owned[position:]


def _layer_programs(
    graph: Graph, schedules: list[Schedule], weights: list[Region], owners: list[int]
) -> tuple[LayerProgram, ...]:
    parts: list[LayerProgram] = []
    first = 0
    for index, (layer, schedule) in enumerate(zip(graph.layers, schedules, strict=True)):
        last = first + owners.count(index)
        parts.append(LayerProgram(layer, schedule, weights[index], first, last))
        first = last
    return tuple(parts)

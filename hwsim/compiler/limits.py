"""The limits of an accelerator and of the program format, checked before a program is written."""

from collections.abc import Iterator
from dataclasses import astuple

from hwsim.arch.config import Config
from hwsim.errors import InputError
from hwsim.graph import Graph, Stage, Tensor
from hwsim.isa.descriptor import FIELDS
from hwsim.isa.fields import MEMORY_END, Opcode
from hwsim.program.blocking import Blocking
from hwsim.program.program import Plan

MOST_DESCRIPTORS = 1 << 22  # 256 MiB of program; 1.4 GB as Python objects


def check_build(graph: Graph, config: Config) -> None:
    """Raise `InputError` for the first stage that the accelerator was not built for."""
    _check_chain(graph)
    for stage in graph.stages:
        if stage.weight_bits != config.widths.weight_bits:
            raise InputError(
                f"layer {stage.name}: weights have {stage.weight_bits} bits, "
                f"config '{config.name}' is built for {config.widths.weight_bits}"
            )
        if stage.channel_pool > 1 and not config.channel_pool:
            raise InputError(
                f"layer {stage.name}: k = {stage.channel_pool} needs channel_pool = true, "
                f"config '{config.name}' is built without it"
            )
        if stage.channel_pool > config.array.output_lanes:
            raise InputError(
                f"layer {stage.name}: k = {stage.channel_pool} exceeds "
                f"array.output_lanes = {config.array.output_lanes}"
            )


def _check_chain(graph: Graph) -> None:
    """Raise `InputError` for what a graph may hold, but no program can be written for yet."""
    for name, count in (("inputs", len(graph.inputs)), ("outputs", len(graph.outputs))):
        if count > 1:
            raise InputError(f"graph {graph.name}: {count} {name}: only one can be compiled")
    before = graph.inputs[0]
    for stage in graph.stages:
        broken = next(_not_compiled(stage, before), None)
        if broken is not None:
            raise InputError(f"layer {stage.name}: {broken} cannot be compiled")
        before = stage.output


def _not_compiled(stage: Stage, before: Tensor) -> Iterator[str]:
    if len(stage.sources) > 1:
        yield f"{len(stage.sources)} sources, more than one,"
    source = stage.sources[0]
    if source.tensor != before:
        yield f"reading '{source.tensor.name}' instead of '{before.name}', which is just stored,"
    if source.is_slice:
        yield f"a slice of {source.channels} of {source.tensor.shape.channels} channels"
    if source.stride != (1, 1):
        yield f"stride {source.stride}"
    if source.dilation != (1, 1):
        yield f"dilation {source.dilation}"
    if source.upsample != 1:
        yield f"upsample = {source.upsample}"
    if not source.padding.is_even:
        yield f"unequal padding {astuple(source.padding)}"
    if source.groups > 1:
        if not (source.is_depthwise and stage.filters == source.channels):
            yield (
                f"groups = {source.groups} of {source.channels} channels and {stage.filters} "
                "filters, neither dense nor one filter for each channel,"
            )
        if stage.channel_pool > 1 and not stage.is_reduction:
            yield f"channel_pool = {stage.channel_pool} behind a depthwise convolution"


def check_fields(stage: Stage, blocking: Blocking, config: Config) -> None:
    """Raise `InputError` if a stage has too many channels for the fields of its descriptors.

    The limits of buffers and addresses already keep the other fields in their ranges.
    """
    blocks, most_blocks = blocking.reduction_blocks, _largest(Opcode.COMPUTE, "blocks")
    if blocks > most_blocks:
        raise InputError(
            f"layer {stage.name}: {stage.sources[0].channels} channels are {blocks} input "
            f"blocks of {config.array.input_lanes}, a COMPUTE reduces over {most_blocks}"
        )
    bundle_blocks = min(blocking.bundle_blocks, blocking.output_blocks)
    words, most_words = bundle_blocks * blocking.weight_words, _largest(Opcode.LOAD, "row_words")
    if words > most_words:
        raise InputError(
            f"layer {stage.name}: the weights of {bundle_blocks} output blocks are {words} words, "
            f"a LOAD reads {most_words}"
        )


def check_size(plan: Plan) -> None:
    """Raise `InputError` for a program too large for 32-bit addresses or for Python's memory."""
    name = plan.graph.name
    if plan.code.end > MEMORY_END:
        raise InputError(
            f"{name} needs {plan.code.end} bytes of memory: addresses end at {MEMORY_END}"
        )
    if plan.descriptor_count > MOST_DESCRIPTORS:
        raise InputError(
            f"{name} needs {plan.descriptor_count} descriptors on config '{plan.config.name}': "
            f"at most {MOST_DESCRIPTORS} can be compiled"
        )


def _largest(opcode: Opcode, name: str) -> int:
    return next(field.high for field in FIELDS[opcode] if field.name == name)

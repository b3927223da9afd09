"""The limits of an accelerator and of the program format, checked before a program is written."""

from hwsim.arch.config import Config
from hwsim.compiler.allocate import least_feature_bytes
from hwsim.compiler.count import least_computes
from hwsim.errors import InputError
from hwsim.graph import Graph, Stage
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.isa.descriptor import FIELDS
from hwsim.isa.fields import MEMORY_END, Opcode
from hwsim.program.blocking import Blocking
from hwsim.program.program import Plan

MOST_DESCRIPTORS = 1 << 22  # 256 MiB of program; 1.4 GB as Python objects


def check_build(graph: Graph, config: Config) -> None:
    """Raise `InputError` for the first stage that the accelerator was not built for."""
    for stage in graph.stages:
        if stage.weight_bits != config.widths.weight_bits:
            raise InputError(
                f"layer {stage.name}: weights have {stage.weight_bits} bits, "
                f"config '{config.name}' is built for {config.widths.weight_bits}: "
                "see --weight-bits"
            )
        if stage.channel_pool > 1 and not config.channel_pool:
            raise InputError(
                f"layer {stage.name}: k = {stage.channel_pool} needs channel_pool = true, "
                f"config '{config.name}' is built without it"
            )
        if stage.table is not None and not config.tables:
            raise InputError(
                f"layer {stage.name}: its table needs tables = true, "
                f"config '{config.name}' is built without them"
            )
        if stage.channel_pool > config.array.output_lanes:
            raise InputError(
                f"layer {stage.name}: k = {stage.channel_pool} exceeds "
                f"array.output_lanes = {config.array.output_lanes}"
            )


def check_fields(stage: Stage, blocking: Blocking, config: Config) -> None:
    """Raise `InputError` if a stage has too many channels for the fields of its descriptors.

    The limits of buffers and addresses already keep the other fields in their ranges.
    """
    most_blocks = _largest(Opcode.COMPUTE, "blocks")
    for source, own in zip(stage.sources, blocking.sources, strict=True):
        if own.reduction_blocks > most_blocks:
            raise InputError(
                f"layer {stage.name}: {source.channels} channels are {own.reduction_blocks} input "
                f"blocks of {config.array.input_lanes}, a COMPUTE reduces over {most_blocks}"
            )
    bundle_blocks = min(blocking.bundle_blocks, blocking.output_blocks)
    words, most_words = bundle_blocks * blocking.weight_words, _largest(Opcode.LOAD, "row_words")
    if words > most_words:
        raise InputError(
            f"layer {stage.name}: the weights of {bundle_blocks} output blocks are {words} words, "
            f"a LOAD reads {most_words}"
        )


def check_least_size(graphs: ProgramGraphs, config: Config) -> None:
    """Raise `InputError` for a network too large however it is scheduled, before that is done.

    The search for the schedules of maps that no memory holds would take minutes.
    """
    graph, least_bytes = graphs.whole, least_feature_bytes(graphs, config)
    if least_bytes > MEMORY_END:
        raise InputError(
            f"{graph.name} needs at least {least_bytes} bytes of memory: addresses end at "
            f"{MEMORY_END}"
        )
    least = sum(least_computes(stage, config) for stage in graph.stages)
    if least > MOST_DESCRIPTORS:
        raise InputError(
            f"{graph.name} needs at least {least} descriptors on config '{config.name}': "
            f"at most {MOST_DESCRIPTORS} can be compiled"
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

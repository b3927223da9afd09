"""The document memory.json: everything that a host must know about a compiled program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from hwsim.compiler.host_constants import ConstantName, ConstantType, HostConstant, host_image
from hwsim.compiler.image import extent
from hwsim.isa.identity import fingerprint, reset_value
from hwsim.isa.registers import register
from hwsim.program.network_plan import NetworkPlan
from hwsim.program.program import Plan, Region
from hwsim.program.traffic import COUNTERS, add_traffic
from hwsim.report.c_defines import defines
from hwsim.report.c_host_steps import constant_defines, host_defines
from hwsim.report.file_figures import FileFigures, program_names
from hwsim.report.image_figures import ImageFigures
from hwsim.report.input_array import InputArray
from hwsim.report.placed_tensor import PlacedTensor, placed_tensor
from hwsim.timeline import Timeline

SCHEMA_VERSION = "3.5"  # major when fields change, minor when they are added


@dataclass(frozen=True)
class CompiledNetwork:
    """A network, the size of its first input, and its weights."""

    name: str
    """Name of the network."""
    input_height_pixels: int
    """Height of the first input."""
    input_width_pixels: int
    """Width of the first input."""
    k: int
    """The most filters that are condensed into one stored channel."""
    weight_bits: int
    """Width of a weight."""
    weights: str
    """`seeded`, the name of a darknet file, or `graph` for a network that had constants."""


@dataclass(frozen=True)
class PlacedImage:
    """The photograph that memory.bin holds as the input."""

    name: str
    """Its file's name, without the folder."""
    sha256: str
    """Hash of the input's bytes in memory."""
    taken_as: str
    """The way in which it became the input, in words."""


@dataclass(frozen=True)
class RegisterWrite:
    """A value that the host writes to a register before START."""

    name: str
    """The register."""
    offset: int
    """Offset of the register from the base of the AXI4-Lite port."""
    value: int
    """The value to write."""


@dataclass(frozen=True)
class PlacedProgram:
    """The descriptors of a program, which the host starts in its step."""

    name: str
    """Name of its step in `file`; `program` for a network of one program."""
    address: int
    """Address of its first descriptor, which PROGRAM_ADDRESS must hold at START."""
    size_bytes: int
    """Its size."""
    predicted_counters: dict[str, int]
    """The value of each counter after its run."""


@dataclass(frozen=True)
class PlacedRegion:
    """One layer's weights."""

    name: str
    """Name of the layer."""
    address: int
    """Address of its first byte."""
    size_bytes: int
    """Its size."""


@dataclass(frozen=True)
class PlacedConstant:
    """An array of an operator of the host, dense, with channels innermost."""

    step: int
    """Number of the operator's step in `file`, from 0 on."""
    name: ConstantName
    """Role of the array in its operator."""
    type: ConstantType
    """The type of its elements, which are little-endian."""
    shape: tuple[int, ...]
    """Filters, rows, columns, channels; rows, columns, channels; filters; or anchors and 4."""
    address: int
    """Address of its first byte."""
    size_bytes: int
    """Its size."""
    scale: float | None
    """The real value of a step of an operand or of slopes; else null."""
    zero_point: int | None
    """The element that stands for 0; null for bias and scales."""


@dataclass(frozen=True)
class BinaryFile:
    """One of the files beside the document."""

    path: str
    """Its name in the folder."""
    size_bytes: int
    """Its size."""


@dataclass(frozen=True)
class MemoryMap:
    """The document. Addresses are absolute; names of numbers end in their unit."""

    schema_version: str
    """Version of this document's shape: major.minor."""
    hwsim_version: str
    """Version of the program that wrote it."""
    command: Literal["compile"]
    """The subcommand."""
    network: CompiledNetwork
    """The network that was compiled."""
    file: FileFigures | None
    """The part of a .tflite beside the accelerator's; null for other networks."""
    config: dict[str, Any]
    """The accelerator, key by key as in its TOML."""
    image: PlacedImage | None
    """The photograph that memory.bin holds as the input; null without one."""
    contracts: tuple[ImageFigures, ...]
    """The contracts by which photographs become inputs, where they are known."""
    arrays: tuple[InputArray, ...]
    """The arrays that memory.bin holds as the inputs; empty without."""
    base_address: int
    """Address at which memory.bin begins."""
    memory_bytes: int
    """Bytes of memory that network and host need; no run accesses anything outside them."""
    expected_build: int
    """The value that register BUILD must read."""
    expected_fingerprint: int
    """The value that register FINGERPRINT must read."""
    registers: tuple[RegisterWrite, ...]
    """The values that the host writes before START, in this order; the first program's."""
    predicted_counters: dict[str, int]
    """The value of each counter after the run; of several programs, the sums."""
    inputs: tuple[str, ...]
    """Names of the tensors that the host writes, in the network's order: before START, or in a
    step between two programs."""
    outputs: tuple[str, ...]
    """Names of the tensors that the host reads, in the network's order: after the run, or in a step
    between two programs."""
    tensors: tuple[PlacedTensor, ...]
    """The inputs and every layer's output."""
    programs: tuple[PlacedProgram, ...]
    """The programs in the order of execution: one, but for a .tflite with host steps between."""
    weights: tuple[PlacedRegion, ...]
    """Place of each layer's weights with their parameters."""
    host_constants: tuple[PlacedConstant, ...]
    """Weights and other constants of the host's operators."""
    defines: dict[str, str]
    """Names and values of the `#define`s in memory.h."""
    files: tuple[BinaryFile, ...]
    """The binary files."""

    @property
    def placed_inputs(self) -> tuple[PlacedTensor, ...]:
        return self._placed(self.inputs)

    @property
    def placed_outputs(self) -> tuple[PlacedTensor, ...]:
        return self._placed(self.outputs)

    def _placed(self, names: tuple[str, ...]) -> tuple[PlacedTensor, ...]:
        by_name = {tensor.name: tensor for tensor in self.tensors}
        return tuple(by_name[name] for name in names)


def make_memory_map(
    plan: NetworkPlan[Plan],
    timelines: Sequence[Timeline],
    network: CompiledNetwork,
    file: FileFigures | None,
    image: PlacedImage | None,
    arrays: tuple[InputArray, ...],
    sha256: Mapping[str, str],
    files: Mapping[str, int],
    constants: tuple[HostConstant, ...] = (),
    contracts: tuple[ImageFigures, ...] = (),
) -> MemoryMap:
    """Describe a network's programs at their place in memory.

    `timelines` may be those of the programs before they were moved. `sha256` maps names of tensors
    to hashes, and `files` maps names of files to their sizes. `constants` are those of the
    host, which lie behind the plan's pages.
    """
    graph, config = plan.graph, plan.config
    whole = extent(plan)
    memory_bytes = whole.limit + 1 - whole.base + len(host_image(constants))
    tensors = {
        tensor.name: placed_tensor(plan, tensor, sha256.get(tensor.name))
        for tensor in graph.tensors
        if tensor.name in plan.tensors
    }
    ends = {
        "INPUT": tuple(tensors[tensor.name] for tensor in graph.inputs),
        "OUTPUT": tuple(tensors[tensor.name] for tensor in graph.outputs),
    }
    registers = _registers(plan)
    programs = tuple(
        PlacedProgram(name, program.code.address, program.code.size_bytes, _counters(timeline))
        for name, program, timeline in zip(
            program_names(len(timelines)), plan.programs, timelines, strict=True
        )
    )
    counters = {
        name: sum(program.predicted_counters[name] for program in programs)
        for name in programs[0].predicted_counters
    }
    expected = {"BUILD": reset_value(register("BUILD"), config), "FINGERPRINT": fingerprint(config)}
    written = {write.name: write.value for write in registers}
    return MemoryMap(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="compile",
        network=network,
        file=file,
        config=config.model_dump(),
        image=image,
        contracts=contracts,
        arrays=arrays,
        base_address=whole.base,
        memory_bytes=memory_bytes,
        expected_build=expected["BUILD"],
        expected_fingerprint=expected["FINGERPRINT"],
        registers=registers,
        predicted_counters=counters,
        inputs=tuple(tensor.name for tensor in graph.inputs),
        outputs=tuple(tensor.name for tensor in graph.outputs),
        tensors=tuple(tensors.values()),
        programs=programs,
        weights=tuple(
            _region(part.weights) for program in plan.programs for part in program.stages
        ),
        host_constants=tuple(map(_constant, constants)),
        defines=defines(whole.base, memory_bytes, expected | written, counters, ends)
        | (host_defines(file) if file else {})
        | constant_defines(constants),
        files=tuple(BinaryFile(path, size) for path, size in files.items()),
    )


def _region(region: Region) -> PlacedRegion:
    return PlacedRegion(region.name, region.address, region.size_bytes)


def _constant(constant: HostConstant) -> PlacedConstant:
    return PlacedConstant(
        step=constant.step,
        name=constant.name,
        type=constant.type,
        shape=constant.values.shape,
        address=constant.address,
        size_bytes=constant.values.nbytes,
        scale=constant.scale,
        zero_point=constant.zero_point,
    )


def _registers(plan: NetworkPlan[Plan]) -> tuple[RegisterWrite, ...]:
    """Return the register writes in the order of the C driver; missing bits read as 0."""
    values = {
        "CONSTANTS_BASE": plan.constants.base,
        "CONSTANTS_LIMIT": plan.constants.limit,
        "FEATURES_BASE": plan.features.base,
        "FEATURES_LIMIT": plan.features.limit,
        "PROGRAM_ADDRESS": plan.programs[0].code.address,
    }
    return tuple(RegisterWrite(name, register(name).offset, x) for name, x in values.items())


def _counters(timeline: Timeline) -> dict[str, int]:
    """Return the values of the counters after the run, by their registers' names."""
    counts = add_traffic([layer.traffic for layer in timeline.stages]).bytes
    return {
        "CYCLES": timeline.cycles,
        "ARRAY_CYCLES": sum(layer.busy_cycles for layer in timeline.stages),
    } | {name: counts.of(kind) for kind, name in COUNTERS.items()}

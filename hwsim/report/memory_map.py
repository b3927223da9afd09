"""The document memory.json: everything that a host must know about a compiled program."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from hwsim.compiler.image import extent
from hwsim.compiler.pack import image_row_bytes
from hwsim.graph import Tensor
from hwsim.isa.identity import fingerprint, reset_value
from hwsim.isa.registers import register
from hwsim.program.blocking import IMAGE_PIXEL_BYTES, lies_packed
from hwsim.program.program import Plan, Region
from hwsim.program.traffic import COUNTERS, add_traffic
from hwsim.timeline import Timeline

SCHEMA_VERSION = "1.1"  # the second number grows when fields are added
AXES = ("CHANNELS", "HEIGHT", "WIDTH")


@dataclass(frozen=True)
class CompiledNetwork:
    """A network, the size of its image, and its weights."""

    name: str
    """Name of the network."""
    input_height_pixels: int
    """Height of the image."""
    input_width_pixels: int
    """Width of the image."""
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
class PlacedRegion:
    """The program, or one layer's weights."""

    name: str
    """Name of the program or of the layer."""
    address: int
    """Address of its first byte."""
    size_bytes: int
    """Its size."""


@dataclass(frozen=True)
class PlacedTensor:
    """One stored tensor. Element (c, y, x) is the signed byte at

    address + (c // pixel_bytes) * block_bytes + y * row_bytes + x * pixel_bytes + c % pixel_bytes
    """

    name: str
    """Name of the tensor in the network."""
    address: int
    """Address of its first byte."""
    size_bytes: int
    """Its size, padding included."""
    shape: tuple[int, int, int]
    """Its channels, height and width."""
    layout: Literal["image", "blocks"]
    """Memory format, from "Memory formats" in docs/architecture.md."""
    pixel_bytes: int
    """Bytes from one pixel to the next."""
    row_bytes: int
    """Bytes from one row to the next."""
    block_bytes: int
    """Bytes from one block of channels to the next."""
    scale: float | None
    """Scale of the real value that an element stands for: scale x (element - zero_point)."""
    zero_point: int
    """The element that stands for 0."""
    sha256: str | None
    """Hash of its bytes in memory after the run; null if nothing was executed."""


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
    config: dict[str, Any]
    """The accelerator, key by key as in its TOML."""
    image: PlacedImage | None
    """The photograph that memory.bin holds as the input; null without one."""
    base_address: int
    """Address at which memory.bin begins."""
    memory_bytes: int
    """Bytes of memory that the program needs; the run accesses nothing outside them."""
    expected_build: int
    """The value that register BUILD must read."""
    expected_fingerprint: int
    """The value that register FINGERPRINT must read."""
    registers: tuple[RegisterWrite, ...]
    """The values that the host writes before START, in this order."""
    predicted_counters: dict[str, int]
    """The value of each counter after the run."""
    input: str
    """Name of the tensor that the run reads first."""
    output: str
    """Name of the tensor that the run writes last."""
    tensors: tuple[PlacedTensor, ...]
    """The input and every layer's output."""
    program: PlacedRegion
    """Place of the descriptors."""
    weights: tuple[PlacedRegion, ...]
    """Place of each layer's weights with their parameters."""
    defines: dict[str, str]
    """Names and values of the `#define`s in memory.h."""
    files: tuple[BinaryFile, ...]
    """The binary files."""

    def tensor(self, name: str) -> PlacedTensor:
        return next(tensor for tensor in self.tensors if tensor.name == name)


def make_memory_map(
    plan: Plan,
    timeline: Timeline,
    network: CompiledNetwork,
    image: PlacedImage | None,
    sha256: Mapping[str, str],
    files: Mapping[str, int],
) -> MemoryMap:
    """Describe a program at its place in memory.

    `timeline` may be that of the program before it was moved. `sha256` maps names of tensors to
    hashes, and `files` maps names of files to their sizes.
    """
    graph, config = plan.graph, plan.config
    whole = extent(plan)
    memory_bytes = whole.limit + 1 - whole.base
    named = {tensor.name: tensor for tensor in graph.tensors}
    tensors = tuple(_placed(plan, tensor, sha256.get(name)) for name, tensor in named.items())
    by_name = {tensor.name: tensor for tensor in tensors}
    registers = _registers(plan)
    counters = _counters(timeline)
    expected = {"BUILD": reset_value(register("BUILD"), config), "FINGERPRINT": fingerprint(config)}
    written = {write.name: write.value for write in registers}
    ends = {"INPUT": by_name[graph.inputs[0].name], "OUTPUT": by_name[graph.outputs[0].name]}
    return MemoryMap(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="compile",
        network=network,
        config=config.model_dump(),
        image=image,
        base_address=whole.base,
        memory_bytes=memory_bytes,
        expected_build=expected["BUILD"],
        expected_fingerprint=expected["FINGERPRINT"],
        registers=registers,
        predicted_counters=counters,
        input=graph.inputs[0].name,
        output=graph.outputs[0].name,
        tensors=tensors,
        program=_region(plan.code),
        weights=tuple(_region(part.weights) for part in plan.stages),
        defines=_defines(whole.base, memory_bytes, expected | written, counters, ends),
        files=tuple(BinaryFile(path, size) for path, size in files.items()),
    )


def _region(region: Region) -> PlacedRegion:
    return PlacedRegion(region.name, region.address, region.size_bytes)


def _placed(plan: Plan, tensor: Tensor, sha256: str | None) -> PlacedTensor:
    region, config, shape = plan.region(tensor), plan.config, tensor.shape
    packed = lies_packed(plan.graph, tensor)
    pixel_bytes = IMAGE_PIXEL_BYTES if packed else config.word_bytes
    row_bytes = image_row_bytes(shape.width, config) if packed else shape.width * pixel_bytes
    quantization = tensor.quantization
    return PlacedTensor(
        name=tensor.name,
        address=region.address,
        size_bytes=region.size_bytes,
        shape=(shape.channels, shape.height, shape.width),
        layout="image" if packed else "blocks",
        pixel_bytes=pixel_bytes,
        row_bytes=row_bytes,
        block_bytes=shape.height * row_bytes,
        scale=quantization.scale if quantization else None,
        zero_point=tensor.zero_point,
        sha256=sha256,
    )


def _registers(plan: Plan) -> tuple[RegisterWrite, ...]:
    """Return the register writes in the order of the C driver; missing bits read as 0."""
    values = {
        "CONSTANTS_BASE": plan.constants.base,
        "CONSTANTS_LIMIT": plan.constants.limit,
        "FEATURES_BASE": plan.features.base,
        "FEATURES_LIMIT": plan.features.limit,
        "PROGRAM_ADDRESS": plan.code.address,
    }
    return tuple(RegisterWrite(name, register(name).offset, x) for name, x in values.items())


def _counters(timeline: Timeline) -> dict[str, int]:
    """Return the values of the counters after the run, by their registers' names."""
    counts = add_traffic([layer.traffic for layer in timeline.stages]).bytes
    return {
        "CYCLES": timeline.cycles,
        "ARRAY_CYCLES": sum(layer.busy_cycles for layer in timeline.stages),
    } | {name: counts.of(kind) for kind, name in COUNTERS.items()}


def _defines(
    base: int,
    memory_bytes: int,
    registers: Mapping[str, int],
    counters: Mapping[str, int],
    ends: Mapping[str, PlacedTensor],
) -> dict[str, str]:
    """Return names and values for C. Intermediate tensors are left out: their regions overlap."""
    found = {"BASE": f"{base:#010x}u", "BYTES": f"{memory_bytes}u"}
    found |= {name: f"{value:#010x}u" for name, value in registers.items()}
    found |= {f"PREDICTED_{name}": f"{count}ull" for name, count in counters.items()}
    for end, tensor in ends.items():
        values = {
            "ADDRESS": f"{tensor.address:#010x}u",
            "BYTES": f"{tensor.size_bytes}u",
            **{axis: f"{n}u" for axis, n in zip(AXES, tensor.shape, strict=True)},
            "PIXEL_BYTES": f"{tensor.pixel_bytes}u",
            "ROW_BYTES": f"{tensor.row_bytes}u",
            "BLOCK_BYTES": f"{tensor.block_bytes}u",
            "ZERO_POINT": f"({tensor.zero_point})",
        }
        if tensor.scale is not None:
            values["SCALE"] = repr(float(tensor.scale))
        found |= {f"{end}_{name}": value for name, value in values.items()}
    return {f"MEMORY_{name}": value for name, value in found.items()}

"""What a host must know of a compiled program: memory before the run, registers, where tensors lie.

`MemoryMap` is the document that `hwsim compile` writes as memory.json; `header` is the same for C.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.compiler.pack import image_row_bytes, pack_features, pack_image
from hwsim.escape import comment
from hwsim.graph import Tensor
from hwsim.isa.registers import fingerprint, register, reset_value
from hwsim.program.blocking import IMAGE_PIXEL_BYTES, is_packed
from hwsim.program.program import Program, Region
from hwsim.program.traffic import COUNTERS, add_traffic
from hwsim.timeline import Timeline

SCHEMA_VERSION = "1.1"  # the second number grows when fields are added
AXES = ("CHANNELS", "HEIGHT", "WIDTH")
JOB = {  # fields of `struct NAME_job` in the driver in C, in its order
    "fingerprint": "FINGERPRINT",
    "program_address": "PROGRAM_ADDRESS",
    "constants_first": "CONSTANTS_BASE",
    "constants_last": "CONSTANTS_LIMIT",
    "features_first": "FEATURES_BASE",
    "features_last": "FEATURES_LIMIT",
}
HEADER = """\
/*
 * {title}.
 *
 * Before START, memory.bin lies at MEMORY_BASE and the input at MEMORY_INPUT_ADDRESS. After it the
 * output lies at MEMORY_OUTPUT_ADDRESS. In both, channel c of the pixel in row y, column x is the
 * signed byte at
 *     ADDRESS + c / PIXEL_BYTES * BLOCK_BYTES + y * ROW_BYTES + x * PIXEL_BYTES + c % PIXEL_BYTES
 * and stands for SCALE * (byte - ZERO_POINT). The input's channels 0, 1, 2 are red, green, blue; a
 * byte of it is the 8-bit value - 128 (the top bit flipped). With 4 PIXEL_BYTES the fourth byte is
 * unused.
 */
#ifndef MEMORY_H
#define MEMORY_H

{defines}

/*
 * const struct NAME_job job = MEMORY_JOB; with NAME_driver.h, which `hwsim rtl` writes. NAME is
 * `accelerator` unless --name says otherwise.
 */
#define MEMORY_JOB \\
    {{ {job} }}

#endif
"""


@dataclass(frozen=True)
class RegisterWrite:
    """What the host writes to one register before START."""

    name: str
    offset: int
    value: int


@dataclass(frozen=True)
class PlacedRegion:
    """The program, or one layer's weights."""

    name: str
    address: int
    size_bytes: int


@dataclass(frozen=True)
class PlacedTensor:
    """One stored tensor. Element (c, y, x) is the byte at

    address + (c // pixel_bytes) * block_bytes + y * row_bytes + x * pixel_bytes + c % pixel_bytes
    """

    name: str
    address: int
    size_bytes: int
    shape: tuple[int, int, int]  # channels, height, width
    layout: str  # "image" or "blocks", after docs/architecture.md
    pixel_bytes: int
    row_bytes: int
    block_bytes: int
    scale: float | None  # real value = scale x (stored int8 - zero_point)
    zero_point: int
    sha256: str | None  # of its bytes in memory once it is whole; None where nothing was executed


@dataclass(frozen=True)
class MemoryMap:
    """The document. Addresses are absolute; numbers carry their unit in their name."""

    schema_version: str
    hwsim_version: str
    command: str
    network: dict[str, Any]
    config: dict[str, Any]
    image: dict[str, str] | None
    base_address: int
    memory_bytes: int
    expected_build: int
    expected_fingerprint: int
    registers: tuple[RegisterWrite, ...]
    predicted_counters: dict[str, int]
    input: str
    output: str
    tensors: tuple[PlacedTensor, ...]
    program: PlacedRegion
    weights: tuple[PlacedRegion, ...]
    defines: dict[str, str]
    files: tuple[dict[str, Any], ...]

    def tensor(self, name: str) -> PlacedTensor:
        return next(tensor for tensor in self.tensors if tensor.name == name)


def flat_memory(program: Program, packed_input: bytes = b"") -> bytes:
    """Whole pages from the program's first address on, as they are before START.

    Without an input, and wherever a tensor only appears in the run, memory is 0.
    """
    base, size_bytes = _extent(program)
    memory = bytearray(size_bytes)
    parts = program.image() | {program.region(program.graph.input).address: packed_input}
    for address, part in parts.items():
        memory[address - base : address - base + len(part)] = part
    return bytes(memory)


def _extent(program: Program) -> tuple[int, int]:
    """First address, and bytes from there to the end of both windows."""
    windows = (program.features, program.constants)
    base = min(window.base for window in windows)
    return base, max(window.limit for window in windows) + 1 - base


def packed_input(program: Program, values: NDArray[np.int8]) -> bytes:
    """int8 `x[C, H, W]` as the input's bytes in memory."""
    pack = pack_image if is_packed(program.graph.layers[0]) else pack_features
    return pack(values, program.config)


def make_memory_map(
    program: Program,
    timeline: Timeline,
    network: dict[str, Any],
    image: dict[str, str] | None,
    sha256: Mapping[str, str],
    files: Mapping[str, int],
) -> MemoryMap:
    """The document of a program at its place in memory.

    `timeline` may be that of the program before it was moved. `sha256` is by tensor, `files` has
    the size of each by its name.
    """
    graph, config = program.graph, program.config
    base, memory_bytes = _extent(program)
    named = {tensor.name: tensor for tensor in (graph.input, *(x.output for x in graph.layers))}
    tensors = tuple(_placed(program, tensor, sha256.get(name)) for name, tensor in named.items())
    by_name = {tensor.name: tensor for tensor in tensors}
    registers = _registers(program)
    counters = _counters(timeline)
    expected = {"BUILD": reset_value(register("BUILD"), config), "FINGERPRINT": fingerprint(config)}
    written = {write.name: write.value for write in registers}
    ends = {"INPUT": by_name[graph.input.name], "OUTPUT": by_name[graph.output.name]}
    return MemoryMap(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="compile",
        network=network,
        config=config.model_dump(),
        image=image,
        base_address=base,
        memory_bytes=memory_bytes,
        expected_build=expected["BUILD"],
        expected_fingerprint=expected["FINGERPRINT"],
        registers=registers,
        predicted_counters=counters,
        input=graph.input.name,
        output=graph.output.name,
        tensors=tensors,
        program=_region(program.code),
        weights=tuple(_region(part.weights) for part in program.layers),
        defines=_defines(base, memory_bytes, expected | written, counters, ends),
        files=tuple({"path": path, "size_bytes": size} for path, size in files.items()),
    )


def _region(region: Region) -> PlacedRegion:
    return PlacedRegion(region.name, region.address, region.size_bytes)


def _placed(program: Program, tensor: Tensor, sha256: str | None) -> PlacedTensor:
    region, config, shape = program.region(tensor), program.config, tensor.shape
    packed = tensor.name == program.graph.input.name and is_packed(program.graph.layers[0])
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


def _registers(program: Program) -> tuple[RegisterWrite, ...]:
    """In the order of the example's driver. What a register does not hold reads as 0."""
    values = {
        "CONSTANTS_BASE": program.constants.base,
        "CONSTANTS_LIMIT": program.constants.limit,
        "FEATURES_BASE": program.features.base,
        "FEATURES_LIMIT": program.features.limit,
        "PROGRAM_ADDRESS": program.code.address,
    }
    return tuple(RegisterWrite(name, register(name).offset, x) for name, x in values.items())


def _counters(timeline: Timeline) -> dict[str, int]:
    """What the counters read after the run, by their registers' names."""
    counts = add_traffic([layer.traffic for layer in timeline.layers]).bytes
    return {
        "CYCLES": timeline.cycles,
        "ARRAY_CYCLES": sum(layer.busy_cycles for layer in timeline.layers),
    } | {name: counts.of(kind) for kind, name in COUNTERS.items()}


def _defines(
    base: int,
    memory_bytes: int,
    registers: Mapping[str, int],
    counters: Mapping[str, int],
    ends: Mapping[str, PlacedTensor],
) -> dict[str, str]:
    """Names and values in C. Intermediate tensors are no driver's business: they overlap."""
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


def header(document: MemoryMap) -> str:
    """memory.h: the defines, and an initializer for the job of the driver in C."""
    network, config = document.network["name"], document.config["name"]
    width = max(map(len, document.defines))
    lines = [f"#define {name:{width}} {value}" for name, value in document.defines.items()]
    # By position: C++ has no designators before C++20.
    job = ", \\\n      ".join(f"MEMORY_{name} /* {field} */" for field, name in JOB.items())
    return HEADER.format(
        title=comment(f"{network} on {config}, by hwsim {document.hwsim_version}"),
        defines="\n".join(lines),
        job=job,
    )

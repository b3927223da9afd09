"""Compile a network to a memory image, and run a photograph through it on the machine."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.compiler import plan_graph, write_program
from hwsim.compiler.image import memory_image, packed_input
from hwsim.compiler.pack import pack_features
from hwsim.extras import importing_extra
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.network import File, NetworkSource, optional_path, placed
from hwsim.flows.progress import Progress, check_progress, silent, single_step
from hwsim.flows.quantized import quantized
from hwsim.graph import Graph, Stage
from hwsim.machine import Machine
from hwsim.program.program import Program
from hwsim.program.relocate import check_base, relocate
from hwsim.report.c_header import c_header
from hwsim.report.json_text import json_text
from hwsim.report.memory_map import (
    CompiledNetwork,
    MemoryMap,
    PlacedImage,
    PlacedTensor,
    RegisterWrite,
    make_memory_map,
)
from hwsim.report.records import Records
from hwsim.report.result import Result
from hwsim.report.table import Table
from hwsim.timeline import time_program

MEMORY, MAP, HEADER, EXPECTED = "memory.bin", "memory.json", "memory.h", "expected.bin"


@dataclass(frozen=True, repr=False)
class CompileResult(Result):
    """A network as the contents of memory, ready for the accelerator."""

    document: MemoryMap
    files: dict[str, str | bytes]
    """The content of every file by its name; nothing is written."""

    def to_dict(self) -> dict[str, Any]:
        """Return the document that memory.json holds."""
        return asdict(self.document)

    @property
    def layers(self) -> Records[PlacedTensor]:
        """A row per stored tensor: the input, and every layer's output."""
        return Records(PlacedTensor, self.document.tensors)

    @property
    def registers(self) -> Records[RegisterWrite]:
        """The register writes of the host before START, in this order."""
        return Records(RegisterWrite, self.document.registers)

    @property
    def heading(self) -> str:
        """The network, the accelerator, and the place of the program in memory."""
        document = self.document
        return (
            f"{document.network.name} for {document.config['name']}, "
            f"{document.memory_bytes:,} bytes from {document.base_address:#010x} on"
        )

    @property
    def tables(self) -> Sequence[Table]:
        """The tables of register writes and of tensors."""
        return [
            self.registers.to_table("What the host writes before START"),
            self.layers.to_table("Where tensors lie"),
        ]


@dataclass(frozen=True)
class _Executed:
    """A photograph's bytes in memory, and the tensors that the machine computed from it."""

    packed: bytes = b""
    image: PlacedImage | None = None
    output: bytes = b""
    sha256: dict[str, str] = field(default_factory=dict)  # of every tensor, by its name


def file_names(image: str | None) -> list[str]:
    """Return the names of the files that `compile_network` makes."""
    return [MEMORY, MAP, HEADER] + ([] if image is None else [EXPECTED])


def compile_network(
    network: NetworkSource,
    config: ConfigSource = "edge",
    *,
    image: File | None = None,
    weights: File | None = None,
    base: int = 0,
    progress: Progress = silent,
) -> CompileResult:
    """Quantize and compile a network for memory from the address `base` on, whole pages of 4 KiB.

    `network`, `config`, `image` and `weights` are as for `run`; without an image the memory holds
    no input.
    """
    check_progress(progress)
    shapes, chosen = placed(network, config)
    check_base(plan_graph(shapes, chosen), base)  # refuse what cannot run before the long work
    image, weights = optional_path("image", image), optional_path("weights", weights)
    stored = None if image is None else _stored_photograph(image, shapes)
    with single_step(progress, f"quantizing {shapes.name}"):
        made = quantized(shapes, weights, chosen.widths.multiplier_bits)
        graph = made.graph
    with progress(f"compiling {shapes.name}", len(graph.stages)) as advance:
        program = write_program(plan_graph(graph, chosen), advance)
    executed = _Executed()
    if image is not None and stored is not None:
        executed = _execute(program, Path(image).name, stored, progress)
    moved = relocate(program, base)
    files: dict[str, str | bytes] = {MEMORY: memory_image(moved, executed.packed)}
    if image is not None:
        files[EXPECTED] = executed.output
    with single_step(progress, f"timing {shapes.name}"):
        timeline = time_program(program)
    document = make_memory_map(
        moved,
        timeline,
        network=_network(graph, made.origin),
        image=executed.image,
        sha256=executed.sha256,
        files={name: len(content) for name, content in files.items()},
    )
    files[MAP] = json_text(document)
    files[HEADER] = c_header(document)
    return CompileResult(document, files)


def _stored_photograph(image: str, shapes: Graph) -> NDArray[np.int8]:
    """Return a photograph as the network's input, int8 `x[C, H, W]`."""
    with importing_extra("golden", "hwsim compile --image"):
        from hwsim.golden.photographs import load_image
        from hwsim.golden.reference import stored_image
    size = shapes.only_input.shape
    pixels = load_image(image, height=size.height, width=size.width)
    stored: NDArray[np.int8] = stored_image(pixels).numpy()
    return stored


def _execute(
    program: Program, name: str, stored: NDArray[np.int8], progress: Progress
) -> _Executed:
    """Run the program at the compiler's own addresses, so that no memory below a base is needed."""
    graph = program.graph
    given = graph.only_input
    packed = packed_input(program, given, stored)
    sha256 = {given.name: _sha256(packed)}
    with progress(f"executing {graph.name}", len(graph.stages)) as advance:

        def on_stage(stage: Stage, values: NDArray[np.int8]) -> None:
            sha256[stage.output.name] = _sha256(pack_features(values, program.config))
            advance()

        memory = Machine(program, {given.name: stored}, on_stage=on_stage).run()
    region = program.region(graph.only_output)
    image = PlacedImage(name, sha256[given.name])
    return _Executed(packed, image, memory.data[region.address : region.end].tobytes(), sha256)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _network(graph: Graph, origin: str) -> CompiledNetwork:
    size = graph.only_input.shape
    return CompiledNetwork(
        name=graph.name,
        input_height_pixels=size.height,
        input_width_pixels=size.width,
        k=max(stage.channel_pool for stage in graph.stages),
        weight_bits=graph.stages[0].weight_bits,
        weights=origin,
    )

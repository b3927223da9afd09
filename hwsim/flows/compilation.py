"""Compile a network to a memory image, and run a photograph through it on the machine."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.compiler import write_program
from hwsim.compiler.image import memory_image, packed_input, packed_inputs
from hwsim.compiler.pack import pack_features
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.file_inputs import (
    FileInputs,
    Numbers,
    check_image,
    check_no_normalization,
    check_no_weights,
    file_inputs,
    normalization,
)
from hwsim.flows.host_steps import inputs_before
from hwsim.flows.inputs import Arrays, InputValues, check_without_arrays, input_values
from hwsim.flows.network import File, Network, NetworkSource, loaded, optional_path, placed
from hwsim.flows.planning import planned
from hwsim.flows.progress import Progress, check_progress, silent, single_step
from hwsim.flows.quantized import quantized
from hwsim.graph import Graph, Stage
from hwsim.graph.file_tensors import Normalization
from hwsim.graph.steps import FileNetwork
from hwsim.machine import Machine
from hwsim.program.blocking import padding_values
from hwsim.program.program import Program
from hwsim.program.relocate import check_base, relocate
from hwsim.report.c_header import c_header
from hwsim.report.file_figures import file_figures
from hwsim.report.json_text import json_text
from hwsim.report.memory_map import (
    CompiledNetwork,
    MemoryMap,
    PlacedImage,
    RegisterWrite,
    make_memory_map,
)
from hwsim.report.placed_tensor import PlacedTensor
from hwsim.report.records import Records
from hwsim.report.result import Result
from hwsim.report.table import Table
from hwsim.timeline import time_program

PURPOSE = "hwsim compile --image"
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
        """A row per stored tensor: the inputs, and every layer's output."""
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
    """The bytes of the outputs, one after the other, and hashes of all tensors' bytes."""

    outputs: bytes = b""
    sha256: dict[str, str] = field(default_factory=dict)  # of every tensor, by its name


def file_names(has_inputs: bool) -> list[str]:
    """Return the names of the files that `compile_network` makes, with inputs or without."""
    return [MEMORY, MAP, HEADER] + ([EXPECTED] if has_inputs else [])


def compile_network(
    network: NetworkSource,
    config: ConfigSource = "edge",
    *,
    image: File | None = None,
    inputs: Arrays | None = None,
    weights: File | None = None,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    base: int = 0,
    progress: Progress = silent,
) -> CompileResult:
    """Quantize and compile a network for memory from the address `base` on, whole pages of 4 KiB.

    `network`, `config`, `image`, `inputs`, `weights`, `mean` and `std` are as for `run`; without
    image and inputs the memory holds no inputs, which only a network can do without that needs none
    to be quantized. That of a `.tflite` holds what the host's steps before the accelerator leave.
    """
    check_progress(progress)
    whole = loaded(network, progress)
    shapes, chosen = placed(whole, config)
    has_inputs = image is not None or inputs is not None
    by = normalization(mean, std)
    # Refuse what cannot run before the long work.
    if isinstance(whole, FileNetwork):
        check_no_weights(whole, weights)
        if inputs is None and (has_inputs or by is not None):
            check_image(whole, image, by)
    else:
        check_no_normalization(by)
        if inputs is None and (has_inputs or not shapes.is_quantized):
            check_without_arrays(shapes, image)
    check_base(planned(shapes, chosen, progress), base)
    weights = optional_path("weights", weights)
    given, stored = _entered(whole, image, inputs, by) if has_inputs else (InputValues({}), {})
    with single_step(progress, f"quantizing {shapes.name}"):
        made = quantized(shapes, weights, chosen.widths.multiplier_bits, inputs)
        graph = made.graph
    plan = planned(graph, chosen, progress)
    with progress(f"compiling {shapes.name}", len(graph.stages)) as advance:
        program = write_program(plan, advance)
    executed = _execute(program, stored, progress) if has_inputs else _Executed()
    moved = relocate(program, base)
    packed = packed_inputs(moved, stored) if has_inputs else {}
    files: dict[str, str | bytes] = {MEMORY: memory_image(moved, packed)}
    if has_inputs:
        files[EXPECTED] = executed.outputs
    with single_step(progress, f"timing {shapes.name}"):
        timeline = time_program(program)
    document = make_memory_map(
        moved,
        timeline,
        network=_network(graph, made.origin),
        file=file_figures(whole) if isinstance(whole, FileNetwork) else None,
        image=_placed_image(given, graph, executed.sha256),
        arrays=given.arrays,
        sha256=executed.sha256,
        files={name: len(content) for name, content in files.items()},
    )
    files[MAP] = json_text(document)
    files[HEADER] = c_header(document)
    return CompileResult(document, files)


def _entered(
    network: Network, image: File | None, inputs: Arrays | None, by: Normalization | None
) -> tuple[InputValues | FileInputs, Arrays]:
    """Return what enters a network, and what of that enters the accelerator: int8 `x[C, H, W]`."""
    if isinstance(network, FileNetwork):
        values = file_inputs(network, image, inputs, by, PURPOSE)
        return values, inputs_before(network, values.maps, PURPOSE)
    given = input_values(network, image, inputs, PURPOSE)
    return given, given.values


def _execute(program: Program, inputs: Arrays, progress: Progress) -> _Executed:
    """Run the program at the compiler's own addresses, so that no memory below a base is needed."""
    graph = program.graph
    sha256 = {
        tensor.name: _sha256(packed_input(program, tensor, inputs[tensor.name]))
        for tensor in graph.inputs
    }
    with progress(f"executing {graph.name}", len(graph.stages)) as advance:

        def on_stage(stage: Stage, values: NDArray[np.int8]) -> None:
            padding = padding_values(stage, program.config)
            packed = pack_features(values, program.config, padding)
            sha256[stage.output.name] = _sha256(packed)
            advance()

        memory = Machine(program, inputs, on_stage=on_stage).run()
    regions = [program.region(tensor) for tensor in graph.outputs]
    outputs = b"".join(memory.data[each.address : each.end].tobytes() for each in regions)
    return _Executed(outputs, sha256)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _placed_image(
    given: InputValues | FileInputs, graph: Graph, sha256: Mapping[str, str]
) -> PlacedImage | None:
    name = given.image_name
    if name is None:
        return None
    return PlacedImage(name, sha256[graph.inputs[0].name], given.image_as)


def _network(graph: Graph, origin: str) -> CompiledNetwork:
    size = graph.inputs[0].shape
    return CompiledNetwork(
        name=graph.name,
        input_height_pixels=size.height,
        input_width_pixels=size.width,
        k=max(stage.channel_pool for stage in graph.stages),
        weight_bits=graph.stages[0].weight_bits,
        weights=origin,
    )

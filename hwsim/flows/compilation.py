"""Compile a network to a memory image, and run a photograph through it on the machine."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hwsim.compiler.host_constants import HostConstant, host_constants, host_image
from hwsim.compiler.image import extent, memory_image
from hwsim.flows.configuration import ConfigSource
from hwsim.flows.contracts import (
    Contract,
    asked_contract,
    check_graph_contract,
    known_contracts,
)
from hwsim.flows.estimate import compiled
from hwsim.flows.file_inputs import (
    FileInputs,
    check_image,
    check_no_weights,
    file_inputs,
)
from hwsim.flows.inputs import Arrays, InputValues, check_without_arrays, input_values
from hwsim.flows.memory_run import MemoryRun, run_in_memory
from hwsim.flows.network import (
    File,
    Network,
    NetworkSource,
    loaded,
    optional_path,
    placed,
    program_graphs,
)
from hwsim.flows.planning import planned
from hwsim.flows.progress import Progress, check_progress, silent, single_step
from hwsim.flows.quantized import quantized
from hwsim.graph import Graph
from hwsim.graph.input_contract import StatedContract
from hwsim.graph.steps import FileNetwork
from hwsim.program.relocate import check_base, relocate_network
from hwsim.report.c_header import c_header
from hwsim.report.file_figures import file_figures
from hwsim.report.image_figures import (
    ImageFigures,
    file_image_figures,
    image_figures,
    images_text,
)
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
        """The tables of register writes, of programs where there are several, and of tensors."""
        rows = tuple((each.name, f"{each.address:#010x}") for each in self.document.programs)
        programs = Table("Programs, started in this order", ("program",), ("address",), rows)
        return [
            self.registers.to_table("What the host writes before START"),
            *([programs] if len(rows) > 1 else []),
            self.layers.to_table("Where tensors lie"),
        ]


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
    contract: Contract | None = None,
    base: int = 0,
    progress: Progress = silent,
) -> CompileResult:
    """Quantize and compile a network for memory from the address `base` on, whole pages of 4 KiB.

    `network`, `config`, `image`, `inputs`, `weights` and `contract` are as for `run`; without
    image and inputs the memory holds no inputs, which only a network can do without that needs none
    to be quantized. That of a `.tflite` holds what the host's steps before the first program leave;
    all its programs have one memory.
    """
    check_progress(progress)
    whole = loaded(network, progress)
    shapes, chosen = placed(whole, config)
    has_inputs = image is not None or inputs is not None
    asked = asked_contract(contract)
    # Refuse what cannot run before the long work.
    if isinstance(whole, FileNetwork):
        check_no_weights(whole, weights)
        if inputs is None and (has_inputs or not asked.is_empty):
            check_image(whole, image, asked)
    else:
        check_graph_contract(asked)
        if inputs is None and (has_inputs or not shapes.is_quantized):
            check_without_arrays(shapes, image)
    host_bytes = len(host_image(_host_constants(whole, 0)))
    check_base(planned(program_graphs(whole, shapes), chosen, progress), base, host_bytes)
    weights = optional_path("weights", weights)
    given = _entered(whole, image, inputs, asked) if has_inputs else InputValues({})
    with single_step(progress, f"quantizing {shapes.name}"):
        made = quantized(shapes, weights, chosen.widths.multiplier_bits, inputs)
    compiled_network = compiled(program_graphs(whole, made.graph), chosen, progress)
    moved = relocate_network(compiled_network, base)
    run = MemoryRun()
    if has_inputs:
        run = run_in_memory(compiled_network, given, progress, PURPOSE)
    constants = _host_constants(whole, extent(moved).limit + 1)
    memory = memory_image(moved, run.inputs) + host_image(constants)
    files: dict[str, str | bytes] = {MEMORY: memory}
    if has_inputs:
        files[EXPECTED] = b"".join(run.outputs[each.name] for each in made.graph.outputs)
    with single_step(progress, f"timing {shapes.name}"):
        timelines = [time_program(program) for program in compiled_network.programs]
    document = make_memory_map(
        moved,
        timelines,
        network=_network(made.graph, made.origin),
        file=file_figures(whole) if isinstance(whole, FileNetwork) else None,
        image=_placed_image(given, made.graph, run.sha256),
        contracts=_contracts(whole, asked),
        arrays=given.arrays,
        sha256=run.sha256,
        files={name: len(content) for name, content in files.items()},
        constants=constants,
    )
    files[MAP] = json_text(document)
    files[HEADER] = c_header(document)
    return CompileResult(document, files)


def _host_constants(network: Network, first: int) -> tuple[HostConstant, ...]:
    """Return the constants of the host's steps from the address `first` on."""
    return host_constants(network, first) if isinstance(network, FileNetwork) else ()


def _entered(
    network: Network, image: File | None, inputs: Arrays | None, asked: StatedContract
) -> InputValues | FileInputs:
    """Return what enters a network."""
    if isinstance(network, FileNetwork):
        return file_inputs(network, image, inputs, asked, PURPOSE)
    return input_values(network, image, inputs, asked, PURPOSE)


def _placed_image(
    given: InputValues | FileInputs, graph: Graph, sha256: Mapping[str, str]
) -> PlacedImage | None:
    name = given.image_name
    if name is None:
        return None
    return PlacedImage(name, sha256[graph.inputs[0].name], images_text(given.taken_as))


def _contracts(network: Network, asked: StatedContract) -> tuple[ImageFigures, ...]:
    """Return what is known of photographs at the inputs, whether the memory holds one or not."""
    known = known_contracts(network, asked)
    if isinstance(network, FileNetwork):
        return tuple(file_image_figures(network.inputs[n], each, n) for n, each in known.items())
    shapes = {tensor.name: tensor.shape for tensor in network.inputs}
    return tuple(image_figures(shapes[name], each, name) for name, each in known.items())


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

"""The files of `hwsim compile`: a network in memory, and what the machine makes of a photograph."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import Config
from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_features
from hwsim.extras import needing_extra
from hwsim.flows.memory_map import MemoryMap, flat_memory, header, make_memory_map, packed_input
from hwsim.flows.progress import Progress
from hwsim.flows.quantized import Recipe, quantized_graph
from hwsim.graph import Graph, Layer
from hwsim.machine import Machine
from hwsim.program.program import Program
from hwsim.program.relocate import relocate
from hwsim.timeline import time_program

MEMORY, MAP, HEADER, EXPECTED = "memory.bin", "memory.json", "memory.h", "expected.bin"


@dataclass(frozen=True)
class _Executed:
    """A photograph in memory, and what the accelerator makes of it."""

    packed: bytes = b""
    figures: dict[str, str] | None = None
    output: bytes = b""
    sha256: dict[str, str] = field(default_factory=dict)  # of every tensor, by its name


def make_files(
    shapes: Graph,
    config: Config,
    image: str | None,
    weights: str | None,
    base: int,
    progress: Progress,
) -> tuple[MemoryMap, dict[str, str | bytes]]:
    """Quantize and compile `shapes` for memory from `base` on; the document, and files by name."""
    stored = None if image is None else _stored_photograph(image, shapes)
    recipe = Recipe.of(shapes, config, weights)
    with progress(f"quantizing {shapes.name}", 1):
        program = compile_graph(quantized_graph(recipe), config)
    executed = _Executed()
    if image is not None and stored is not None:
        executed = _execute(program, Path(image).name, stored, progress)
    moved = relocate(program, base)
    files: dict[str, str | bytes] = {MEMORY: flat_memory(moved, executed.packed)}
    if image is not None:
        files[EXPECTED] = executed.output
    document = make_memory_map(
        moved,
        time_program(program),
        network=_network(recipe),
        image=executed.figures,
        sha256=executed.sha256,
        files={name: len(content) for name, content in files.items()},
    )
    files[MAP] = json.dumps(asdict(document), indent=1, allow_nan=False) + "\n"
    files[HEADER] = header(document)
    return document, files


def _stored_photograph(image: str, shapes: Graph) -> NDArray[np.int8]:
    """int8 `x[C, H, W]` as the network's input."""
    with needing_extra("golden", "hwsim compile --image"):
        from hwsim.golden.photographs import load_image
        from hwsim.golden.reference import stored_image

        size = shapes.input.shape
        stored: NDArray[np.int8] = stored_image(
            load_image(image, height=size.height, width=size.width)
        ).numpy()
    return stored


def _execute(
    program: Program, name: str, stored: NDArray[np.int8], progress: Progress
) -> _Executed:
    """Run where the compiler placed everything: memory below another base need not exist."""
    graph = program.graph
    packed = packed_input(program, stored)
    sha256 = {graph.input.name: _sha256(packed)}
    with progress(f"executing {graph.name}", len(graph.layers)) as advance:

        def on_layer(layer: Layer, values: NDArray[np.int8]) -> None:
            sha256[layer.output.name] = _sha256(pack_features(values, program.config))
            advance()

        memory = Machine(program, stored, on_layer=on_layer).run()
    region = program.region(graph.output)
    figures = {"name": name, "sha256": sha256[graph.input.name]}
    return _Executed(packed, figures, memory.data[region.address : region.end].tobytes(), sha256)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _network(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "input_height_pixels": recipe.height,
        "input_width_pixels": recipe.width,
        "k": recipe.k,
        "weight_bits": recipe.weight_bits,
        "weights": "seeded" if recipe.weights is None else Path(recipe.weights).name,
    }

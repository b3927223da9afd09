"""Quantized graphs in the user's cache, named by a hash of everything that they depend on."""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from hwsim.arch.config import Config
from hwsim.cache import cache_folder
from hwsim.errors import InputError
from hwsim.extras import needing_extra
from hwsim.frontends.builtin import build_network
from hwsim.frontends.darknet import open_weights
from hwsim.graph import Graph

DECIDING_PACKAGES = ("torch", "brevitas", "numpy", "pillow", "scikit-image")
DECIDING_MODULES = (
    "hwsim.fixed_point",
    "hwsim.graph",
    "hwsim.graph.file",
    "hwsim.frontends.builtin",
    "hwsim.frontends.darknet",
)


@dataclass(frozen=True)
class Recipe:
    """The choices that decide a quantized graph. `weights` is a darknet file; None means seeded."""

    name: str
    height: int
    width: int
    k: int
    weight_bits: int
    multiplier_bits: int
    weights: str | None

    @classmethod
    def of(cls, shapes: Graph, config: Config, weights: str | None) -> Self:
        """Return the recipe for a built-in network's shapes on an accelerator."""
        size, widths = shapes.input.shape, config.widths
        return cls(
            name=shapes.name,
            height=size.height,
            width=size.width,
            k=shapes.layers[0].channel_pool,
            weight_bits=widths.weight_bits,
            multiplier_bits=widths.multiplier_bits,
            weights=weights,
        )

    @property
    def path(self) -> Path:
        return cache_folder() / f"{self.name}-{self.content_hash()[:16]}.safetensors"

    def content_hash(self) -> str:
        """Return a hash of the choices, the weights' bytes, the code and the packages it uses."""
        digest = hashlib.sha256()
        choices = asdict(self) | {"weights": None if self.weights is None else "file"}
        choices["packages"] = [f"{name} {version(name)}" for name in DECIDING_PACKAGES]
        digest.update(json.dumps(choices).encode())
        for source in _deciding_sources():
            digest.update(source.read_bytes())
        if self.weights is not None:
            shapes = build_network(self.name, self.height, self.width, self.k)
            with open_weights(shapes, self.weights) as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def quantized_graph(recipe: Recipe) -> Graph:
    """Return the quantized graph, from the cache if an earlier call has stored it there."""
    with needing_extra("golden", "quantizing a network"):
        path = recipe.path
        try:
            return load_or_refuse(path, recipe)
        except InputError:
            pass  # missing or damaged: quantize again
        from hwsim.golden.quantize import quantize_network

        graph = quantize_network(
            recipe.name,
            recipe.height,
            recipe.width,
            recipe.k,
            weight_bits=recipe.weight_bits,
            multiplier_bits=recipe.multiplier_bits,
            weights=recipe.weights,
        )
    _keep(graph, path)
    return graph


def load_or_refuse(path: Path, recipe: Recipe) -> Graph:
    """Return a graph from the cache; raise `InputError` if it is damaged or another recipe's."""
    from hwsim.graph.file import load_graph

    graph = load_graph(path)
    if graph.name != recipe.name or not graph.is_quantized:
        raise InputError(f"graph '{path}' is not {recipe.name}")
    return graph


def _keep(graph: Graph, path: Path) -> None:
    """Save a graph in the cache, if the cache can be written."""
    from hwsim.graph.file import save_graph

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_graph(graph, path)
    except (OSError, InputError):
        return


def _deciding_sources() -> list[Path]:
    """Return the source files of `golden/` and of the modules that it uses, in a fixed order."""
    golden = find_spec("hwsim.golden")
    assert golden is not None
    assert golden.submodule_search_locations is not None
    folder = Path(golden.submodule_search_locations[0])
    specs = [find_spec(name) for name in DECIDING_MODULES]
    return sorted(folder.glob("*.py")) + [
        Path(spec.origin) for spec in specs if spec and spec.origin
    ]

"""The library: find out from Python what a network costs on an embedded-vision accelerator.

    import hwsim

    found = hwsim.estimate("tiny-yolov2", "edge")
    found.totals.frames_per_second
    found.layers.to_frame()

`docs/library.md` says more. A module is imported when one of its functions is first used.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

    from hwsim.exploration.search import search
    from hwsim.exploration.sweep import sweep
    from hwsim.flows.compilation import compile_network as compile  # noqa: A004
    from hwsim.flows.configuration import configs, configuration
    from hwsim.flows.estimate import estimate
    from hwsim.flows.execution import run
    from hwsim.flows.network import load, networks
    from hwsim.flows.quantized import quantize
    from hwsim.flows.show import show
    from hwsim.flows.verification import verify
    from hwsim.graph.file import load_graph, save_graph
    from hwsim.report.reading import read

__all__ = [
    "compile",
    "configs",
    "configuration",
    "estimate",
    "load",
    "load_graph",
    "networks",
    "quantize",
    "read",
    "run",
    "save_graph",
    "search",
    "show",
    "sweep",
    "verify",
]

_PLACES = {
    "compile": ("flows.compilation", "compile_network"),
    "configs": ("flows.configuration", "configs"),
    "configuration": ("flows.configuration", "configuration"),
    "estimate": ("flows.estimate", "estimate"),
    "load": ("flows.network", "load"),
    "load_graph": ("graph.file", "load_graph"),
    "networks": ("flows.network", "networks"),
    "quantize": ("flows.quantized", "quantize"),
    "read": ("report.reading", "read"),
    "run": ("flows.execution", "run"),
    "save_graph": ("graph.file", "save_graph"),
    "search": ("exploration.search", "search"),
    "show": ("flows.show", "show"),
    "sweep": ("exploration.sweep", "sweep"),
    "verify": ("flows.verification", "verify"),
}


def __getattr__(name: str) -> Any:
    """Return the version, or a function, imported from the module that defines it."""
    if name == "__version__":
        return version("hwsim")
    if name not in _PLACES:
        raise AttributeError(f"module 'hwsim' has no attribute '{name}'")
    module, function = _PLACES[name]
    return getattr(import_module(f"hwsim.{module}"), function)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})

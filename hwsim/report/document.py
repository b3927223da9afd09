"""The document of an estimate or a run: `--json` writes it, and tables and pages show it.

The dataclasses define its format: `hwsim schema estimate` is generated from them.
"""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from hwsim.cost.estimate import Estimate
from hwsim.graph import Graph
from hwsim.report.comparison import ComparisonFigures, comparison_figures
from hwsim.report.deviations import DeviationFigures
from hwsim.report.file_figures import FileFigures
from hwsim.report.file_outputs import FileOutputFigures
from hwsim.report.image_figures import ImageFigures
from hwsim.report.input_array import InputArray
from hwsim.report.layers import LayerFigures, layer_figures
from hwsim.report.maps import MapFigures, map_figures
from hwsim.report.totals import TotalFigures, total_figures

SCHEMA_VERSION = "2.11"  # major when fields change, minor when they are added


@dataclass(frozen=True)
class NetworkFigures:
    """A network and the size of its first input."""

    name: str
    """Name of a built-in network, or of a file without its ending."""
    input_channels: int
    """Channels of the first input."""
    input_height_pixels: int
    """Height of the first input."""
    input_width_pixels: int
    """Width of the first input."""
    weight_bits: int
    """Width of a weight."""
    condensed_layers: tuple[str, ...]
    """Layers with a channel pool."""


@dataclass(frozen=True)
class TensorFigures:
    """The tensor that one layer stored in a run, as int8."""

    name: str
    """The layer's name."""
    stored_elements: int
    """Elements of its stored tensor."""
    used_codes: int
    """The number of codes, of 256, that occur."""
    saturated_ratio: float
    """Share of elements at either end of the range."""
    signal_to_noise_db: float | None
    """Variance of the float network's map over the mean square of the error, as 10 log10.
    Null for a map of one value or without an error, and where there is no float network."""
    sha256: str
    """Hash of the tensor's bytes, in the order channel, row, column."""


@dataclass(frozen=True)
class OutputFigures:
    """An output of the accelerator: the shape of its int8 values, and what they stand for."""

    name: str
    """The tensor's name in the network, under which --save-outputs writes it; of a .tflite it
    writes `file_outputs` under their own names."""
    stored_channels: int
    """Channels of the tensor."""
    stored_height_pixels: int
    """Height of the tensor."""
    stored_width_pixels: int
    """Width of the tensor."""
    scale: float
    """Scale of the real value that an element stands for: scale x (element - zero_point)."""
    zero_point: int
    """The element that stands for 0."""


@dataclass(frozen=True)
class RunFigures:
    """The run that `hwsim run` executed."""

    image: str | None
    """Name of the photograph, without its folder; null where arrays were given."""
    image_sha256: str | None
    """Hash of the photograph's pixels that entered the network, after resizing; else null."""
    arrays: tuple[InputArray, ...]
    """The arrays that were given, one for each input; empty for a photograph."""
    weights: str
    """`seeded`, the name of a darknet file, or `graph` for a network that had constants."""
    is_checked: bool
    """True if every element was compared with the reference (and found equal)."""
    least_signal_to_noise_db: float
    """Bound of a warning: below it, quantization lost what the float network computes."""
    tensors: tuple[TensorFigures, ...]
    """One entry per layer."""
    outputs: tuple[OutputFigures, ...]
    """The accelerator's outputs, in its order; of a network without host steps, the network's."""
    image_as: str | None
    """The way in which the photograph became the input, in words; null where arrays were given."""
    contracts: tuple[ImageFigures, ...]
    """The same as figures, one entry for each input; empty where arrays were given."""
    file_outputs: tuple[FileOutputFigures, ...]
    """The network's outputs as a .tflite has them, in its order; empty for other networks."""
    deviations: tuple[DeviationFigures, ...]
    """With a fast rescale, what layers and outputs are off from the file's own operators."""


@dataclass(frozen=True)
class Document:
    """All figures of one command. The name of every number except `macs` ends in its unit."""

    schema_version: str
    """Version of this document's shape: major.minor."""
    hwsim_version: str
    """Version of the program that wrote it."""
    command: Literal["estimate", "run"]
    """The subcommand."""
    network: NetworkFigures
    """The network that was priced."""
    file: FileFigures | None
    """The part of a .tflite beside the accelerator's; null for other networks."""
    config: dict[str, Any]
    """The accelerator, key by key as in its TOML."""
    totals: TotalFigures
    """The figures of the whole frame."""
    layers: tuple[LayerFigures, ...]
    """The layers in the order of execution."""
    maps: tuple[MapFigures, ...]
    """The maps that the layers store, in the same order, each with its place."""
    comparison: ComparisonFigures | None
    """Totals A, B, B' and C; null for a network in which nothing is condensed."""
    run: RunFigures | None
    """The run that was executed; null for an estimate."""


def network_figures(graph: Graph) -> NetworkFigures:
    image = graph.inputs[0].shape
    return NetworkFigures(
        name=graph.name,
        input_channels=image.channels,
        input_height_pixels=image.height,
        input_width_pixels=image.width,
        weight_bits=graph.stages[0].weight_bits,
        condensed_layers=tuple(layer.name for layer in graph.stages if layer.is_condensed),
    )


def make_document(
    estimate: Estimate, run: RunFigures | None = None, file: FileFigures | None = None
) -> Document:
    """Return the document of an estimate, and of a run if there was one."""
    graph, config = estimate.graph, estimate.config
    layers = tuple(
        layer_figures(time, config.macs_per_cycle, config.clock.clock_hz)
        for time in estimate.timeline.stages
    )
    return Document(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="estimate" if run is None else "run",
        network=network_figures(graph),
        file=file,
        config=config.model_dump(mode="json"),
        totals=total_figures(estimate, layers),
        layers=layers,
        maps=map_figures(estimate),
        comparison=comparison_figures(estimate.comparison) if estimate.comparison else None,
        run=run,
    )

"""The figures of one layer, under the names that every report uses, which end in the unit."""

from dataclasses import dataclass
from typing import Literal

from hwsim.graph import Shape, Source, SpatialPool, Stage
from hwsim.graph.cells import GatheredSource
from hwsim.program.traffic import ByteCounts
from hwsim.timeline import StageTime

IN_CELLS = "in cells"  # in the parameter of a convolution that reads an input as space to depth
WAITS = ("features", "weights", "drain", "program", "finish")  # every key of `waiting_cycles`


@dataclass(frozen=True)
class Operator:
    """One operator of the network, and the place of its cost."""

    name: str
    """Convolution, bias, rescale, ReLU, leaky ReLU, clamp, table, channel pool or spatial pool."""
    parameter: str
    """The kernel, slope, k, or window/stride, which tells it from operators of the same name."""
    status: Literal["priced", "fused"]
    """`priced`: has cycles and bytes of its own. `fused`: computed on the convolution's way to
    memory, so its cycles and bytes are among the layer's."""


@dataclass(frozen=True)
class LayerFigures:
    """The cost of one fused layer."""

    name: str
    """The layer's name in the network."""
    operators: tuple[Operator, ...]
    """Every operator of the layer, in the order in which they are computed."""
    input_channels: int
    """Channels that the layer reads, of all its inputs."""
    input_height_pixels: int
    """Height of the map that the layer reads, doubled where it is upsampled; of the first input."""
    input_width_pixels: int
    """Width of that map."""
    filters: int
    """Output channels of the convolution, before the channel pool."""
    stored_channels: int
    """Channels that are written: filters / k."""
    stored_height_pixels: int
    """Height of the map that is written, after the spatial pool."""
    stored_width_pixels: int
    """Width of the map that is written, after the spatial pool."""
    weight_bits: int
    """Width of a weight."""
    macs: int
    """Useful multiply-accumulates."""
    cycles: int
    """From the previous layer's last write response to this one's."""
    busy_cycles: int
    """Cycles in which a pixel entered the array."""
    waiting_features_cycles: int
    """Cycles in which the array waited for features to be loaded."""
    waiting_weights_cycles: int
    """Cycles in which the array waited for weights."""
    waiting_drain_cycles: int
    """Cycles in which the array waited for accumulators that were not rescaled yet."""
    waiting_program_cycles: int
    """Cycles in which the array waited for descriptors."""
    waiting_finish_cycles: int
    """Cycles from the array's last pixel until the last tile's outputs are in memory."""
    mac_utilisation_ratio: float
    """Useful MACs / (lanes x cycles)."""
    busy_ratio: float
    """Busy cycles / cycles. Lanes may idle in a busy cycle: see `mac_utilisation_ratio`."""
    roofline_cycles: int
    """The cycles for which the layer needs its busiest resource, of the four below.

    Reads and writes that share the memory's bandwidth are one. A layer that begins, or whose bytes
    come, while those before still run may take fewer; the totals have what no run goes below.
    """
    roofline_bound: str
    """That resource: MAC array, rescale, reads, writes, or reads and writes."""
    roofline_issue_cycles: int
    """Cycles of the array alone, lanes filled up to whole blocks."""
    roofline_rescale_cycles: int
    """Cycles of the drain alone: the taps of a pool's windows, and the slices that are rescaled."""
    roofline_read_cycles: int
    """Cycles of the bus's read channel alone."""
    roofline_write_cycles: int
    """Cycles of the bus's write channel alone."""
    program_bytes: int
    """Descriptors over the bus. Bytes that are not called useful are beats x bus width."""
    weight_bytes: int
    """Weights with bias and rescale parameters."""
    features_read_bytes: int
    """Features read."""
    features_written_bytes: int
    """Features written."""
    total_bytes: int
    """All four classes."""
    useful_program_bytes: int
    """Descriptors without padding: all of them."""
    useful_weight_bytes: int
    """Weights and parameters without those of lanes that only fill up a block."""
    useful_features_read_bytes: int
    """Features read without padding channels and the image's fourth byte."""
    useful_features_written_bytes: int
    """Features written without padding channels."""
    average_bandwidth_bytes_per_second: float
    """Total bytes / the layer's time at the config's clock."""

    @property
    def largest_wait(self) -> tuple[str, int]:
        """The name of the longest wait, and its cycles."""
        waits: dict[str, int] = {name: getattr(self, f"waiting_{name}_cycles") for name in WAITS}
        return max(waits.items(), key=lambda item: item[1])

    @property
    def input_shape(self) -> Shape:
        return Shape(self.input_channels, self.input_height_pixels, self.input_width_pixels)

    @property
    def stored_shape(self) -> Shape:
        return Shape(self.stored_channels, self.stored_height_pixels, self.stored_width_pixels)


def layer_figures(time: StageTime, macs_per_cycle: int, clock_hz: int) -> LayerFigures:
    """Return the figures of a layer on the timeline."""
    layer, total_bytes = time.stage, time.traffic.bytes.total
    sources = [source.outer for source in layer.sources]
    height, width = sources[0].size
    return LayerFigures(
        name=layer.name,
        operators=operators(layer),
        input_channels=sum(source.channels for source in sources),
        input_height_pixels=height,
        input_width_pixels=width,
        filters=layer.filters,
        stored_channels=layer.output.shape.channels,
        stored_height_pixels=layer.output.shape.height,
        stored_width_pixels=layer.output.shape.width,
        weight_bits=layer.weight_bits,
        macs=layer.macs,
        cycles=time.cycles,
        busy_cycles=time.busy_cycles,
        **{f"waiting_{name}_cycles": time.waiting_cycles.get(name, 0) for name in WAITS},
        mac_utilisation_ratio=layer.macs / (time.cycles * macs_per_cycle),
        busy_ratio=time.busy_cycles / time.cycles,
        roofline_cycles=time.roofline.cycles,
        roofline_bound=time.roofline.bound,
        roofline_issue_cycles=time.roofline.issue_cycles,
        roofline_rescale_cycles=time.roofline.rescale_cycles,
        roofline_read_cycles=time.roofline.read_cycles,
        roofline_write_cycles=time.roofline.write_cycles,
        **byte_fields(time.traffic.bytes),
        total_bytes=total_bytes,
        **{f"useful_{name}": n for name, n in byte_fields(time.traffic.useful_bytes).items()},
        average_bandwidth_bytes_per_second=total_bytes * clock_hz / time.cycles,
    )


def byte_fields(counts: ByteCounts) -> dict[str, int]:
    """Return the bytes of the four classes under their names in the documents."""
    return {
        "program_bytes": counts.program,
        "weight_bytes": counts.weights,
        "features_read_bytes": counts.features_read,
        "features_written_bytes": counts.features_written,
    }


def operators(layer: Stage) -> tuple[Operator, ...]:
    """Return every operator of a fused layer: convolutions priced, the others fused into them.

    There is a convolution for each source; they are added up.

    Batch normalisation is not among them: it was folded into weights and bias before.
    """
    found = [
        *(Operator("convolution", _convolution(source), "priced") for source in layer.sources),
        Operator("bias", "", "fused"),
        Operator("rescale", f"{layer.output.bits} bits", "fused"),
    ]
    if layer.leaky_slope is not None:
        slope = layer.leaky_slope
        found.append(
            Operator("leaky ReLU", f"{slope:g}", "fused")
            if slope
            else Operator("ReLU", "", "fused")
        )
    if layer.clamp is not None:
        found.append(Operator("clamp", "{} to {}".format(*layer.clamp), "fused"))
    if layer.table is not None:
        found.append(Operator("table", f"{len(layer.table)} values", "fused"))
    if layer.channel_pool > 1:
        found.append(Operator("channel pool", str(layer.channel_pool), "fused"))
    if layer.spatial_pool != SpatialPool.NONE:
        found.append(Operator("spatial pool", _spatial_pool(layer.spatial_pool), "fused"))
    return tuple(found)


def _spatial_pool(pool: SpatialPool) -> str:
    """Return window and stride, `2/2` or, where their sides differ, `3x1/2x1`."""
    pairs = pool.window, pool.stride
    if all(rows == columns for rows, columns in pairs):
        return "/".join(str(rows) for rows, _ in pairs)
    return "/".join(f"{rows}x{columns}" for rows, columns in pairs)


def _convolution(source: Source) -> str:
    """Return the kernel of a source, and of its geometry what is out of the ordinary."""
    outer = source.outer
    rows, columns = outer.kernel
    words = [f"{rows}x{columns}"]
    for name, (down, across) in (("stride", outer.stride), ("dilation", outer.dilation)):
        if (down, across) != (1, 1):
            words.append(f"{name} {down}" if down == across else f"{name} {down}x{across}")
    if source.upsample > 1:
        words.append(f"upsampled x{source.upsample}")
    if source.groups > 1:
        words.append(f"in {source.groups} groups")
    if isinstance(source, GatheredSource):
        words.append(f"{IN_CELLS} of {source.cells.rows}x{source.cells.columns}")
    return " ".join(words)

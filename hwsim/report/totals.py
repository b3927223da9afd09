"""The figures of a whole frame."""

from dataclasses import dataclass

from hwsim.cost.estimate import Estimate
from hwsim.cost.gates import gate_error
from hwsim.report.bandwidth import (
    WINDOW_CYCLES,
    bus_bytes_per_cycle,
    bus_transfers,
    peak_window_bytes,
)
from hwsim.report.layers import WAITS, LayerFigures, byte_fields
from hwsim.timeline import whole
from hwsim.timeline.bounds import cycle_bounds

ENERGY_IS_CALIBRATED = False


@dataclass(frozen=True)
class MemoryFigures:
    """One on-chip memory."""

    name: str
    """Name of its contents."""
    size_bits: int
    """Its capacity."""


@dataclass(frozen=True)
class GateFigures:
    """One hardware module."""

    name: str
    """The module."""
    size_nand2: int
    """Its logic in NAND2 equivalents, memories left out."""


@dataclass(frozen=True)
class EnergyFigures:
    """Energy of one frame: counted operations times the config's coefficients."""

    is_calibrated: bool
    """False if the coefficients are assumed, from the sources named here."""
    mac_mj: float
    """Energy of the issued multiply-accumulates."""
    on_chip_mj: float
    """Energy of the bytes read from and written to on-chip memories."""
    dram_mj: float
    """Energy of the bytes over the bus."""
    total_mj: float
    """Sum of the three energies."""
    mac_source: str
    """Source of the energy of a multiply-accumulate."""
    on_chip_source: str
    """Source of the energy of an on-chip byte."""
    dram_source: str
    """Source of the energy of a DRAM byte."""


@dataclass(frozen=True)
class TotalFigures:
    """The cost of one frame."""

    macs: int
    """Useful multiply-accumulates."""
    cycles: int
    """Cycles from the start pulse to the program's end, as CYCLES counts; `irq` rises 2 later."""
    frame_seconds: float
    """Time of the cycles at the config's clock."""
    frames_per_second: float
    """The inverse of `frame_seconds`."""
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
    """Cycles of all layers from the array's last pixel until the outputs are in memory."""
    mac_utilisation_ratio: float
    """Useful MACs / (lanes x cycles)."""
    busy_ratio: float
    """Busy cycles / cycles."""
    roofline_cycles: int
    """The least cycles that the run could take: those for which the layers together need the
    resource that they need most, of the four of a layer's roofline."""
    program_bytes: int
    """Descriptors over the bus. Bytes that are not called useful are beats x bus width."""
    weight_bytes: int
    """Weights with bias and rescale parameters."""
    features_read_bytes: int
    """Features read."""
    features_written_bytes: int
    """Features written."""
    features_bytes: int
    """Features read and written."""
    total_bytes: int
    """All four classes."""
    useful_bytes: int
    """All four classes without padding channels and lanes."""
    average_bandwidth_bytes_per_second: float
    """Total bytes x frames per second."""
    peak_layer_bandwidth_bytes_per_second: float
    """The highest average bandwidth of a layer."""
    peak_bandwidth_layer: str
    """The layer with that average."""
    peak_window_bandwidth_bytes_per_second: float
    """The highest average of a window of `peak_window_cycles`, reads and writes together."""
    peak_window_cycles: int
    """Length of the windows into which the frame is cut."""
    bus_bandwidth_bytes_per_second: float
    """The most that memory and bus carry, with reads and writes at the same time."""
    peak_feature_bytes: int
    """The allocator's high-water mark of feature memory in DRAM."""
    least_feature_bytes: int
    """The lower bound of this mark: the largest sum of maps that are needed at the same time."""
    peak_feature_layer: str
    """The layer whose input and output together need the most feature memory."""
    on_chip_memory_bits: int
    """Capacity of all on-chip memories."""
    on_chip_memories: tuple[MemoryFigures, ...]
    """The on-chip memories, one by one."""
    energy: EnergyFigures | None
    """Energy of the frame, assumed and not calibrated; null without the config's `energy`."""
    cycles_error_ratio: float | None
    """The largest error of the cycles where they were compared with the Verilog's; null outside the
    range of configurations and memories in which they were."""
    gates_are_calibrated: bool
    """True if the configuration lies within the range in which synthesis checked the gate model."""
    gates_error_ratio: float | None
    """Worst error of the model's total there, on configurations it was not fitted to, else null."""
    gates_nand2: int
    """Gates of all modules."""
    gates: tuple[GateFigures, ...]
    """The modules, one by one."""


def total_figures(estimate: Estimate, layers: tuple[LayerFigures, ...]) -> TotalFigures:
    """Return the figures of the frame."""
    clock_hz = estimate.config.clock.clock_hz
    paid = estimate.traffic.bytes
    error, bounds = gate_error(estimate.config), cycle_bounds(estimate.config)
    busiest = max(layers, key=lambda layer: layer.average_bandwidth_bytes_per_second)
    window_bytes = round(peak_window_bytes(bus_transfers(estimate.timeline)))
    return TotalFigures(
        macs=estimate.graph.macs,
        cycles=estimate.timeline.cycles,
        frame_seconds=estimate.timeline.cycles / clock_hz,
        frames_per_second=estimate.frames_per_second,
        busy_cycles=sum(layer.busy_cycles for layer in layers),
        **{
            f"waiting_{name}_cycles": sum(
                getattr(layer, f"waiting_{name}_cycles") for layer in layers
            )
            for name in WAITS
        },
        mac_utilisation_ratio=estimate.mac_utilisation,
        busy_ratio=estimate.busy_share,
        roofline_cycles=whole([time.roofline for time in estimate.timeline.stages]).cycles,
        **byte_fields(paid),
        features_bytes=paid.features,
        total_bytes=paid.total,
        useful_bytes=estimate.traffic.useful_bytes.total,
        average_bandwidth_bytes_per_second=estimate.average_bytes_per_second,
        peak_layer_bandwidth_bytes_per_second=busiest.average_bandwidth_bytes_per_second,
        peak_bandwidth_layer=busiest.name,
        peak_window_bandwidth_bytes_per_second=window_bytes * clock_hz / WINDOW_CYCLES,
        peak_window_cycles=WINDOW_CYCLES,
        bus_bandwidth_bytes_per_second=bus_bytes_per_cycle(estimate.config) * clock_hz,
        peak_feature_bytes=estimate.peak_feature_bytes,
        least_feature_bytes=estimate.least_feature_bytes,
        peak_feature_layer=estimate.peak_feature_stage,
        on_chip_memory_bits=sum(memory.bits for memory in estimate.memories),
        on_chip_memories=tuple(
            MemoryFigures(memory.name, memory.bits) for memory in estimate.memories
        ),
        energy=_energy_figures(estimate),
        cycles_error_ratio=bounds.run if bounds else None,
        gates_are_calibrated=error is not None,
        gates_error_ratio=error.total if error else None,
        gates_nand2=sum(module.gates for module in estimate.gates),
        gates=tuple(GateFigures(module.name, module.gates) for module in estimate.gates),
    )


def _energy_figures(estimate: Estimate) -> EnergyFigures | None:
    energy, coefficients = estimate.energy, estimate.config.energy
    if energy is None or coefficients is None:
        return None
    return EnergyFigures(
        is_calibrated=ENERGY_IS_CALIBRATED,
        mac_mj=energy.mac_mj,
        on_chip_mj=energy.on_chip_mj,
        dram_mj=energy.dram_mj,
        total_mj=energy.total_mj,
        mac_source=coefficients.mac_source,
        on_chip_source=coefficients.on_chip_source,
        dram_source=coefficients.dram_source,
    )

"""Figures and sentences as text for people, the same in tables and on pages."""

from collections.abc import Iterable, Mapping
from typing import Any

from hwsim.report.comparison import ComparisonFigures
from hwsim.report.document import Document, RunFigures, TensorFigures
from hwsim.report.input_array import inputs_text
from hwsim.report.layers import Operator
from hwsim.report.totals import EnergyFigures, TotalFigures
from hwsim.report.verification import Verification

MEGA = 1e6
GIGA = 1e9
BITS_PER_KIB = 8 * 1024

MULTIPLIERS = {  # what gates count as a multiplier, by `array.multipliers`
    "dsp": "multipliers * as Yosys maps them",
    "tree": "carry-save Booth multipliers",
}
LEAST_CODES = 8  # of 256; a stored tensor that uses fewer is warned of


def megahertz(clock_hz: int) -> str:
    return f"{clock_hz / MEGA:g} MHz"


def millions(count: int, decimals: int = 1) -> str:
    return f"{count / MEGA:,.{decimals}f}"


def millijoules(energy_mj: float, total_mj: float) -> str:
    """Return an energy with enough decimals for the parts of the total."""
    return f"{energy_mj:.{2 if total_mj >= 1 else 4}f}"


def gigabytes(bytes_per_second: float) -> str:
    return f"{bytes_per_second / GIGA:.3f}"


def decibels(ratio_db: float | None) -> str:
    return "-" if ratio_db is None else f"{ratio_db:.1f}"


def kibibytes(bits: int) -> str:
    return f"{kibibyte_figure(bits)} KiB"


def kibibyte_figure(bits: int) -> str:
    return f"{bits / BITS_PER_KIB:,.1f}".removesuffix(".0")


def multipliers(config: Mapping[str, Any]) -> str:
    """Return what gates count as a multiplier; older documents name none."""
    return MULTIPLIERS[config["array"].get("multipliers", "dsp")]


def calibration(totals: TotalFigures) -> str:
    """Return a sentence about the error of the gate model, if that was measured."""
    if totals.gates_error_ratio is None:
        return "modelled; no synthesis was compared for such a configuration"
    return f"total within {totals.gates_error_ratio:.1%} of synthesis"


def cycles_error(totals: TotalFigures) -> str:
    """Return a sentence about the error of the cycles, if that was measured."""
    if totals.cycles_error_ratio is None:
        return "no Verilog was compared for such a configuration and memory"
    return f"within {totals.cycles_error_ratio:.1%} of the Verilog's"


def heading(document: Document | Verification) -> str:
    """Return the network and the accelerator in one line."""
    network, config = document.network, document.config
    array = config["array"]
    kernels = f"{document.file.arithmetic}, " if document.file else ""
    return (
        f"{network.name} {network.input_width_pixels}x{network.input_height_pixels}, "
        f"{kernels}{network.weight_bits}-bit weights, on {config['name']}: "
        f"{array['input_lanes']}x{array['output_lanes']} lanes, "
        f"{megahertz(config['clock']['clock_hz'])}"
    )


def convolutions(operators: Iterable[Operator]) -> str:
    """Return the kernel of every source's convolution, which are added up."""
    return " + ".join(each.parameter for each in operators if each.status == "priced")


def fused_operators(operators: Iterable[Operator]) -> str:
    """Return activation and pools in short form, without bias and rescale."""
    names = {
        "ReLU": "ReLU",
        "leaky ReLU": "leaky",
        "clamp": "clamp",
        "table": "table of",
        "channel pool": "channel pool",
        "spatial pool": "pool",
    }
    return ", ".join(
        f"{names[operator.name]} {operator.parameter}".strip()
        for operator in operators
        if operator.name in names
    )


def frame_facts(document: Document) -> dict[str, str]:
    """Return the figures of a frame that no table shows."""
    totals = document.totals
    memories = ", ".join(
        f"{memory.name} {kibibytes(memory.size_bits)}" for memory in totals.on_chip_memories
    )
    gates = ", ".join(f"{gate.name} {gate.size_nand2:,}" for gate in totals.gates)
    return {
        "frame rate": f"{totals.frames_per_second:,.2f} frames/s, "
        f"{totals.frame_seconds * 1e3:.3f} ms a frame",
        "cycles": f"{totals.cycles:,} a frame, {cycles_error(totals)}",
        "average bandwidth": f"{gigabytes(totals.average_bandwidth_bytes_per_second)} GB/s, "
        f"{totals.total_bytes:,} bytes a frame ({totals.useful_bytes:,} useful)",
        "peak bandwidth": f"{gigabytes(totals.peak_layer_bandwidth_bytes_per_second)} GB/s over "
        f"a layer ({totals.peak_bandwidth_layer}), "
        f"{gigabytes(totals.peak_window_bandwidth_bytes_per_second)} over "
        f"{totals.peak_window_cycles} cycles; "
        f"the bus carries {gigabytes(totals.bus_bandwidth_bytes_per_second)}",
        "peak feature memory": f"{totals.peak_feature_bytes:,} bytes of DRAM (lower bound "
        f"{totals.least_feature_bytes:,}), caused by {totals.peak_feature_layer}",
        "on-chip memory": f"{kibibytes(totals.on_chip_memory_bits)}: {memories}",
        **_energy_facts(totals.energy),
        "logic": f"{totals.gates_nand2:,} NAND2 equivalents, {calibration(totals)}; "
        f"{multipliers(document.config)}: {gates}",
    }


def _energy_facts(energy: EnergyFigures | None) -> dict[str, str]:
    """Return the energy of a frame, if the configuration says what an operation takes."""
    if energy is None:
        return {}
    parts = (energy.total_mj, energy.mac_mj, energy.on_chip_mj, energy.dram_mj)
    total, mac, on_chip, dram = (millijoules(part, energy.total_mj) for part in parts)
    return {
        "energy": f"{total} mJ a frame, assumed, not calibrated: "
        f"MACs {mac}, on-chip {on_chip}, DRAM {dram}"
    }


def price_lines(comparison: ComparisonFigures) -> tuple[str, ...]:
    """Return the lines that stand beside every comparison of A and C."""
    return (
        "C's condensed layers have k times A's weights, and compute k times A's MACs:",
        f"C moves {comparison.condensed_weight_ratio:.2f} times A's weight bytes "
        f"and {comparison.condensed_total_ratio:.2f} times A's bytes in all.",
        f"{comparison.paper} states a saving of {comparison.paper_saving_ratio:.1%}; how it counts "
        "is not known,",
        "and nothing here is fitted to it.",
    )


def saving_sentence(comparison: ComparisonFigures) -> str:
    """Return the saving and its price in one sentence."""
    return (
        f"Virtual feature maps save {comparison.feature_saving_ratio:.1%} of feature bytes and "
        f"{comparison.total_saving_ratio:.1%} of all bytes, (B - C) / B with all maps in memory; "
        f"{comparison.paper} states "
        f"{comparison.paper_saving_ratio:.1%}. C moves {comparison.condensed_weight_ratio:.2f} "
        "times A's weight bytes."
    )


def run_lines(run: RunFigures) -> tuple[str, ...]:
    """Return the image and the weights of a run, and whether it was compared."""
    known = {
        "seeded": (
            "Weights are seeded, and normalised by what the network is quantized on:",
            "values are spread as trained ones would be, detections mean nothing.",
        ),
        "graph": ("Constants are the network's own, so that there is no float network beside it.",),
    }
    weights = known.get(run.weights, (f"Weights are those of {run.weights}.",))
    checked = (
        "every element equals the integer reference's."
        if run.is_checked
        else "not compared with the reference, as --check would."
    )
    image = () if run.image_as is None else (f"Image: {run.image}, {run.image_as}.",)
    return (
        *weights,
        *image,
        f"Executed bit-exactly on {inputs_text(run.image, run.arrays)}; {checked}",
    )


def warning_lines(run: RunFigures) -> tuple[str, ...]:
    """Name the layers whose stored tensors show that quantization lost what they compute."""
    least = run.least_signal_to_noise_db
    lost = [
        f"{tensor.name} ({decibels(tensor.signal_to_noise_db)} dB)"
        for tensor in run.tensors
        if tensor.signal_to_noise_db is not None and tensor.signal_to_noise_db < least
    ]
    coarse = [
        f"{tensor.name} ({tensor.used_codes} of 256)"
        for tensor in run.tensors
        if tensor.used_codes < _least_codes(tensor)
    ]
    lines = []
    if lost:
        lines.append(
            f"quantization lost the signal of {', '.join(lost)}: "
            f"less than {least:g} dB over the noise against the float network"
        )
    if coarse:
        lines.append(
            f"few codes are used by {', '.join(coarse)}: fewer than {LEAST_CODES}, "
            "so that little of the map can be told apart"
        )
    return tuple(lines)


def _least_codes(tensor: TensorFigures) -> int:
    """Return how many codes a sound tensor uses; a tiny one cannot have many different values."""
    return min(LEAST_CODES, tensor.stored_elements // 2)

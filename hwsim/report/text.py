"""Numbers as people read them: the same in tables and on the page."""

from hwsim.report.totals import TotalFigures

MEGA = 1e6
GIGA = 1e9
BITS_PER_KIB = 8 * 1024


def megahertz(clock_hz: int) -> str:
    return f"{clock_hz / MEGA:g} MHz"


def millions(count: int) -> str:
    return f"{count / MEGA:,.1f}"


def gigabytes(bytes_per_second: float) -> str:
    return f"{bytes_per_second / GIGA:.3f}"


def kibibytes(bits: int) -> str:
    return f"{kibibyte_figure(bits)} KiB"


def kibibyte_figure(bits: int) -> str:
    return f"{bits / BITS_PER_KIB:,.1f}".removesuffix(".0")


def calibration(totals: TotalFigures) -> str:
    """How far the gate model can be trusted."""
    return f"total within {totals.gates_error_ratio:.1%} of synthesis"


def total_rows(totals: TotalFigures) -> dict[str, str]:
    """The figures of a frame that are no table of their own."""
    energy = totals.energy
    memories = ", ".join(
        f"{memory.name} {kibibytes(memory.size_bits)}" for memory in totals.on_chip_memories
    )
    gates = ", ".join(f"{gate.name} {gate.size_nand2:,}" for gate in totals.gates)
    return {
        "frame rate": f"{totals.frames_per_second:.2f} frames/s, "
        f"{totals.frame_seconds * 1e3:.3f} ms a frame",
        "average bandwidth": f"{gigabytes(totals.average_bandwidth_bytes_per_second)} GB/s, "
        f"{totals.total_bytes:,} bytes a frame ({totals.useful_bytes:,} useful)",
        "peak bandwidth": f"{gigabytes(totals.peak_layer_bandwidth_bytes_per_second)} GB/s over "
        f"a layer ({totals.peak_bandwidth_layer}), "
        f"{gigabytes(totals.peak_window_bandwidth_bytes_per_second)} over "
        f"{totals.peak_window_cycles} cycles; "
        f"the bus carries {gigabytes(totals.bus_bandwidth_bytes_per_second)}",
        "peak feature memory": f"{totals.peak_feature_bytes:,} bytes of DRAM, "
        f"caused by {totals.peak_feature_layer}",
        "on-chip memory": f"{kibibytes(totals.on_chip_memory_bits)}: {memories}",
        "energy": f"{energy.total_mj:.2f} mJ a frame, assumed, not calibrated: "
        f"MACs {energy.mac_mj:.2f}, on-chip {energy.on_chip_mj:.2f}, DRAM {energy.dram_mj:.2f}",
        "logic": f"{totals.gates_nand2:,} NAND2 equivalents, {calibration(totals)}: {gates}",
    }

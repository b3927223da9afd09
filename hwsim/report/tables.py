"""The tables of an estimate and of a run, one function each."""

from hwsim.report.comparison import ComparisonFigures
from hwsim.report.deviations import deviation_table
from hwsim.report.document import Document, RunFigures
from hwsim.report.file_figures import step_tables
from hwsim.report.file_outputs import output_table
from hwsim.report.layers import IN_CELLS, WAITS, LayerFigures
from hwsim.report.maps import MapFigures
from hwsim.report.table import Facts, Table
from hwsim.report.text import (
    calibration,
    convolutions,
    decibels,
    frame_facts,
    fused_operators,
    gigabytes,
    millions,
    price_lines,
    run_lines,
    warning_lines,
)
from hwsim.report.totals import EnergyFigures, TotalFigures

Layers = tuple[LayerFigures, ...]
MANY_MACS = 100_000_000  # of a network, from which on layers of few are not told apart
CELLS = "The host writes an input in cells as space to depth; memory.json has their places."
WITHOUT_MACS = "Layers that only add, pool, scale or move values count no MACs."
EARLY = (
    "A layer takes fewer cycles than its roofline where it begins, or its weights come, while the "
    "one before runs; the total is the least that a run can take."
)
BYTE_COLUMNS = ("program", "weights", "read", "written")


def document_tables(document: Document, verbose: bool = False) -> list[Table | Facts]:
    """Return every table of an estimate or a run."""
    return [
        *step_tables(document.file),
        *layer_tables(document, verbose),
        *frame_tables(document, verbose),
        *comparison_tables(document.comparison),
        *run_tables(document.run),
    ]


def layer_tables(document: Document, verbose: bool = False) -> list[Table]:
    """Return every layer's operators, cycles and bytes; `verbose` adds where they are spent."""
    layers, totals = document.layers, document.totals
    tables = [operators(layers), speed(layers, totals)]
    if verbose:
        tables.append(waiting(layers, totals))
    tables.append(traffic(layers, totals))
    if any(each.place != "memory" for each in document.maps):
        tables.append(maps(document.maps))
    if verbose:
        tables.append(useful_traffic(layers))
    return tables


def frame_tables(document: Document, verbose: bool = False) -> list[Table | Facts]:
    """Return the cost of a whole frame; `verbose` adds where gates and energy come from."""
    totals = document.totals
    facts = frame_facts(document)
    if document.file is not None and document.file.host_steps:
        facts["frame rate"] += ", without the host's time"
    tables: list[Table | Facts] = [Facts("One frame", facts)]
    if verbose:
        tables.append(gates(totals))
        if totals.energy is not None:
            tables.append(energy_sources(totals.energy))
    return tables


def comparison_tables(comparison: ComparisonFigures | None) -> list[Table]:
    """Return A, B, B' and C, and their differences; no table if no layer is condensed."""
    return [] if comparison is None else [variants(comparison), savings(comparison)]


def run_tables(run: RunFigures | None) -> list[Table]:
    """Return the network's outputs and all tensors that a run stored; no table without a run."""
    if run is None:
        return []
    ends = output_table(run.file_outputs) if run.file_outputs else outputs(run)
    off = [deviation_table(run.deviations)] if run.deviations else []
    return [ends, *off, tensors(run)]


def operators(layers: Layers) -> Table:
    """Return shapes, the filters that are priced, and the operators that are fused into them."""
    return Table(
        "Layers: filters in the MAC array (sums and pools too), and what is fused",
        ("layer", "input", "stored", "filters", "fused"),
        (),
        tuple(
            (
                layer.name,
                str(layer.input_shape),
                str(layer.stored_shape),
                f"{layer.filters} {convolutions(layer.operators)}",
                fused_operators(layer.operators) or "-",
            )
            for layer in layers
        ),
        notes=(CELLS,) if any(IN_CELLS in convolutions(each.operators) for each in layers) else (),
    )


def speed(layers: Layers, totals: TotalFigures) -> Table:
    decimals = 1 if totals.macs >= MANY_MACS else 3
    rows = []
    for layer in layers:
        cause, cycles = layer.largest_wait
        rows.append(
            (
                layer.name,
                millions(layer.macs, decimals),
                f"{layer.cycles:,}",
                f"{layer.roofline_cycles:,}",
                layer.roofline_bound,
                f"{layer.mac_utilisation_ratio:.1%}",
                f"{layer.busy_ratio:.1%}",
                f"{cause} {cycles / layer.cycles:.1%}",
            )
        )
    total = (
        "total",
        millions(totals.macs, decimals),
        f"{totals.cycles:,}",
        f"{totals.roofline_cycles:,}",
        "",
        f"{totals.mac_utilisation_ratio:.1%}",
        f"{totals.busy_ratio:.1%}",
        "",
    )
    return Table(
        "Cycles against the roofline, and what the MAC array waits for most",
        ("layer",),
        ("MACs/M", "cycles", "roofline", "bound", "in use", "busy", "waiting"),
        tuple(rows),
        (total,),
        (
            *(() if all(layer.macs for layer in layers) else (WITHOUT_MACS,)),
            *((EARLY,) if any(layer.roofline_cycles > layer.cycles for layer in layers) else ()),
        ),
    )


def waiting(layers: Layers, totals: TotalFigures) -> Table:
    def row(name: str, figures: LayerFigures | TotalFigures) -> tuple[str, ...]:
        waits: list[int] = [getattr(figures, f"waiting_{cause}_cycles") for cause in WAITS]
        return (name, *_integers(figures.busy_cycles, *waits, figures.cycles))

    return Table(
        "Where the cycles go: the MAC array is busy, or waits for",
        ("layer",),
        ("busy", *WAITS, "cycles"),
        tuple(row(layer.name, layer) for layer in layers),
        (row("total", totals),),
    )


def traffic(layers: Layers, totals: TotalFigures) -> Table:
    def row(name: str, figures: LayerFigures | TotalFigures) -> tuple[str, ...]:
        counts = _integers(
            figures.program_bytes,
            figures.weight_bytes,
            figures.features_read_bytes,
            figures.features_written_bytes,
            figures.total_bytes,
        )
        return (name, *counts, gigabytes(figures.average_bandwidth_bytes_per_second))

    return Table(
        "Bytes over the memory bus (beats x bus width), and average bandwidth",
        ("layer",),
        (*BYTE_COLUMNS, "total", "GB/s"),
        tuple(row(layer.name, layer) for layer in layers),
        (row("total", totals),),
    )


def maps(figures: tuple[MapFigures, ...]) -> Table:
    """Return where each map lives, and what those save that stay on the chip."""
    return Table(
        "Maps: where each lives, and the bytes that it saves on the bus",
        ("map", "computed by", "lives in"),
        ("bytes", "saves"),
        tuple(
            (each.name, each.layer, _lives_in(each), *_integers(each.size_bytes, each.saved_bytes))
            for each in figures
        ),
        (("total", "", "", "", f"{sum(each.saved_bytes for each in figures):,}"),),
        ("Beside the same network with all maps in memory, --no-residency.",),
    )


def _lives_in(figures: MapFigures) -> str:
    if figures.ring_rows is None:
        return figures.place
    return f"{figures.place}, {figures.ring_rows} rows"


def useful_traffic(layers: Layers) -> Table:
    return Table(
        "Of them useful: no padding channels or lanes, no fourth byte per pixel",
        ("layer",),
        BYTE_COLUMNS,
        tuple(
            (
                layer.name,
                *_integers(
                    layer.useful_program_bytes,
                    layer.useful_weight_bytes,
                    layer.useful_features_read_bytes,
                    layer.useful_features_written_bytes,
                ),
            )
            for layer in layers
        ),
    )


def gates(figures: TotalFigures) -> Table:
    return Table(
        f"Gates per module, {calibration(figures)}",
        ("module",),
        ("NAND2", "share"),
        tuple(
            (gate.name, f"{gate.size_nand2:,}", f"{gate.size_nand2 / figures.gates_nand2:.1%}")
            for gate in figures.gates
        ),
    )


def energy_sources(energy: EnergyFigures) -> Facts:
    return Facts(
        "Sources of the energy coefficients: assumed, not calibrated",
        {
            "MAC": energy.mac_source,
            "on-chip byte": energy.on_chip_source,
            "DRAM byte": energy.dram_source,
        },
    )


def variants(comparison: ComparisonFigures) -> Table:
    rows = tuple(
        (
            variant.key,
            millions(variant.macs),
            *_integers(
                variant.program_bytes,
                variant.weight_bytes,
                variant.features_bytes,
                variant.total_bytes,
                variant.peak_feature_bytes,
            ),
        )
        for variant in comparison.variants
    )
    return Table(
        "Bytes of the same detector, run four ways, all maps in memory (--no-residency)",
        ("",),
        ("MACs/M", "program", "weights", "features", "total", "peak maps"),
        rows,
        notes=tuple(
            f"{variant.key + ':':3} {variant.description}" for variant in comparison.variants
        ),
    )


def savings(comparison: ComparisonFigures) -> Table:
    paper = comparison.paper_saving_ratio
    rows = {
        "(B - C) / B": (comparison.feature_saving_ratio, comparison.total_saving_ratio),
        "(B' - C) / B'": (
            comparison.unpooled_feature_saving_ratio,
            comparison.unpooled_total_saving_ratio,
        ),
        f"{comparison.paper}, 'memory bandwidth'": (paper, paper),
    }
    return Table(
        "Saving of virtual maps (C), beside the paper's figure",
        ("",),
        ("features alone", "all traffic"),
        tuple((name, *(f"{ratio:.1%}" for ratio in ratios)) for name, ratios in rows.items()),
        notes=price_lines(comparison),
    )


def outputs(run: RunFigures) -> Table:
    return Table(
        "Outputs: an int8 element stands for scale x (element - zero point)",
        ("tensor", "shape"),
        ("scale", "zero point"),
        tuple(
            (
                output.name,
                f"{output.stored_channels}x{output.stored_height_pixels}"
                f"x{output.stored_width_pixels}",
                f"{output.scale:.6g}",
                f"{output.zero_point}",
            )
            for output in run.outputs
        ),
    )


def tensors(run: RunFigures) -> Table:
    """Return what the stored tensors hold, beside the float network's where there is one."""
    has_noise = any(tensor.signal_to_noise_db is not None for tensor in run.tensors)
    rows = tuple(
        (
            tensor.name,
            f"{tensor.stored_elements:,}",
            f"{tensor.used_codes}",
            f"{tensor.saturated_ratio:.2%}",
            *((decibels(tensor.signal_to_noise_db),) if has_noise else ()),
        )
        for tensor in run.tensors
    )
    return Table(
        "Stored tensors: codes used of 256, share at the ends"
        + (", signal-to-noise against float" if has_noise else ""),
        ("layer",),
        ("elements", "codes used", "at the ends", *(("SNR/dB",) if has_noise else ())),
        rows,
        notes=(*(f"warning: {line}" for line in warning_lines(run)), *run_lines(run)),
    )


def _integers(*numbers: int) -> tuple[str, ...]:
    return tuple(f"{number:,}" for number in numbers)

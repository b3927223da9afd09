"""The tables of the terminal, one function each."""

from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table

from hwsim.escape import visible
from hwsim.report.comparison import ComparisonFigures
from hwsim.report.document import RunFigures
from hwsim.report.layers import WAITS, LayerFigures
from hwsim.report.text import gigabytes, millions, total_rows
from hwsim.report.totals import TotalFigures

Layers = tuple[LayerFigures, ...]


def operators(layers: Layers) -> Table:
    """Shapes, the convolution that is priced, and what is fused into it."""
    table = new_table(("layer", "input", "stored", "filters", "fused"))
    for layer in layers:
        table.add_row(
            layer.name,
            str(layer.input_shape),
            str(layer.stored_shape),
            f"{layer.filters} {layer.operators[0].parameter}",
            fused_operators(layer) or "-",
        )
    return table


def fused_operators(layer: LayerFigures) -> str:
    """Activation and pools in short; bias and rescale, which every layer has, left out."""
    names = {"leaky ReLU": "leaky", "channel pool": "channel pool", "spatial pool": "pool"}
    return ", ".join(
        f"{names[operator.name]} {operator.parameter}"
        for operator in layer.operators
        if operator.name in names
    )


def speed(layers: Layers, totals: TotalFigures) -> Table:
    columns = ("MACs/M", "cycles", "roofline", "bound", "MAC use", "busy", "waiting")
    table = new_table(("layer",), columns)
    for layer in layers:
        cause, cycles = layer.largest_wait
        table.add_row(
            layer.name,
            millions(layer.macs),
            f"{layer.cycles:,}",
            f"{layer.roofline_cycles:,}",
            layer.roofline_bound,
            f"{layer.mac_utilisation_ratio:.1%}",
            f"{layer.busy_ratio:.1%}",
            f"{cause} {cycles / layer.cycles:.1%}",
        )
    table.add_section()
    table.add_row(
        "total",
        millions(totals.macs),
        f"{totals.cycles:,}",
        f"{totals.roofline_cycles:,}",
        "",
        f"{totals.mac_utilisation_ratio:.1%}",
        f"{totals.busy_ratio:.1%}",
        "",
    )
    return table


def waiting(layers: Layers, totals: TotalFigures) -> Table:
    table = new_table(("layer",), ("busy", *WAITS, "cycles"))
    for figures in _rows(layers, totals):
        waits: list[int] = [getattr(figures, f"waiting_{name}_cycles") for name in WAITS]
        _add_integers(table, figures, (figures.busy_cycles, *waits, figures.cycles))
    return table


def traffic(layers: Layers, totals: TotalFigures) -> Table:
    table = new_table(("layer",), ("program", "weights", "read", "written", "total", "GB/s"))
    for figures in _rows(layers, totals):
        numbers = (
            figures.program_bytes,
            figures.weight_bytes,
            figures.features_read_bytes,
            figures.features_written_bytes,
            figures.total_bytes,
        )
        rate = gigabytes(figures.average_bandwidth_bytes_per_second)
        _add_integers(table, figures, numbers, rate)
    return table


def useful_traffic(layers: Layers) -> Table:
    table = new_table(("layer",), ("program", "weights", "read", "written"))
    for layer in layers:
        numbers = (
            layer.useful_program_bytes,
            layer.useful_weight_bytes,
            layer.useful_features_read_bytes,
            layer.useful_features_written_bytes,
        )
        _add_integers(table, layer, numbers)
    return table


def totals(figures: TotalFigures) -> Table:
    return _prose(total_rows(figures))


def gates(figures: TotalFigures) -> Table:
    table = new_table(("module",), ("NAND2", "share"))
    for gate in figures.gates:
        share = gate.size_nand2 / figures.gates_nand2
        table.add_row(gate.name, f"{gate.size_nand2:,}", f"{share:.1%}")
    return table


def energy_sources(figures: TotalFigures) -> Table:
    energy = figures.energy
    return _prose(
        {
            "MAC": energy.mac_source,
            "on-chip byte": energy.on_chip_source,
            "DRAM byte": energy.dram_source,
        }
    )


def variants(comparison: ComparisonFigures) -> Table:
    columns = ("MACs/M", "program", "weights", "features", "total", "peak maps")
    table = new_table(("",), columns)
    for variant in comparison.variants:
        numbers = (
            variant.program_bytes,
            variant.weight_bytes,
            variant.features_bytes,
            variant.total_bytes,
            variant.peak_feature_bytes,
        )
        table.add_row(variant.key, millions(variant.macs), *(f"{number:,}" for number in numbers))
    return table


def savings(comparison: ComparisonFigures) -> Table:
    table = new_table(("",), ("features alone", "all traffic"))
    rows = {
        "(B - C) / B": (comparison.feature_saving_ratio, comparison.total_saving_ratio),
        "(B' - C) / B'": (
            comparison.unpooled_feature_saving_ratio,
            comparison.unpooled_total_saving_ratio,
        ),
    }
    for name, ratios in rows.items():
        table.add_row(name, *(f"{ratio:.1%}" for ratio in ratios))
    paper = f"{comparison.paper_saving_ratio:.1%}"
    table.add_row(f"{comparison.paper}, 'memory bandwidth'", paper, paper)
    return table


def tensors(run: RunFigures) -> Table:
    table = new_table(("layer",), ("elements", "codes used", "saturated"))
    for tensor in run.tensors:
        table.add_row(
            tensor.name,
            f"{tensor.stored_elements:,}",
            f"{tensor.used_codes}",
            f"{tensor.saturated_ratio:.2%}",
        )
    return table


def _rows(layers: Layers, totals: TotalFigures) -> list[LayerFigures | TotalFigures]:
    return [*layers, totals]


def _add_integers(
    table: Table, figures: LayerFigures | TotalFigures, numbers: Iterable[int], *last: str
) -> None:
    """A row of exact numbers: a layer's, or behind a rule the total's."""
    if isinstance(figures, TotalFigures):
        table.add_section()
    name = "total" if isinstance(figures, TotalFigures) else figures.name
    table.add_row(name, *(f"{number:,}" for number in numbers), *last)


class VisibleTable(Table):
    """A table whose cells show control characters instead of sending them to the terminal."""

    def add_row(self, *cells: RenderableType | None, **style: Any) -> None:
        super().add_row(*(visible(x) if isinstance(x, str) else x for x in cells), **style)


def new_table(names: Iterable[str], numbers: Iterable[str] = ()) -> Table:
    """A table of left-aligned columns, then right-aligned ones."""
    table = VisibleTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _prose(rows: dict[str, str]) -> Table:
    """Names on the left, text on the right, wrapped to the terminal."""
    table = VisibleTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in rows.items():
        table.add_row(name, text)
    return table

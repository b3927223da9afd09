"""The parts of the HTML page that are no charts: key figures, tables, style."""

from collections.abc import Iterable, Sequence
from html import escape

from hwsim.report.document import Document
from hwsim.report.layers import LayerFigures
from hwsim.report.tables import fused_operators
from hwsim.report.terminal import price_lines
from hwsim.report.text import calibration, gigabytes, kibibyte_figure, millions, total_rows
from hwsim.report.totals import TotalFigures

STYLE = """
:root { color-scheme: light; --ink: #1c2530; --soft: #5b6773; --line: #dde3e9; --tint: #f4f6f8; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--tint); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1760px; margin: 0 auto; padding: 24px; }
header { margin-bottom: 20px; }
h1 { margin: 0; font-size: 30px; }
h2 { margin: 0 0 2px; font-size: 18px; }
header p, section > p { margin: 0 0 6px; color: var(--soft); }
section { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 16px 18px;
  min-width: 0; margin-bottom: 20px; }
.key { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px;
  padding: 0; border: 0; background: none; }
.key div { background: #fff; border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 16px; }
.key b { display: block; font-size: 24px; font-weight: 600; white-space: nowrap; }
.key small { font-size: 14px; font-weight: 400; }
.key span { color: var(--soft); font-size: 13px; }
.charts { display: grid; grid-template-columns: 1fr; gap: 0 20px; }
@media (min-width: 1700px) { .key { grid-template-columns: repeat(8, 1fr); } }
@media (max-width: 800px) { .key { grid-template-columns: repeat(2, 1fr); } }
@media (min-width: 1100px) { .charts { grid-template-columns: 1fr 1fr; }
  .charts .memory, .charts .timeline { grid-column: 1 / -1; } }
.chart > div { height: 400px; }
.timeline > div { height: 430px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-bottom: 12px; }
th, td { padding: 4px 12px 4px 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; font-size: 13px; }
th.word, td.word { text-align: left; }
td.prose { text-align: left; white-space: normal; }
tr.total td { font-weight: 600; border-top: 2px solid var(--ink); }
footer { color: var(--soft); font-size: 13px; }
"""


def key_figures(document: Document) -> str:
    """The figures that an engineer asks for first."""
    totals = document.totals
    cards = [
        (
            f"{totals.frames_per_second:.2f}",
            "frames/s",
            f"{totals.frame_seconds * 1e3:.3f} ms, {totals.cycles:,} cycles a frame",
        ),
        (
            f"{totals.mac_utilisation_ratio:.1%}",
            "of MACs used",
            f"{millions(totals.macs)} M MACs; array busy {totals.busy_ratio:.1%}",
        ),
        (
            f"{totals.total_bytes / 1e6:,.2f}",
            "MB a frame",
            f"features {totals.features_bytes / 1e6:,.2f}, "
            f"weights {totals.weight_bytes / 1e6:,.2f}",
        ),
        (
            gigabytes(totals.average_bandwidth_bytes_per_second),
            "GB/s",
            f"peak {gigabytes(totals.peak_layer_bandwidth_bytes_per_second)} over a layer, "
            f"{gigabytes(totals.peak_window_bandwidth_bytes_per_second)} over "
            f"{totals.peak_window_cycles} cycles",
        ),
        (
            f"{totals.peak_feature_bytes / 1024:,.0f}",
            "KiB of features",
            f"peak in DRAM, caused by {totals.peak_feature_layer}",
        ),
        (kibibyte_figure(totals.on_chip_memory_bits), "KiB on chip", "all buffers"),
        (f"{totals.energy.total_mj:.2f}", "mJ a frame", "assumed, not calibrated"),
        (f"{totals.gates_nand2 / 1e3:,.0f}", "k NAND2", f"logic, {calibration(totals)}"),
    ]
    divs = "".join(
        f"<div><b>{escape(value)} <small>{escape(unit)}</small></b>"
        f"<span>{escape(note)}</span></div>"
        for value, unit, note in cards
    )
    return f'<section class="key">{divs}</section>'


def comparison_section(document: Document) -> str:
    """Totals A, B, B' and C, and what the difference is worth."""
    comparison = document.comparison
    if comparison is None:
        return ""
    rows = [
        [f"{item.key}: {item.description}", millions(item.macs)]
        + [
            f"{number:,}"
            for number in (
                item.program_bytes,
                item.weight_bytes,
                item.features_bytes,
                item.total_bytes,
                item.peak_feature_bytes,
            )
        ]
        for item in comparison.variants
    ]
    header = ("bytes per frame", "MACs/M", "program", "weights", "features", "total", "peak maps")
    paper = f"{comparison.paper_saving_ratio:.1%}"
    savings = [
        [
            "(B - C) / B",
            f"{comparison.feature_saving_ratio:.1%}",
            f"{comparison.total_saving_ratio:.1%}",
        ],
        [
            "(B' - C) / B'",
            f"{comparison.unpooled_feature_saving_ratio:.1%}",
            f"{comparison.unpooled_total_saving_ratio:.1%}",
        ],
        [f"{comparison.paper}, 'memory bandwidth'", paper, paper],
    ]
    return (
        "<section><h2>What virtual feature maps save</h2>"
        f"<p>{escape(' '.join(price_lines(comparison)))}</p>"
        f"{_table(('saving', 'features alone', 'all traffic'), savings)}"
        f"{_table(header, rows)}</section>"
    )


def layer_section(document: Document) -> str:
    """Every layer and the totals as tables."""
    frame = [[name, text] for name, text in total_rows(document.totals).items()]
    return (
        "<section><h2>Layers</h2><p>Convolutions are priced; bias, rescale and the operators "
        f"under \u201cfused\u201d are fused into them.</p>{_speed_table(document)}</section>"
        "<section><h2>Bytes over the memory bus</h2><p>Beats times bus width, padding included."
        f"</p>{_traffic_table(document)}</section>"
        f"<section><h2>One frame</h2>{_table((), frame, kinds=('word', 'prose'))}</section>"
    )


def _speed_table(document: Document) -> str:
    totals = document.totals
    rows = [
        [
            layer.name,
            str(layer.input_shape),
            str(layer.stored_shape),
            f"{layer.filters} of {layer.operators[0].parameter}",
            fused_operators(layer) or "-",
            layer.roofline_bound,
            millions(layer.macs),
            f"{layer.cycles:,}",
            f"{layer.roofline_cycles:,}",
            f"{layer.mac_utilisation_ratio:.1%}",
            f"{layer.busy_ratio:.1%}",
        ]
        for layer in document.layers
    ]
    last = [
        "total",
        *[""] * 5,
        millions(totals.macs),
        f"{totals.cycles:,}",
        f"{totals.roofline_cycles:,}",
        f"{totals.mac_utilisation_ratio:.1%}",
        f"{totals.busy_ratio:.1%}",
    ]
    words = ("layer", "input", "stored", "filters", "fused", "bound")
    header = (*words, "MACs/M", "cycles", "roofline", "MAC use", "busy")
    return _table(header, rows, last, ("word",) * len(words))


def _traffic_table(document: Document) -> str:
    def numbers(figures: LayerFigures | TotalFigures) -> list[str]:
        return [
            f"{figures.program_bytes:,}",
            f"{figures.weight_bytes:,}",
            f"{figures.features_read_bytes:,}",
            f"{figures.features_written_bytes:,}",
            f"{figures.total_bytes:,}",
            gigabytes(figures.average_bandwidth_bytes_per_second),
        ]

    header = ("layer", "program", "weights", "features read", "features written", "total", "GB/s")
    rows = [[layer.name, *numbers(layer)] for layer in document.layers]
    return _table(header, rows, ["total", *numbers(document.totals)])


def _table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    last: Sequence[str] = (),
    kinds: Sequence[str] = ("word",),
) -> str:
    """Rows of a table. `kinds` are the classes of the first columns; the others hold numbers."""

    def cells(tag: str, texts: Sequence[str]) -> str:
        classes = [f' class="{kind}"' for kind in kinds] + [""] * len(texts)
        return "".join(
            f"<{tag}{kind}>{escape(text)}</{tag}>"
            for text, kind in zip(texts, classes, strict=False)
        )

    lines = [f"<tr>{cells('th', header)}</tr>"] if header else []
    lines += [f"<tr>{cells('td', row)}</tr>" for row in rows]
    if last:
        lines.append(f'<tr class="total">{cells("td", last)}</tr>')
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'

"""HTML pages that work alone, without internet, server or fonts."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from markupsafe import Markup

from hwsim.cost.estimate import Estimate
from hwsim.extras import needing_extra
from hwsim.report.charts import (
    Figure,
    cycles_chart,
    memory_chart,
    shares_chart,
    traffic_chart,
)
from hwsim.report.document import Document
from hwsim.report.file_figures import step_tables
from hwsim.report.tables import comparison_tables, frame_tables, layer_tables, run_tables
from hwsim.report.templating import environment
from hwsim.report.text import (
    calibration,
    gigabytes,
    heading,
    kibibyte_figure,
    millijoules,
    millions,
    run_lines,
    saving_sentence,
    warning_lines,
)
from hwsim.report.timeline_chart import timeline_chart, timeline_note
from hwsim.report.totals import EnergyFigures

FEATURE_CLASSES = ("features_read_bytes", "features_written_bytes")
ALL_CLASSES = ("weight_bytes", *FEATURE_CLASSES, "program_bytes")


@dataclass(frozen=True)
class KeyFigure:
    """One of the figures that an engineer asks for first."""

    value: str
    unit: str
    note: str


@dataclass(frozen=True)
class Chart:
    """A figure of Plotly, with the text above it."""

    title: str
    note: str
    figure: Figure


def plotly_script() -> str:
    """Return Plotly's JavaScript from its wheel. Raises `InputError` if Plotly is missing."""
    with needing_extra("html", "an HTML page"):
        spec = find_spec("plotly")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("No module named 'plotly'", name="plotly")
    return (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_text("utf-8")


def page_text(document: Document, estimate: Estimate) -> str:
    """Return the page of one network. The same document gives the same bytes."""
    charts = _charts(document, estimate)
    return (
        environment()
        .get_template("network.html")
        .render(
            hwsim_version=document.hwsim_version,
            has_energy=document.totals.energy is not None,
            name=document.network.name,
            heading=heading(document),
            run_lines=run_lines(document.run) if document.run else (),
            warnings=warning_lines(document.run) if document.run else (),
            key_figures=key_figures(document),
            step_tables=step_tables(document.file),
            comparison_tables=comparison_tables(document.comparison),
            charts=charts,
            figures={name: chart.figure for name, chart in charts.items()},
            layer_tables=layer_tables(document, verbose=True),
            run_tables=run_tables(document.run),
            frame_tables=frame_tables(document, verbose=True),
            plotly=Markup(plotly_script()),
        )
    )


def index_text(documents: Sequence[Document]) -> str:
    """Return the first page of a report on several networks, whose files are in the same folder."""
    return (
        environment()
        .get_template("index.html")
        .render(
            hwsim_version=documents[0].hwsim_version,
            has_energy=documents[0].totals.energy is not None,
            networks=[_index_entry(document) for document in documents],
        )
    )


def _index_entry(document: Document) -> dict[str, Any]:
    name = document.network.name
    lines = [" ".join(run_lines(document.run))] if document.run else []
    if document.comparison:
        lines.append(saving_sentence(document.comparison))
    return {
        "name": name,
        "heading": heading(document),
        "warnings": warning_lines(document.run) if document.run else (),
        "lines": lines,
        "key_figures": key_figures(document),
        "files": {
            "charts and tables": f"{name}.html",
            "JSON": f"{name}.json",
            "CSV": f"{name}.csv",
            "trace for ui.perfetto.dev": f"{name}.trace.json",
        },
    }


def key_figures(document: Document) -> tuple[KeyFigure, ...]:
    """Return the figures that an engineer asks for first."""
    totals = document.totals
    return (
        KeyFigure(
            f"{totals.frames_per_second:,.2f}",
            "frames/s",
            f"{totals.frame_seconds * 1e3:.3f} ms, {totals.cycles:,} cycles a frame",
        ),
        KeyFigure(
            f"{totals.mac_utilisation_ratio:.1%}",
            "of MACs used",
            f"{millions(totals.macs)} M MACs; array busy {totals.busy_ratio:.1%}",
        ),
        KeyFigure(
            f"{totals.total_bytes / 1e6:,.2f}",
            "MB a frame",
            f"features {totals.features_bytes / 1e6:,.2f}, "
            f"weights {totals.weight_bytes / 1e6:,.2f}",
        ),
        KeyFigure(
            gigabytes(totals.average_bandwidth_bytes_per_second),
            "GB/s",
            f"peak {gigabytes(totals.peak_layer_bandwidth_bytes_per_second)} over a layer, "
            f"{gigabytes(totals.peak_window_bandwidth_bytes_per_second)} over "
            f"{totals.peak_window_cycles} cycles",
        ),
        KeyFigure(
            f"{totals.peak_feature_bytes / 1024:,.0f}",
            "KiB of features",
            f"peak in DRAM, caused by {totals.peak_feature_layer}",
        ),
        KeyFigure(kibibyte_figure(totals.on_chip_memory_bits), "KiB on chip", "all buffers"),
        *_energy_figure(totals.energy),
        KeyFigure(f"{totals.gates_nand2 / 1e3:,.0f}", "k NAND2", f"logic, {calibration(totals)}"),
    )


def _energy_figure(energy: EnergyFigures | None) -> tuple[KeyFigure, ...]:
    if energy is None:
        return ()
    total = millijoules(energy.total_mj, energy.total_mj)
    return (KeyFigure(total, "mJ a frame", "assumed, not calibrated"),)


def _charts(document: Document, estimate: Estimate) -> dict[str, Chart]:
    """Return every chart under the name of its element."""
    timeline, among, between = estimate.timeline, "", ""
    if len(estimate.program.programs) > 1:
        among = " Operators of the host stand among the layers."
        between = " The host's time between programs is left out."
    by_variant = ": A, B and C side by side" if document.comparison else ""
    return {
        "features": Chart(
            f"Feature traffic{by_variant}",
            "Bytes of feature maps over the memory bus, per layer.",
            traffic_chart(document, FEATURE_CLASSES),
        ),
        "traffic": Chart(
            f"All traffic{by_variant}",
            "The same with weights and program.",
            traffic_chart(document, ALL_CLASSES),
        ),
        "cycles": Chart(
            "Cycles against the roofline",
            "The MAC array is busy or waits; the black line is the least that the layer can take.",
            cycles_chart(document),
        ),
        "shares": Chart(
            "Where each layer's cycles go",
            "In percent of the layer's own cycles, so that short layers can be read.",
            shares_chart(document),
        ),
        "memory": Chart(
            "Feature memory over time",
            "Each feature map from the layer that writes it to the layer that reads it, at its "
            f"place in DRAM.{among}",
            memory_chart(document, estimate.program),
        ),
        "timeline": Chart(
            "Tile timeline", timeline_note(timeline) + between, timeline_chart(timeline)
        ),
    }

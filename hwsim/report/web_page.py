"""The estimate as one HTML page that needs nothing else: no network, no server, no fonts."""

import json
from html import escape
from importlib.util import find_spec
from pathlib import Path

from hwsim.cost.estimate import Estimate
from hwsim.report.charts import (
    Figure,
    cycles_chart,
    memory_chart,
    shares_chart,
    traffic_chart,
)
from hwsim.report.document import Document
from hwsim.report.page_parts import STYLE, comparison_section, key_figures, layer_section
from hwsim.report.terminal import heading, run_lines
from hwsim.report.timeline_chart import timeline_chart
from hwsim.timeline import Timeline

SETTINGS = {"responsive": True, "displayModeBar": False}
FEATURE_CLASSES = ("features_read_bytes", "features_written_bytes")
ALL_CLASSES = ("weight_bytes", *FEATURE_CLASSES, "program_bytes")


def plotly_script() -> str:
    """Plotly's JavaScript from its wheel. Raises `ModuleNotFoundError` where that is missing."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'plotly'", name="plotly")
    return (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_text("utf-8")


def page_text(document: Document, estimate: Estimate) -> str:
    """The whole page. The same document gives the same bytes."""
    charts = _charts(document, estimate.timeline)
    sections = "\n".join(
        f'<section class="chart {name}"><h2>{escape(title)}</h2><p>{escape(note)}</p>'
        f'<div id="{name}"></div></section>'
        for name, (title, note, _) in charts.items()
    )
    run = " ".join(run_lines(document.run)) if document.run else ""
    figures = json.dumps(
        {name: figure for name, (_, _, figure) in charts.items()},
        separators=(",", ":"),
        allow_nan=False,
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(heading(document))}</title>
<style>{STYLE}</style>
<script>{plotly_script()}</script>
</head>
<body>
<main>
<header><h1>{escape(document.network.name)}</h1><p>{escape(heading(document))}</p>
<p>{escape(run)}</p></header>
{key_figures(document)}
{comparison_section(document)}
<div class="charts">
{sections}
</div>
{layer_section(document)}
<footer>hwsim {escape(document.hwsim_version)}. Energy is assumed, not calibrated; gates come from a
model fitted to synthesis.</footer>
</main>
<script>
const figures = {figures.replace("</", "<" + chr(92) + "/")};
for (const [id, figure] of Object.entries(figures)) {{
  Plotly.newPlot(id, figure.data, figure.layout, {json.dumps(SETTINGS)});
}}
</script>
</body>
</html>
"""


def _charts(document: Document, timeline: Timeline) -> dict[str, tuple[str, str, Figure]]:
    """Under the name of its element: each chart's title, a note, and the chart."""
    by_variant = ": A, B and C side by side" if document.comparison else ""
    return {
        "features": (
            f"Feature traffic{by_variant}",
            "Bytes of feature maps over the memory bus, per layer.",
            traffic_chart(document, FEATURE_CLASSES),
        ),
        "traffic": (
            f"All traffic{by_variant}",
            "The same with weights and program.",
            traffic_chart(document, ALL_CLASSES),
        ),
        "cycles": (
            "Cycles against the roofline",
            "The MAC array is busy or waits; the black line is the least that the layer can take.",
            cycles_chart(document),
        ),
        "shares": (
            "Where each layer's cycles go",
            "In percent of the layer's own cycles, so that short layers can be read.",
            shares_chart(document),
        ),
        "memory": (
            "Feature memory over time",
            "Each feature map from the layer that writes it to the layer that reads it, at its "
            "place in DRAM.",
            memory_chart(document, timeline),
        ),
        "timeline": (
            "Tile timeline",
            f"Every load, tile, drain and store: {len(timeline.tiles):,} tiles. Drag to zoom, "
            "double-click to return, or choose a layer.",
            timeline_chart(timeline),
        ),
    }

"""The page's charts as Plotly figures: plain dictionaries, so that nothing heavy is imported.

The palette is Okabe and Ito's, which colour-blind readers can tell apart.
"""

from typing import Any

from hwsim.escape import chart_label
from hwsim.graph import Tensor
from hwsim.program.network_plan import NetworkProgram
from hwsim.report.comparison import VariantFigures
from hwsim.report.document import Document
from hwsim.report.layers import WAITS, LayerFigures

Figure = dict[str, Any]

BLACK, GREY, ORANGE, SKY_BLUE, GREEN = "#000000", "#999999", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

TRAFFIC_COLOURS = {
    "weight_bytes": ("weights", BLUE),
    "features_read_bytes": ("features read", SKY_BLUE),
    "features_written_bytes": ("features written", ORANGE),
    "program_bytes": ("program", GREY),
}
WAIT_COLOURS = dict(zip(WAITS, (SKY_BLUE, BLUE, VERMILLION, GREY, PURPLE), strict=True))
SHOWN_VARIANTS = ("A", "B", "C")
MEGA = 1e6
BYTES_PER_KIB = 1024
# Pixels of a chart that is half a page wide, and of the mark of a bar in it.
BARS_WIDTH = 300
WIDEST_MARK = 34
MOST_MOMENTS = 12  # that have their names below the chart of memory
LABEL_CHARACTERS = 110  # that stand side by side in a chart as wide as the page


def traffic_chart(document: Document, classes: tuple[str, ...]) -> Figure:
    """Return a chart of megabytes per layer, stacked by class, with A, B and C side by side."""
    bars: list[Figure] = []
    comparison = document.comparison
    for kind in classes:
        name, colour = TRAFFIC_COLOURS[kind]
        if comparison is None:
            x: list[Any] = [chart_label(layer.name) for layer in document.layers]
            y = [getattr(layer, kind) / MEGA for layer in document.layers]
        else:
            shown = [item for item in comparison.variants if item.key in SHOWN_VARIANTS]
            pairs = [(layer, item) for layer in document.layers for item in shown]
            x = [
                [chart_label(layer.name) for layer, _ in pairs],
                [item.key for _, item in pairs],
            ]
            y = [_variant_bytes(item, layer, kind) / MEGA for layer, item in pairs]
        hover = "%{x}: %{y:.3f} MB<extra>" + name + "</extra>"
        bars.append(_bar(name, colour, x=x, y=y, hovertemplate=hover))
    return {"data": bars, "layout": base_layout("layer", "MB per frame", barmode="stack")}


def _variant_bytes(variant: VariantFigures, layer: LayerFigures, kind: str) -> int:
    """Return a layer's bytes in a variant, with those of the layer that reads its maps back."""
    values: list[int] = [
        getattr(part, kind) for part in variant.layers if part.condensed_layer == layer.name
    ]
    return sum(values)


def cycles_chart(document: Document) -> Figure:
    """Return a chart of million cycles per layer, busy and waiting, against the roofline."""
    layers = document.layers
    return _stacked_cycles(layers, [MEGA] * len(layers), "million cycles", "%{y:.3f} M")


def shares_chart(document: Document) -> Figure:
    """Return that chart in percent of each layer's cycles, so that short layers are legible."""
    layers = document.layers
    scales = [layer.cycles / 100 for layer in layers]
    return _stacked_cycles(layers, scales, "% of the layer's cycles", "%{y:.2f} %")


def _stacked_cycles(
    layers: tuple[LayerFigures, ...],
    scales: list[float],
    unit: str,
    value: str,
) -> Figure:
    names = [chart_label(layer.name) for layer in layers]

    def scaled(field: str) -> list[float]:
        return [getattr(layer, field) / scale for layer, scale in zip(layers, scales, strict=True)]

    series = {"busy": ("busy_cycles", GREEN)}
    for cause, colour in WAIT_COLOURS.items():
        series[f"waits: {cause}"] = (f"waiting_{cause}_cycles", colour)
    data = [
        _bar(
            name,
            colour,
            x=names,
            y=scaled(field),
            hovertemplate="%{x}: " + value + "<extra>" + name + "</extra>",
        )
        for name, (field, colour) in series.items()
        if any(getattr(layer, field) for layer in layers)
    ]
    bounds = [layer.roofline_bound for layer in layers]
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "roofline",
            "x": names,
            "y": scaled("roofline_cycles"),
            "customdata": bounds,
            "hovertemplate": "%{x}: " + value + ", bound by %{customdata}<extra>roofline</extra>",
            "marker": {
                "symbol": "line-ew",
                "size": min(WIDEST_MARK, BARS_WIDTH / len(layers)),
                "line": {"width": 3, "color": BLACK},
            },
        }
    )
    return {"data": data, "layout": base_layout("layer", unit, barmode="stack")}


def memory_chart(document: Document, program: NetworkProgram) -> Figure:
    """Return a chart of each feature map at its place in DRAM, over the layers that need it.

    Operators that the host computes have their places among the layers.
    """
    moments, lives = program.graphs.moments, program.graphs.lifetimes
    maps = [tensor for tensor in program.graph.tensors if tensor.name in program.tensors]
    base = min(program.tensors[tensor.name].address for tensor in maps)
    data: list[Figure] = []
    alive = [0] * len(moments)
    for number, tensor in enumerate(maps):
        region, (first, last) = program.tensors[tensor.name], lives[tensor.name]
        for moment in range(first, last + 1):
            alive[moment] += region.size_bytes
        colour = (SKY_BLUE, ORANGE)[number % 2]
        offset = region.address - base
        data.append(_rectangle(tensor, first, last, offset, region.size_bytes, colour))
    peak = document.totals.peak_feature_bytes / BYTES_PER_KIB
    layer = chart_label(document.totals.peak_feature_layer)
    data.append(_map_labels(data, peak, len(moments)))
    step = -(-len(moments) // MOST_MOMENTS)
    layout = base_layout("layer being computed, and what is alive meanwhile", "KiB")
    layout["xaxis"] |= {
        "tickvals": list(range(0, len(moments), step)),
        "ticktext": [
            f"{chart_label(name)}<br>{size / BYTES_PER_KIB:,.1f} KiB"
            for name, size in zip(moments[::step], alive[::step], strict=True)
        ],
        "range": [-0.6, len(moments) - 0.4],
    }
    layout["yaxis"]["range"] = [0, 1.14 * peak]
    layout["shapes"] = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": peak,
            "y1": peak,
            "line": {"color": VERMILLION, "width": 2, "dash": "dash"},
        }
    ]
    layout["annotations"] = [
        {
            "xref": "paper",
            "x": 1,
            "y": peak,
            "xanchor": "right",
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"color": VERMILLION},
            "text": f"peak {peak:,.1f} KiB, caused by {layer}",
        }
    ]
    layout["showlegend"] = False
    return {"data": data, "layout": layout}


def _map_labels(rectangles: list[Figure], peak: float, moments: int) -> Figure:
    """Return the names of the feature maps, as labels in rectangles that have room for them."""
    roomy = [
        item
        for item in rectangles
        if item["y"][2] - item["y"][0] > 0.05 * peak
        and (item["x"][1] - item["x"][0]) * LABEL_CHARACTERS > len(item["name"]) * moments
    ]
    return {
        "type": "scatter",
        "mode": "text",
        "text": [item["name"] for item in roomy],
        "x": [(item["x"][0] + item["x"][1]) / 2 for item in roomy],
        "y": [(item["y"][0] + item["y"][2]) / 2 for item in roomy],
        "hoverinfo": "skip",
    }


def _rectangle(
    tensor: Tensor, first: int, last: int, offset: int, size_bytes: int, colour: str
) -> Figure:
    """Return the rectangle of a feature map from layer `first` to `last` at its addresses."""
    left, right = first - 0.48, last + 0.48
    low, high = offset / BYTES_PER_KIB, (offset + size_bytes) / BYTES_PER_KIB
    name = chart_label(tensor.name)
    text = f"{name} {tensor.shape}<br>{size_bytes:,} bytes at offset {offset:,}"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "fill": "toself",
        "x": [left, right, right, left, left],
        "y": [low, low, high, high, low],
        "fillcolor": colour,
        "line": {"color": "#ffffff", "width": 1},
        "hoveron": "fills",
        "hoverinfo": "text",
        "text": text,
    }


def _bar(name: str, colour: str, **values: Any) -> Figure:
    return {"type": "bar", "name": name, "marker": {"color": colour}, **values}


def base_layout(x_title: str, y_title: str, **more: Any) -> Figure:
    axis = {"automargin": True, "gridcolor": "#e4e8ec", "zerolinecolor": "#b8c0c8"}
    return {
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#1c2530"},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 60, "r": 16, "t": 12, "b": 48},
        "xaxis": {**axis, "title": {"text": x_title}, "showgrid": False, "zeroline": False},
        "yaxis": {**axis, "title": {"text": y_title}, "rangemode": "tozero"},
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
        },
        "hoverlabel": {"align": "left"},
        **more,
    }

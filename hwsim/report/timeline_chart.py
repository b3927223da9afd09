"""The tile timeline as one Plotly figure: one trace of bars per track, thousands of tiles each."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from hwsim.escape import chart_label
from hwsim.program.program import Traffic
from hwsim.report.bandwidth import bus_transfers
from hwsim.report.charts import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    VERMILLION,
    Figure,
    base_layout,
)
from hwsim.timeline import Timeline

TRACKS = ("store DMA", "drain", "MAC array", "load DMA", "layers")  # bottom to top
PALE = 0.65
MILLISECONDS_PER_SECOND = 1e3
LOAD_COLOURS = {
    Traffic.FEATURES_READ: ("load: features", SKY_BLUE),
    Traffic.WEIGHTS: ("load: weights", BLUE),
    Traffic.PROGRAM: ("load: program", GREY),
}


class Bar(NamedTuple):
    """One bar of a track, in cycles."""

    first_cycle: int
    last_cycle: int
    text: str


def timeline_chart(timeline: Timeline) -> Figure:
    """When every layer, load, tile, drain and store happens, in milliseconds."""
    clock_hz = timeline.program.config.clock.clock_hz
    names = [chart_label(part.layer.name) for part in timeline.program.layers]
    scale = MILLISECONDS_PER_SECOND / clock_hz
    transfers = bus_transfers(timeline)

    def transfer_bars(kind: Traffic) -> list[Bar]:
        return [
            Bar(
                item.first_cycle,
                item.last_cycle,
                f"{names[item.layer]}: {item.size_bytes:,} bytes",
            )
            for item in transfers
            if item.traffic is kind
        ]

    tiles = [
        Bar(
            tile.issue_start,
            tile.issue_end,
            f"{names[tile.layer]}, tile {number}: {tile.busy_cycles:,} cycles busy"
            + (f", waited for {tile.waited_for}" if tile.waited_for else ""),
        )
        for number, tile in enumerate(timeline.tiles)
    ]
    drains = [
        Bar(tile.drain_start, tile.drain_end, f"{names[tile.layer]}, tile {number}")
        for number, tile in enumerate(timeline.tiles)
    ]
    layers = [
        Bar(layer.start_cycle, layer.end_cycle, name)
        for name, layer in zip(names, timeline.layers, strict=True)
    ]
    data = [_track("layers", "layers", PURPLE, layers, scale)]
    data[0] |= {
        "text": names,
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"color": "#ffffff"},
    }
    for kind, (name, colour) in LOAD_COLOURS.items():
        data.append(_track(name, "load DMA", colour, transfer_bars(kind), scale))
    data.append(_track("MAC array", "MAC array", GREEN, tiles, scale))
    data.append(_track("drain", "drain", VERMILLION, drains, scale))
    data.append(
        _track("store DMA", "store DMA", ORANGE, transfer_bars(Traffic.FEATURES_WRITTEN), scale)
    )
    return {"data": data, "layout": _layout(timeline, layers, scale)}


def _track(name: str, track: str, colour: str, bars: Iterable[Bar], scale: float) -> Figure:
    """Bars on one track; where they touch, every second one is paler."""
    bars = list(bars)
    pale = 1.0 if "DMA" in track else PALE
    shades = [pale if index % 2 else 1.0 for index in range(len(bars))]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": [TRACKS.index(track)] * len(bars),
        "base": [_milliseconds(bar.first_cycle, scale) for bar in bars],
        "x": [_milliseconds(bar.last_cycle - bar.first_cycle, scale) for bar in bars],
        "width": 0.8,
        "marker": {
            "color": colour,
            "opacity": shades,
            "line": {"width": 0},
        },
        "hovertext": [
            f"{bar.text}<br>cycles {bar.first_cycle:,} to {bar.last_cycle:,} "
            f"({bar.last_cycle - bar.first_cycle:,})"
            for bar in bars
        ],
        "hovertemplate": "%{hovertext}<extra>" + name + "</extra>",
    }


def _milliseconds(cycles: int, scale: float) -> float:
    return round(cycles * scale, 9)


def _layout(timeline: Timeline, layers: list[Bar], scale: float) -> Figure:
    """Axes, and a menu that zooms to a layer."""
    end = _milliseconds(timeline.cycles, scale)
    views: list[tuple[str, list[float]]] = [("whole frame", [0, end])]
    for layer in layers:
        span = [_milliseconds(cycle, scale) for cycle in (layer.first_cycle, layer.last_cycle)]
        views.append((layer.text, span))
    layout: dict[str, Any] = base_layout("ms", "", barmode="overlay", bargap=0)
    layout["xaxis"]["range"] = [0, end]
    layout["yaxis"] |= {
        "tickvals": list(range(len(TRACKS))),
        "ticktext": list(TRACKS),
        "fixedrange": True,
        "range": [-0.5, len(TRACKS) - 0.5],
        "showgrid": False,
        "zeroline": False,
    }
    layout["uniformtext"] = {"mode": "hide", "minsize": 10}
    layout["updatemenus"] = [
        {
            "x": 1,
            "xanchor": "right",
            "y": 1.02,
            "yanchor": "bottom",
            "buttons": [
                {"label": name, "method": "relayout", "args": [{"xaxis.range": span}]}
                for name, span in views
            ],
        }
    ]
    return layout

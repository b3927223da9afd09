"""The timeline as one Plotly figure, with one trace of bars per series, for thousands of tiles."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from hwsim.escape import chart_label
from hwsim.program.program import Traffic
from hwsim.report.activities import Activity, Series, all_series, layer_spans, merged_count
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

MOST_BARS = 10_000  # about a megabyte, a fifth of Plotly itself
TRACKS = ("store DMA", "drain", "MAC array", "load DMA", "layers")  # bottom to top
PALE = 0.65
FAINTEST = 0.15
MILLISECONDS_PER_SECOND = 1e3
COLOURS = {
    Traffic.FEATURES_READ: ("load: features", SKY_BLUE),
    Traffic.WEIGHTS: ("load: weights", BLUE),
    Traffic.PROGRAM: ("load: program", GREY),
    Traffic.FEATURES_WRITTEN: ("store DMA", ORANGE),
    "MAC array": ("MAC array", GREEN),
    "drain": ("drain", VERMILLION),
}


class Bar(NamedTuple):
    """One bar of a track, in cycles. A bar that is less filled is paler."""

    first_cycle: int
    last_cycle: int
    text: str
    filled: float = 1


def timeline_note(timeline: Timeline) -> str:
    """Return a note that says what a bar stands for and how to use the chart."""
    tiles, count = len(timeline.tiles), merged_count(timeline, MOST_BARS)
    if count == 1:
        bars = f"Every load, tile, drain and store: {tiles:,} tiles."
    else:
        bars = (
            f"Loads, tiles, drains and stores of {tiles:,} tiles. So that the page stays small, a "
            f"bar stands for up to {count:,} of a layer in a row, and is paler where there are "
            "gaps between them."
        )
    return f"{bars} Drag to zoom, double-click to return, or choose a layer."


def timeline_chart(timeline: Timeline) -> Figure:
    """Return a chart of every layer, load, tile, drain and store over milliseconds."""
    names = [chart_label(time.stage.name) for time in timeline.stages]
    scale = MILLISECONDS_PER_SECOND / timeline.config.clock.clock_hz
    layers = [Bar(*span, name) for name, span in zip(names, layer_spans(timeline), strict=True)]
    data = [_track("layers", "layers", PURPLE, layers, scale)]
    data[0] |= {
        "text": names,
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"color": "#ffffff"},
    }
    for series in all_series(timeline, merged_count(timeline, MOST_BARS)):
        name, colour = COLOURS[series.traffic or series.track]
        bars = [
            _bar(activity, f"{names[activity.layer]}{_text(series, activity)}")
            for activity in series.activities
            if activity.last_cycle > activity.first_cycle  # only a tile's last COMPUTE is drained
        ]
        data.append(_track(name, series.track, colour, bars, scale))
    return {"data": data, "layout": _layout(timeline, layers, scale)}


def _bar(activity: Activity, text: str) -> Bar:
    filled = activity.taken_cycles / (activity.last_cycle - activity.first_cycle)
    return Bar(activity.first_cycle, activity.last_cycle, text, filled)


def _text(series: Series, activity: Activity) -> str:
    """Return the text of a bar, without the name of its layer."""
    if series.traffic:
        several = f" in {activity.parts:,} transfers" if activity.parts > 1 else ""
        return f": {activity.size_bytes:,} bytes{several}"
    tiles = f", tile {activity.number:,}"
    if activity.parts > 1:
        tiles = f", tiles {activity.number:,} to {activity.last_number:,}"
    busy = f": {activity.busy_cycles:,} cycles busy" if activity.busy_cycles else ""
    return tiles + busy + (f", waited for {activity.waited_for}" if activity.waited_for else "")


def _track(name: str, track: str, colour: str, bars: Iterable[Bar], scale: float) -> Figure:
    """Return the bars of one track; if bars touch, every second one is paler."""
    bars = list(bars)
    pale = 1.0 if "DMA" in track else PALE
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
            "opacity": [
                round((pale if index % 2 else 1) * max(FAINTEST, bar.filled), 2)
                for index, bar in enumerate(bars)
            ],
            "line": {"width": 0},
        },
        "customdata": [[bar.first_cycle, bar.last_cycle] for bar in bars],
        "hovertext": [bar.text for bar in bars],
        "hovertemplate": "%{hovertext}<br>cycles %{customdata[0]:,} to %{customdata[1]:,}"
        f"<extra>{name}</extra>",
    }


def _milliseconds(cycles: int, scale: float) -> float:
    return round(cycles * scale, 9)


def _layout(timeline: Timeline, layers: list[Bar], scale: float) -> Figure:
    """Return the axes, and a menu that zooms to a layer."""
    end = _milliseconds(timeline.cycles, scale)
    views: list[tuple[str, list[float]]] = [("whole frame", [0, end])]
    for layer in layers:
        ends = [_milliseconds(cycle, scale) for cycle in (layer.first_cycle, layer.last_cycle)]
        views.append((layer.text, ends))
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
                {"label": name, "method": "relayout", "args": [{"xaxis.range": ends}]}
                for name, ends in views
            ],
        }
    ]
    return layout

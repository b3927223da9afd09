"""The timeline as a trace-event file, which Perfetto's UI (ui.perfetto.dev) opens.

The file has one process, and one thread per track. Its complete events (`"ph": "X"`) are in
microseconds at the config's clock; each also states its first cycle and its length in cycles.
Perfetto counts in nanoseconds, so both ends are rounded to nanoseconds and neighbours never
overlap.
"""

import json
from collections.abc import Iterator
from typing import Any

from hwsim.cost.estimate import Estimate
from hwsim.program.program import Traffic
from hwsim.report.activities import Activity, Series, all_series, layer_spans, merged_count
from hwsim.report.file_figures import FileFigures
from hwsim.timeline import Timeline

MOST_EVENTS = 250_000  # about 50 megabytes
NANOSECONDS_PER_SECOND = 10**9
NANOSECONDS_PER_MICROSECOND = 1000
# Each class of loads has its own track, because a merged event reaches over loads of other classes.
LOAD_TRACKS: dict[Traffic | None, str] = {
    Traffic.FEATURES_READ: "load features",
    Traffic.WEIGHTS: "load weights",
    Traffic.PROGRAM: "load program",
}
TRACKS = ("layers", *LOAD_TRACKS.values(), "MAC array", "drain", "store DMA")
PROCESS = 1


def trace_text(estimate: Estimate, file: FileFigures | None = None) -> str:
    """Return the content of the file, metadata first; `file` is what a .tflite has beside it."""
    graph, config, timeline = estimate.graph, estimate.config, estimate.timeline
    document = {
        "traceEvents": _metadata(f"{graph.name} on {config.name}") + trace_events(timeline),
        "displayTimeUnit": "ns",
        "otherData": {
            "network": graph.name,
            "kernels": file.kernels if file else None,
            "fast_rescale": file.fast_rescale if file else None,
            "config": config.name,
            "clock_hz": config.clock.clock_hz,
            "cycles": timeline.cycles,
            "merged": merged_count(timeline, MOST_EVENTS),
        },
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n"


def trace_events(timeline: Timeline) -> list[dict[str, Any]]:
    """Return complete events, track by track, in the order of time."""
    names = [time.stage.name for time in timeline.stages]
    clock_hz = timeline.config.clock.clock_hz
    events = [
        _event(
            "layers",
            layer.stage.name,
            span,
            clock_hz,
            busy_cycles=layer.busy_cycles,
            roofline_cycles=layer.roofline.cycles,
        )
        for layer, span in zip(timeline.stages, layer_spans(timeline), strict=True)
    ]
    for series in all_series(timeline, merged_count(timeline, MOST_EVENTS)):
        track = LOAD_TRACKS.get(series.traffic, series.track)
        events += [
            _event(
                track,
                names[activity.layer],
                (activity.first_cycle, activity.last_cycle),
                clock_hz,
                **dict(_details(series, activity)),
            )
            for activity in series.activities
        ]
    return sorted(events, key=lambda event: (event["tid"], event["args"]["first_cycle"]))


def _details(series: Series, activity: Activity) -> Iterator[tuple[str, Any]]:
    """Yield the arguments of an event, except those of its time."""
    if series.traffic:
        yield "size_bytes", activity.size_bytes
    else:
        yield "tile", activity.number
    if series.track == "MAC array":
        yield "busy_cycles", activity.busy_cycles
        yield "waited_for", activity.waited_for
    if activity.parts > 1:
        yield "merged", activity.parts
        yield "taken_cycles", activity.taken_cycles


def _event(
    track: str, name: str, cycles: tuple[int, int], clock_hz: int, **details: Any
) -> dict[str, Any]:
    first, last = cycles
    start, end = (round(cycle * NANOSECONDS_PER_SECOND / clock_hz) for cycle in cycles)
    return {
        "ph": "X",
        "pid": PROCESS,
        "tid": TRACKS.index(track) + 1,
        "name": name,
        "cat": track,
        "ts": start / NANOSECONDS_PER_MICROSECOND,
        "dur": (end - start) / NANOSECONDS_PER_MICROSECOND,
        "args": {**details, "first_cycle": first, "duration_cycles": last - first},
    }


def _metadata(process: str) -> list[dict[str, Any]]:
    """Return the names of the process and its tracks, and the order in which these are shown."""
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": PROCESS, "name": "process_name", "args": {"name": process}}
    ]
    for index, track in enumerate(TRACKS, start=1):
        where = {"ph": "M", "pid": PROCESS, "tid": index}
        events.append({**where, "name": "thread_name", "args": {"name": track}})
        events.append({**where, "name": "thread_sort_index", "args": {"sort_index": index}})
    return events

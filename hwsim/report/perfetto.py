"""The timeline as a trace-event file, which Perfetto's UI (ui.perfetto.dev) opens.

One process, one thread per track; complete events (`"ph": "X"`) in microseconds at the config's
clock, each with its first cycle and length in cycles beside it. Perfetto counts in nanoseconds:
both ends are rounded to them, so that neighbours never overlap.
"""

import json
from typing import Any

from hwsim.program.program import Traffic
from hwsim.report.bandwidth import bus_transfers
from hwsim.timeline import Timeline

NANOSECONDS_PER_SECOND = 10**9
NANOSECONDS_PER_MICROSECOND = 1000
TRACKS = ("layers", "load DMA", "MAC array", "drain", "store DMA")
PROCESS = 1


def trace_text(timeline: Timeline) -> str:
    """The file, metadata first."""
    graph, config = timeline.program.graph, timeline.program.config
    document = {
        "traceEvents": _metadata(f"{graph.name} on {config.name}") + trace_events(timeline),
        "displayTimeUnit": "ns",
        "otherData": {
            "network": graph.name,
            "config": config.name,
            "clock_hz": config.clock.clock_hz,
            "cycles": timeline.cycles,
        },
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n"


def trace_events(timeline: Timeline) -> list[dict[str, Any]]:
    """Complete events, track by track, in the order of time."""
    clock_hz = timeline.program.config.clock.clock_hz
    names = [part.layer.name for part in timeline.program.layers]

    def nanoseconds(cycle: int) -> int:
        return round(cycle * NANOSECONDS_PER_SECOND / clock_hz)

    def event(track: str, name: str, first: int, last: int, **details: Any) -> dict[str, Any]:
        start, end = nanoseconds(first), nanoseconds(last)
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

    events = [
        event(
            "layers",
            layer.layer.name,
            layer.start_cycle,
            layer.end_cycle,
            busy_cycles=layer.busy_cycles,
            roofline_cycles=layer.roofline.cycles,
        )
        for layer in timeline.layers
    ]
    for transfer in bus_transfers(timeline):
        track = "store DMA" if transfer.traffic is Traffic.FEATURES_WRITTEN else "load DMA"
        events.append(
            event(
                track,
                f"{names[transfer.layer]} {transfer.traffic.value}",
                transfer.first_cycle,
                transfer.last_cycle,
                size_bytes=transfer.size_bytes,
            )
        )
    for number, tile in enumerate(timeline.tiles):
        name = names[tile.layer]
        events.append(
            event(
                "MAC array",
                name,
                tile.issue_start,
                tile.issue_end,
                tile=number,
                busy_cycles=tile.busy_cycles,
                waited_for=tile.waited_for,
            )
        )
        events.append(event("drain", name, tile.drain_start, tile.drain_end, tile=number))
    return sorted(events, key=lambda event: (event["tid"], event["args"]["first_cycle"]))


def _metadata(process: str) -> list[dict[str, Any]]:
    """Names of the process and its tracks, and the order in which the tracks are shown."""
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": PROCESS, "name": "process_name", "args": {"name": process}}
    ]
    for index, track in enumerate(TRACKS, start=1):
        where = {"ph": "M", "pid": PROCESS, "tid": index}
        events.append({**where, "name": "thread_name", "args": {"name": track}})
        events.append({**where, "name": "thread_sort_index", "args": {"sort_index": index}})
    return events

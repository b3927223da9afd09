"""The document and its files keep to schema, units, totals and documentation."""

import csv
import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jschon import JSON, JSONSchema, create_catalog

from hwsim.arch.config import load_config
from hwsim.cli import main
from hwsim.cost.estimate import Estimate
from hwsim.flows.estimate import price
from hwsim.frontends.builtin import build_network
from hwsim.graph import Graph, SpatialPool
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.isa.fields import StoreDestination
from hwsim.program.program import Traffic
from hwsim.report import perfetto
from hwsim.report.bandwidth import WINDOW_CYCLES, Transfer, bus_transfers, peak_window_bytes
from hwsim.report.csv_rows import COLUMNS, csv_text
from hwsim.report.document import Document, make_document
from hwsim.report.json_text import json_text
from hwsim.report.layers import WAITS, LayerFigures, operators
from hwsim.report.perfetto import TRACKS, trace_events, trace_text
from hwsim.report.schema import DOCUMENTS, schema_text
from hwsim.report.text import fused_operators
from hwsim.report.totals import TotalFigures
from hwsim.timeline import Timeline
from hwsim.timeline.events import StoreEvent

DOCS = Path(__file__).parent.parent / "docs"
UNITS = (
    "_bits", "_bytes", "_bytes_per_second", "_channels", "_codes", "_cycles", "_elements", "_hz",
    "_mj", "_nand2", "_per_second", "_pixels", "_ratio", "_seconds",
)  # fmt: skip
UNITS_THEMSELVES = {"macs", "cycles", "filters", "first_word"}


@pytest.fixture(scope="module", params=["condensation-net-mini", "tiny-yolov2-mini"])
def found(request: pytest.FixtureRequest) -> Estimate:
    return price(ProgramGraphs.of(build_network(request.param)), load_config("edge"))


@pytest.fixture(scope="module")
def document(found: Estimate) -> Document:
    return make_document(found)


def keeps_to_the_schema(value: Any, name: str = "estimate") -> bool:
    """True if a JSON value is valid under the schema of `hwsim schema NAME`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Please use rfc3986", DeprecationWarning)
        create_catalog("2020-12")
        schema = JSONSchema(json.loads(schema_text(name)))
        return schema.evaluate(JSON(value)).valid


def test_documents_keep_to_the_schema(document: Document) -> None:
    value = json.loads(json_text(document))
    assert keeps_to_the_schema(value)
    assert not keeps_to_the_schema(value | {"more": 1})
    value["totals"]["cycles"] = "many"
    assert not keeps_to_the_schema(value)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_command_prints_the_schema(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints a valid JSON Schema that describes every field."""
    assert main(["schema", name]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    schema = json.loads(captured.out)
    assert schema["$id"].startswith(f"urn:hwsim:{name}:")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Please use rfc3986", DeprecationWarning)
        create_catalog("2020-12")
        assert JSONSchema(schema).validate().valid
    for figures in schema["$defs"].values():
        assert not figures["additionalProperties"]
        assert set(figures["required"]) == set(figures["properties"])
        assert all(field["description"] for field in figures["properties"].values())


def written(timeline: Timeline) -> list[StoreEvent]:
    """Return the stores into memory: the others are not on the bus, and not drawn."""
    return [store for store in timeline.stores if store.destination == StoreDestination.MEMORY]


def numbers_in(value: Any, name: str = "") -> Iterator[tuple[str, int | float]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers_in(item, key)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from numbers_in(item, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value


def test_every_number_carries_its_unit(document: Document) -> None:
    value = {key: item for key, item in asdict(document).items() if key != "config"}
    names = {name for name, _ in numbers_in(value)}
    assert {name for name in names - UNITS_THEMSELVES if not name.endswith(UNITS)} == set()
    assert isinstance(document.totals.macs, int)


def test_layers_add_up_to_the_totals(document: Document, found: Estimate) -> None:
    classes = ("program", "weight", "features_read", "features_written", "total")
    waits = [f"waiting_{name}_cycles" for name in WAITS]
    counted = ("macs", "busy_cycles", *waits)
    for name in (*counted, *(f"{kind}_bytes" for kind in classes)):
        values: list[int] = [getattr(layer, name) for layer in document.layers]
        assert getattr(document.totals, name) == sum(values), name
    for layer, time in zip(document.layers, found.timeline.stages, strict=True):
        assert set(time.waiting_cycles) <= set(WAITS)
        waited: list[int] = [getattr(layer, name) for name in waits]
        assert layer.busy_cycles + sum(waited) == layer.cycles
        assert layer.roofline_issue_cycles <= layer.busy_cycles  # reads may come before a layer
    busiest = max(
        sum(layer.roofline_issue_cycles for layer in document.layers),
        sum(layer.roofline_rescale_cycles for layer in document.layers),
        sum(layer.roofline_read_cycles for layer in document.layers),
        sum(layer.roofline_write_cycles for layer in document.layers),
    )
    assert document.totals.roofline_cycles == busiest <= document.totals.cycles


def test_useful_bytes_are_those_of_the_layers_and_fewer_than_all(document: Document) -> None:
    useful = sum(
        layer.useful_program_bytes
        + layer.useful_weight_bytes
        + layer.useful_features_read_bytes
        + layer.useful_features_written_bytes
        for layer in document.layers
    )
    assert document.totals.useful_bytes == useful < document.totals.total_bytes


def test_rates_and_ratios_follow_from_the_counts(document: Document, found: Estimate) -> None:
    totals, config = document.totals, found.config
    assert totals.cycles == found.timeline.cycles
    assert totals.frame_seconds == pytest.approx(totals.cycles / config.clock.clock_hz, rel=1e-12)
    assert totals.frames_per_second == pytest.approx(1 / totals.frame_seconds, rel=1e-12)
    assert totals.busy_ratio == pytest.approx(totals.busy_cycles / totals.cycles)
    lanes = config.array.input_lanes * config.array.output_lanes
    assert totals.mac_utilisation_ratio == pytest.approx(totals.macs / (lanes * totals.cycles))
    assert totals.features_bytes == totals.features_read_bytes + totals.features_written_bytes
    assert totals.average_bandwidth_bytes_per_second == pytest.approx(
        totals.total_bytes * totals.frames_per_second
    )
    layers = {layer.name: layer.average_bandwidth_bytes_per_second for layer in document.layers}
    assert layers[totals.peak_bandwidth_layer] == max(layers.values())
    assert totals.on_chip_memory_bits == sum(item.size_bits for item in totals.on_chip_memories)
    assert totals.gates_nand2 == sum(item.size_nand2 for item in totals.gates)
    energy, coefficients = totals.energy, config.energy
    assert energy is not None
    assert coefficients is not None
    assert energy.dram_mj == pytest.approx(totals.total_bytes * coefficients.dram_pj_per_byte / 1e9)
    assert energy.total_mj == pytest.approx(energy.mac_mj + energy.on_chip_mj + energy.dram_mj)


def test_every_operator_is_priced_or_fused() -> None:
    graph = build_network("condensation-net")
    for layer in graph.stages:
        found = {operator.name: operator for operator in operators(layer)}
        expected = {"convolution", "bias", "rescale"}
        expected |= {"leaky ReLU"} if layer.leaky_slope is not None else set()
        expected |= {"channel pool"} if layer.channel_pool > 1 else set()
        expected |= {"spatial pool"} if layer.spatial_pool != SpatialPool.NONE else set()
        assert set(found) == expected
        assert [name for name, item in found.items() if item.status == "priced"] == ["convolution"]


def test_a_clamp_and_a_table_are_fused_operators() -> None:
    layer = build_network("condensation-net").stages[0]
    bent = replace(layer, clamp=(-5, 90), table=tuple(range(-128, 128)))
    found = [(each.name, each.parameter) for each in operators(bent) if each.status == "fused"]
    assert ("clamp", "-5 to 90") in found
    assert ("table", "256 values") in found
    assert "clamp -5 to 90, table of 256 values" in fused_operators(operators(bent))


def test_transfers_carry_the_layers_bytes(found: Estimate) -> None:
    transfers = bus_transfers(found.timeline)
    for index, layer in enumerate(found.timeline.stages):
        for kind in Traffic:
            sizes = [
                item.size_bytes
                for item in transfers
                if item.layer == index and item.traffic is kind
            ]
            assert sum(sizes) == layer.traffic.bytes.of(kind)


def test_the_peak_lies_between_average_and_bus(document: Document) -> None:
    totals = document.totals
    average = totals.average_bandwidth_bytes_per_second
    assert average <= totals.peak_layer_bandwidth_bytes_per_second
    assert average <= totals.peak_window_bandwidth_bytes_per_second
    for peak in (
        totals.peak_layer_bandwidth_bytes_per_second,
        totals.peak_window_bandwidth_bytes_per_second,
    ):
        assert peak <= totals.bus_bandwidth_bytes_per_second


TRANSFERS = st.builds(
    lambda first, cycles, size: Transfer(0, Traffic.WEIGHTS, first, first + cycles, size),
    st.integers(0, 9000),
    st.integers(1, 5000),
    st.integers(1, 10**6),
)


@settings(deadline=None)
@given(st.lists(TRANSFERS, min_size=1, max_size=4))
def test_the_peak_is_that_of_all_windows(transfers: list[Transfer]) -> None:
    bytes_per_cycle = np.zeros(16 * WINDOW_CYCLES)
    for item in transfers:
        cycles = item.last_cycle - item.first_cycle
        bytes_per_cycle[item.first_cycle : item.last_cycle] += item.size_bytes / cycles
    slow = bytes_per_cycle.reshape(16, -1).sum(1).max()
    assert peak_window_bytes(transfers) == pytest.approx(slow)


def test_savings_are_those_of_the_totals(document: Document) -> None:
    comparison = document.comparison
    if comparison is None:
        assert document.network.condensed_layers == ()
        return
    a, b, unpooled, c = comparison.variants
    assert [item.key for item in comparison.variants] == ["A", "B", "B'", "C"]
    assert comparison.feature_saving_ratio == pytest.approx(1 - c.features_bytes / b.features_bytes)
    assert comparison.total_saving_ratio == pytest.approx(1 - c.total_bytes / b.total_bytes)
    assert comparison.unpooled_total_saving_ratio == pytest.approx(
        1 - c.total_bytes / unpooled.total_bytes
    )
    assert c.peak_feature_bytes == a.peak_feature_bytes
    assert c.features_bytes == a.features_bytes
    for variant in comparison.variants:
        assert sum(layer.weight_bytes for layer in variant.layers) == variant.weight_bytes
        assert {layer.condensed_layer for layer in variant.layers} == {
            layer.name for layer in document.layers
        }


def test_csv_holds_the_layers_of_the_json(document: Document) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(document))))
    layers = json.loads(json_text(document))["layers"]
    assert len(rows) == len(layers)
    for row, layer in zip(rows, layers, strict=True):
        assert tuple(row) == COLUMNS
        for name, value in layer.items():
            if name == "operators":
                assert row[name].split(" + ") == [operator["name"] for operator in value]
            else:
                assert row[name] == str(value)


def test_the_trace_is_what_perfetto_reads(found: Estimate) -> None:
    trace = json.loads(trace_text(found))
    names = {
        event["tid"]: event["args"]["name"]
        for event in trace["traceEvents"]
        if event["name"] == "thread_name"
    }
    assert tuple(names.values()) == TRACKS
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {event["ph"] for event in trace["traceEvents"]} == {"M", "X"}
    assert {event["tid"] for event in events} == set(names)
    tiles = TRACKS.index("MAC array") + 1
    assert sum(event["tid"] == tiles for event in events) == len(found.timeline.tiles)
    ends: dict[int, int] = {}
    for event in events:
        start, length = round(event["ts"] * 1000), round(event["dur"] * 1000)  # nanoseconds
        assert start / 1000 == event["ts"]
        assert start >= ends.get(event["tid"], 0), "events of a track overlap"
        ends[event["tid"]] = start + length
    frame = found.timeline.cycles * 1e9 / found.config.clock.clock_hz
    assert max(ends.values()) <= round(frame)


def test_a_trace_has_a_bounded_number_of_events(
    found: Estimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long traces merge several events in a row, without losses and overlaps."""
    timeline = found.timeline
    activities = len(timeline.loads) + 2 * len(timeline.tiles) + len(written(timeline))
    whole = trace_events(timeline)
    monkeypatch.setattr(perfetto, "MOST_EVENTS", activities // 4)
    merged = trace_events(timeline)
    layers = len(timeline.stages)
    assert len(merged) - layers <= activities // 4 + (len(TRACKS) - 1) * layers
    assert len(whole) - layers == activities
    for name in ("size_bytes", "busy_cycles"):
        assert sum(event["args"].get(name, 0) for event in merged) == sum(
            event["args"].get(name, 0) for event in whole
        )
    assert sum(event["args"].get("merged", 1) for event in merged) == len(whole)
    assert json.loads(trace_text(found))["otherData"]["merged"] > 1
    ends: dict[int, int] = {}
    for event in merged:
        first = event["args"]["first_cycle"]
        assert first >= ends.get(event["tid"], 0), "events of a track overlap"
        ends[event["tid"]] = first + event["args"]["duration_cycles"]


@pytest.mark.parametrize("clock_hz", [333_333_333, 1_700_000_000])
def test_odd_clocks_make_no_overlap(clock_hz: int) -> None:
    config = load_config("edge")
    config = config.model_copy(
        update={"clock": config.clock.model_copy(update={"clock_hz": clock_hz})}
    )
    graph: Graph = build_network("tiny-yolov2-mini")
    test_the_trace_is_what_perfetto_reads(price(ProgramGraphs.of(graph), config))


def test_the_documentation_explains_every_figure_as_the_schema_does() -> None:
    text = (DOCS / "outputs.md").read_text()
    definitions = json.loads(schema_text("estimate"))["$defs"]
    for figures in (LayerFigures, TotalFigures):
        for name, field in definitions[figures.__name__]["properties"].items():
            meaning = " ".join(field["description"].split())
            assert f"| `{name}` | {meaning} |" in text

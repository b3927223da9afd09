"""Tables and pages show the right figures and load nothing from elsewhere."""

import io
import json
import re
from dataclasses import replace

import pytest

from hwsim.arch.config import load_config
from hwsim.cost.estimate import Estimate
from hwsim.cost.gates import gate_error
from hwsim.flows.estimate import price
from hwsim.frontends.builtin import build_network
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.report.activities import all_series, merged_count
from hwsim.report.charts import SHOWN_VARIANTS, TRAFFIC_COLOURS, traffic_chart
from hwsim.report.document import Document, make_document
from hwsim.report.terminal import print_document
from hwsim.report.text import multipliers
from hwsim.report.timeline_chart import MOST_BARS, timeline_chart
from hwsim.report.web_page import index_text, page_text, plotly_script
from tests.drawn import preset_with
from tests.test_report_document import written

FULL = ["condensation-net", "tiny-yolov2"]


@pytest.fixture(scope="module", params=FULL)
def found(request: pytest.FixtureRequest) -> Estimate:
    return price(ProgramGraphs.of(build_network(request.param)), load_config("edge"))


@pytest.fixture(scope="module")
def document(found: Estimate) -> Document:
    return make_document(found)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def table_of(document: Document, verbose: bool = False) -> str:
    text = io.StringIO()
    print_document(document, text, verbose)
    return text.getvalue()


@pytest.mark.parametrize("verbose", [False, True])
def test_a_pipe_gets_eighty_columns_and_no_colour(document: Document, verbose: bool) -> None:
    text = table_of(document, verbose)
    assert "\x1b" not in text
    assert "…" not in text
    for line in text.splitlines():
        assert len(line) <= 80
        assert line == line.rstrip()


def test_a_narrow_terminal_cuts_no_number(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = Terminal()
    print_document(document, text)
    assert "\x1b[1m" in text.getvalue()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.getvalue())
    for layer in document.layers:
        for number in (layer.cycles, layer.roofline_cycles, layer.weight_bytes, layer.total_bytes):
            assert f"{number:,}" in plain


def test_tables_say_what_is_assumed(document: Document) -> None:
    text = table_of(document)
    assert "assumed, not calibrated" in text
    stated = gate_error(load_config("edge"))
    assert stated is not None
    assert f"NAND2 equivalents, total within {stated.total:.1%} of synthesis" in text
    assert f"{multipliers(document.config)}: " in " ".join(text.split())
    for layer in document.layers:
        assert layer.name in text
    assert (document.comparison is None) == ("26.5%" not in text)
    assert (document.comparison is None) == ("C's condensed layers have k times" not in text)


def test_no_error_is_stated_that_nobody_measured() -> None:
    """Tables and page state no error for a gate model that was not measured."""
    config = preset_with("edge", buffers={"feature_bytes": 1 << 23})
    found = price(ProgramGraphs.of(build_network("tiny-yolov2-mini")), config)
    document = make_document(found)
    for text in (table_of(document, verbose=True), page_text(document, found)):
        assert "no synthesis was compared for such a configuration" in " ".join(text.split())
        assert "of synthesis" not in text


def test_very_large_numbers_widen_the_table(document: Document) -> None:
    layers = tuple(
        replace(layer, cycles=layer.cycles * 10**9, total_bytes=layer.total_bytes * 10**12)
        for layer in document.layers
    )
    text = table_of(replace(document, layers=layers))
    assert "…" not in text
    for layer in layers:
        assert f"{layer.cycles:,}" in text
        assert f"{layer.total_bytes:,}" in text


def test_the_page_loads_nothing(document: Document, found: Estimate) -> None:
    text = page_text(document, found).replace(plotly_script(), "")
    text += index_text([document])
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text  # a browser refuses to load anything
    assert not re.search(r"<(script|img|iframe|link)[^>]*\b(src|href)=", text)
    assert "@import" not in text
    assert "url(" not in text


def test_the_page_is_the_same_every_time(document: Document, found: Estimate) -> None:
    assert page_text(document, found) == page_text(document, found)


def test_the_page_says_what_the_table_says(document: Document, found: Estimate) -> None:
    text = page_text(document, found)
    for layer in document.layers:
        assert f"{layer.cycles:,}" in text
    assert f"{document.totals.total_bytes:,}" in text
    figures = re.search(r"^const figures = (.*);$", text, re.MULTILINE)
    assert figures is not None
    names = set(json.loads(figures[1]))
    assert names == {"features", "traffic", "cycles", "shares", "memory", "timeline"}
    for name in names:
        assert f'<div id="{name}">' in text


def test_the_traffic_chart_holds_every_byte(document: Document) -> None:
    figure = traffic_chart(document, tuple(TRAFFIC_COLOURS))
    total = sum(sum(bars["y"]) for bars in figure["data"])
    if document.comparison is None:
        expected = document.totals.total_bytes
    else:
        shown = [item for item in document.comparison.variants if item.key in SHOWN_VARIANTS]
        expected = sum(item.total_bytes for item in shown)
    assert total == pytest.approx(expected / 1e6)


def test_a_page_stays_small_whatever_the_network() -> None:
    """A page of any network has at most 6 megabytes, of which Plotly takes 4.8."""
    found = price(ProgramGraphs.of(build_network("tiny-yolov2", 2048, 2048)), load_config("nano"))
    text = page_text(make_document(found), found)
    assert len(text.encode()) <= 6_000_000
    tiles = len(found.timeline.tiles)
    merged = merged_count(found.timeline, MOST_BARS)
    assert merged > 1
    assert f"stores of {tiles:,} tiles." in text
    assert f"a bar stands for up to {merged:,} of a layer in a row" in text
    bars = sum(len(track["x"]) for track in timeline_chart(found.timeline)["data"])
    assert MOST_BARS / 2 < bars < 1.01 * MOST_BARS


@pytest.mark.parametrize("count", [1, 2, 7, 100_000])
def test_activities_in_a_row_add_up(found: Estimate, count: int) -> None:
    timeline = found.timeline
    series = all_series(timeline, count)
    parts = sum(activity.parts for one in series for activity in one.activities)
    assert parts == len(timeline.loads) + 2 * len(timeline.tiles) + len(written(timeline))
    sizes = sum(activity.size_bytes for one in series for activity in one.activities)
    assert sizes == found.traffic.bytes.total
    for one in series:
        assert max(activity.parts for activity in one.activities) <= count
        end = 0
        for activity in one.activities:
            assert end <= activity.first_cycle
            assert activity.taken_cycles <= activity.last_cycle - activity.first_cycle
            end = activity.last_cycle
    issues = next(one for one in series if one.track == "MAC array")
    for index, layer in enumerate(timeline.stages):
        own = [activity for activity in issues.activities if activity.layer == index]
        assert sum(activity.busy_cycles for activity in own) == layer.busy_cycles


def test_the_timeline_draws_every_tile(found: Estimate) -> None:
    tracks = {track["name"]: track for track in timeline_chart(found.timeline)["data"]}
    assert len(tracks["MAC array"]["x"]) == len(found.timeline.tiles)
    assert len(tracks["store DMA"]["x"]) == len(written(found.timeline))
    milliseconds = sum(tracks["layers"]["x"])
    assert milliseconds == pytest.approx(1e3 / found.frames_per_second, rel=1e-4)

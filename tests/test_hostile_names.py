"""A user's text is safe in every delivered file, as the usual readers of such files show.

A name may hold any character. Pages must have the same elements and attributes for every name, code
must compile, and the text that is shown must be the name.
"""

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markdown
import pytest
import yaml
from markdown_it import MarkdownIt
from systemrdl.compiler import RDLCompiler

from hwsim.arch.config import Config, load_config
from hwsim.cli import main
from hwsim.compiler import compile_graph
from hwsim.cost.estimate import Estimate
from hwsim.escape import chart_label, comment, csv_cell, markdown_code, visible
from hwsim.flows.estimate import price
from hwsim.frontends.builtin import build_network
from hwsim.graph import Graph, Stage
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.report.c_header import c_header
from hwsim.report.csv_rows import csv_text
from hwsim.report.document import (
    Document,
    OutputFigures,
    RunFigures,
    TensorFigures,
    make_document,
)
from hwsim.report.memory_map import CompiledNetwork, make_memory_map
from hwsim.report.perfetto import trace_text
from hwsim.report.terminal import print_document
from hwsim.report.web_page import index_text, page_text
from hwsim.rtl.accelerator import accelerator_verilog
from hwsim.rtl.arithmetic.channel_pool import ChannelPool
from hwsim.rtl.deliver.fusesoc import core_file
from hwsim.rtl.deliver.guide import connection_guide
from hwsim.rtl.deliver.system_rdl import Manual, write_manual
from hwsim.rtl.deliver.verilog import to_verilog
from hwsim.testbenches import simulator
from hwsim.timeline import time_program
from tests.loading import alone

TOP = "accelerator"
HOSTILE = (
    "<img src=x onerror=alert(7)> [b]bold[/b] **md** <script>alert(8)</script>",
    'a */ b " <script>alert(1)</script> | x `y` \\',
    "edge <8x8> *v2* &lt;b&gt; [x](javascript:alert(1)) [url=javascript:alert(2)]y[/url]",
    "=1+1 /*/ ``z`` __u__ $e$ %{x} {{ 7 * 7 }} {% raw %} {: onclick=alert(3) } </title><!--",
    '\x1b]0;title\x07\x1b[31mred\r\n*/ endmodule\n`include "x"\n# heading\n\u202egnp.exe\u2028é\\',
)
PLAIN = "plain name"
STAMP = re.compile(r"\?ts=\d+")  # a checksum of the text, for a browser's cache
named = pytest.mark.parametrize("name", HOSTILE)


def config_named(name: str) -> Config:
    """Return a config of this name without validation, which refuses some names."""
    return load_config("nano").model_copy(update={"name": name})


class Structure(HTMLParser):
    """Collects the elements of a page with attributes, and its text without style and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        if tag == "script":
            self.scripts.append("")
        self.elements.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        self.elements.append((f"/{tag}", ()))

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", ((data, None),)))


# --- files delivered with the Verilog ------------------------------------------------------------


@cache
def manual(name: str) -> Manual:
    return write_manual(config_named(name), TOP)


@cache
def verilog() -> str:
    return accelerator_verilog(load_config("nano"), TOP)


@named
def test_system_rdl_holds_the_name_as_text(name: str, tmp_path: Path) -> None:
    path = tmp_path / "accelerator.rdl"
    path.write_text(manual(name).rdl, "utf-8", newline="")
    compiler = RDLCompiler()
    compiler.compile_file(str(path))
    shown = Structure(compiler.elaborate(TOP).top.get_html_desc() or "")
    assert f"configuration {visible(name)}. AXI4-Lite" in shown.text
    assert [tag for tag, _ in shown.elements] == ["p", "/p"]


@named
def test_the_registers_manual_shows_the_name_as_text(name: str) -> None:
    found, expected = manual(name).files, manual(PLAIN).files
    assert found.keys() == expected.keys()
    pages = [path for path in found if path.endswith(".html")]
    texts = []
    for path in pages:
        page, plain = (Structure(STAMP.sub("", x[path].decode())) for x in (found, expected))
        assert page.elements == plain.elements
        texts.append(page.text)
    assert any(f"configuration {visible(name)}." in text for text in texts)


def test_the_manual_s_search_shows_text_as_text() -> None:
    """The manual's search shows text as text, although it reads it from a page's elements."""
    search = manual(PLAIN).files["js/content_search.js"].decode()
    assert 'text = el.textContent.replace(/&/g, "&amp;").replace(/</g, "&lt;");' in search
    assert search.count("textContent") == 1


@named
def test_the_guide_shows_the_name_as_code(name: str) -> None:
    guide, plain = (connection_guide(config_named(x), TOP, {TOP: verilog()}) for x in (name, PLAIN))
    readers: tuple[Callable[[str], str], ...] = (
        MarkdownIt().render,
        lambda text: markdown.markdown(text, extensions=["extra"]),
    )
    for read in readers:
        page = Structure(read(guide))
        assert page.elements == Structure(read(plain)).elements
        assert f"for the configuration {visible(name)}:" in page.text


@named
def test_headers_in_c_compile(name: str, tmp_path: Path) -> None:
    config = config_named(name)
    graph = replace(build_network("condensation-net-mini"), name=visible(name))
    program = compile_graph(graph, config)
    network = CompiledNetwork(name, 64, 64, 2, 8, name)
    document = make_memory_map(
        alone(program), [time_program(program)], network, None, None, (), {}, {}
    )
    (tmp_path / "memory.h").write_text(c_header(document), "utf-8", newline="")
    (tmp_path / "accelerator.h").write_text(manual(name).header, "utf-8", newline="")
    source = '#include "memory.h"\n#include "accelerator.h"\nint main(void) { return 0; }\n'
    assert f"{comment(name)} on {comment(name)}, by hwsim" in c_header(document)
    for language, standard in (("c", "c99"), ("c++", "c++17")):
        flags = [f"-std={standard}", "-x", language, "-Wall", "-Wextra", "-Werror", "-trigraphs"]
        subprocess.run(
            ["gcc", *flags, "-fsyntax-only", "-"], input=source, text=True, cwd=tmp_path, check=True
        )


@pytest.mark.verilator
@named
def test_verilog_with_the_name_lints(name: str, tmp_path: Path) -> None:
    pool = ChannelPool(load_config("nano"))
    text = to_verilog(pool, TOP, config_named(name))
    assert text.isascii()
    assert f"// Configuration {comment(name)}: 8 x 8 multipliers" in text.splitlines()[1]
    path = tmp_path / f"{TOP}.v"
    path.write_text(text, "utf-8", newline="")
    simulator.lint(path, TOP)


@named
def test_the_core_file_is_the_same(name: str) -> None:
    assert yaml.safe_load(core_file(config_named(name), TOP, {TOP: ""})) == yaml.safe_load(
        core_file(config_named(PLAIN), TOP, {TOP: ""})
    )


# --- reports -------------------------------------------------------------------------------------


@cache
def reported(name: str) -> tuple[Estimate, Document]:
    """Return an estimate in which all things have this name, as far as a graph allows it."""
    graph = _renamed(build_network("condensation-net-mini"), visible(name))
    config = config_named(name)
    assert config.energy is not None
    sources = config.energy.model_copy(
        update={f"{kind}_source": name for kind in ("mac", "on_chip", "dram")}
    )
    found = price(ProgramGraphs.of(graph), config.model_copy(update={"energy": sources}))
    tensors = tuple(TensorFigures(stage.name, 1, 1, 0.5, 0.0, "0") for stage in graph.stages)
    outputs = (OutputFigures(visible(name), 1, 1, 1, 0.5, 0),)
    run = RunFigures(
        f"{name}.jpg", "0", (), f"{name}.weights", True, 10.0, tensors, outputs, None, (), (), ()
    )
    return found, make_document(found, run)


def _renamed(graph: Graph, name: str) -> Graph:
    stages: list[Stage] = []
    tensor = graph.inputs[0]
    for number, stage in enumerate(graph.stages):
        sources = (replace(stage.sources[0], tensor=tensor),)
        tensor = replace(stage.output, name=f"{name}{number}")
        stages.append(replace(stage, name=f"{name} {number}", sources=sources, output=tensor))
    return Graph.chain(name, stages)


def _page(name: str) -> str:
    found, document = reported(name)
    return page_text(document, found)


@named
@pytest.mark.parametrize("page", [_page, lambda name: index_text([reported(name)[1]])])
def test_pages_show_names_as_text(name: str, page: Callable[[str], str]) -> None:
    found, plain = Structure(page(name)), Structure(page(PLAIN))

    def without_links(elements: list[Any]) -> list[Any]:
        return [(tag, () if tag == "a" else attributes) for tag, attributes in elements]

    assert without_links(found.elements) == without_links(plain.elements)
    assert visible(name) in found.text
    assert all(letter.isprintable() or letter == "\n" for letter in found.text)
    links = [dict(attributes)["href"] or "" for tag, attributes in found.elements if tag == "a"]
    assert all(link.startswith("./") for link in links)


@named
def test_charts_show_names_as_text(name: str) -> None:
    """Charts show names as text, although Plotly interprets tags and entities in labels."""
    script = Structure(_page(name)).scripts[-1]
    figures = re.search(r"^const figures = (.*);$", script, re.MULTILINE)
    assert figures is not None
    assert "<" not in figures[1]
    found = list(_strings(json.loads(figures[1])))
    assert any(chart_label(f"{name} 0") in text for text in found)
    for text in found:
        assert "<" not in re.sub(r"<br>|<extra>[a-z A-Z:]*</extra>", "", text)
        assert text.isprintable()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


@named
def test_rows_start_no_formula(name: str) -> None:
    _, document = reported(name)
    rows = list(csv.DictReader(io.StringIO(csv_text(document), newline="")))
    assert [row["name"] for row in rows] == [csv_cell(stage.name) for stage in document.layers]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


@named
def test_the_trace_holds_the_name(name: str) -> None:
    found, _ = reported(name)
    assert json.loads(trace_text(found))["otherData"]["config"] == name


@named
def test_tables_send_the_terminal_no_control_characters(name: str) -> None:
    text = io.StringIO()
    print_document(reported(name)[1], text, verbose=True)
    assert all(letter.isprintable() or letter == "\n" for letter in text.getvalue())
    assert visible(name) in text.getvalue()


@named
def test_errors_send_the_terminal_no_control_characters(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", name]) == 2
    assert main(["estimate", "tiny-yolov2", "--config", name]) == 2
    for line in capsys.readouterr().err.splitlines():
        assert line.isprintable()


def test_code_in_markdown_needs_no_more_backticks_than_it_must() -> None:
    assert markdown_code("edge") == "`edge`"
    assert markdown_code("a`b") == "``a`b``"
    assert markdown_code("`") == "`` ` ``"

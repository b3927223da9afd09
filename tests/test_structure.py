"""The rules of the tree: who imports whom, which files are twins, which documents are generated."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.write_docs import DOCS, documents

ROOT = Path(__file__).parents[1]
OPERATORS = ("convolution", "rescale", "channel_pool", "spatial_pool")
HEAVY = {
    "pyosys",
    "torch",
    "brevitas",
    "amaranth",
    "cocotb",
    "onnx",
    "onnxruntime",
    "skimage",
    "plotly",
}


def imported(path: Path, *, inside_functions: bool = True) -> set[str]:
    """Top-level names of every module that a file imports."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = list(ast.walk(tree)) if inside_functions else tree.body
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_the_model_imports_neither_torch_nor_amaranth() -> None:
    for path in sources("hwsim"):
        command = path.is_relative_to(ROOT / "hwsim" / "cli")
        chart = path.is_relative_to(ROOT / "hwsim" / "report")
        allowed = {"plotly"} if chart else set()
        names = imported(path, inside_functions=not command)
        assert not names & (HEAVY - allowed | {"golden", "rtl", "synthesis", "testbenches"}), path


def test_golden_and_rtl_never_import_each_other() -> None:
    for path in sources("golden"):
        assert not imported(path) & {"rtl", "amaranth", "testbenches", "cocotb"}, path
    for path in sources("rtl"):
        assert not imported(path) & {"golden", "torch", "testbenches", "cocotb"}, path


def test_synthesis_takes_verilog_wherever_it_comes_from() -> None:
    for path in sources("synthesis"):
        assert not imported(path) & {"golden", "rtl", "amaranth", "testbenches", "cocotb"}, path


def test_proofs_know_only_the_hardware() -> None:
    for path in sources("formal"):
        assert not imported(path) & {"golden", "torch", "testbenches", "cocotb"}, path


@pytest.mark.parametrize("folder", ["golden", "rtl"])
def test_golden_and_rtl_know_only_the_model_s_nouns(folder: str) -> None:
    """Config, graph, program and pipeline; never the compiler, the machine or the timeline."""
    nouns = {"config", "graph", "networks", "program", "pipeline", "errors", "fixed_point"}
    for path in sources(folder):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hwsim."):
                assert (node.module or "").split(".")[1] in nouns, (path, node.module)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_has_its_twins(operator: str) -> None:
    for place in ("golden", "hwsim/machine", "rtl"):
        assert (ROOT / place / f"{operator}.py").exists(), f"{place}/{operator}.py is missing"
    assert (ROOT / "tests" / f"test_{operator}.py").exists()


def test_every_component_has_a_unit_test() -> None:
    """In the Amaranth simulator; the whole accelerator and its core are run as Verilog."""
    whole = {"accelerator", "core"}
    for path in sources("rtl"):
        has_component = "(wiring.Component)" in path.read_text("utf-8")
        if has_component and path.stem not in whole:
            assert (ROOT / "tests" / f"test_rtl_{path.stem}.py").exists(), path


def test_every_file_of_the_hardware_is_in_the_table() -> None:
    table = (DOCS / "architecture.md").read_text("utf-8").split("### Components")[1]
    for path in (ROOT / "rtl").glob("[!_]*.py"):
        assert f"`{path.stem}`" in table, f"{path.name} is not in docs/architecture.md"


def test_every_component_states_its_latency() -> None:
    """As a class constant, or in `latency` where it depends on the configuration."""
    unstated = {"accelerator", "core", "counters", "control"}
    for path in sources("rtl"):
        text = path.read_text("utf-8")
        if "(wiring.Component)" in text and path.stem not in unstated:
            pattern = r"^    [A-Z_]+ = |self\.latency = "
            assert re.search(pattern, text, re.MULTILINE), path


def test_an_estimate_loads_no_heavy_library() -> None:
    code = (
        "import sys; from hwsim.cli import main; main(['estimate', 'tiny-yolov2', '-q']);"
        f"print(*sorted({HEAVY | {'PIL'}!r} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.split() == []


def test_generated_documents_are_up_to_date() -> None:
    for name, text in documents().items():
        assert (DOCS / name).read_text("utf-8") == text, f"{name} is old: run `make docs`"

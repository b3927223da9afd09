"""The tree keeps its rules on imports, twin files, generated documents and docstrings."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.write_docs import DOCS, documents

ROOT = Path(__file__).parents[1]
OPERATORS = ("convolution", "rescale", "table", "channel_pool", "spatial_pool")
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
    "dask",
    "distributed",
    "pyarrow",
}


# Every folder or file of hwsim/ may import those of the rows above it, and no other.
ROWS = (
    ("errors", "escape", "interrupts"),
    ("extras", "cache", "files", "fixed_point"),
    ("arch",),
    ("graph",),
    ("frontends", "passes"),
    ("isa",),
    ("program",),
    ("compiler",),
    ("machine", "timeline"),
    ("cost",),
    ("report",),
    ("flows",),
    ("exploration",),
    ("cli",),
)
ROW_OF = {name: index for index, row in enumerate(ROWS) for name in row}

# The same for the folders and files of rtl/.
RTL_ROWS = (
    ("primitives",),
    ("program",),
    ("host", "memory"),
    ("operands",),
    ("arithmetic",),
    ("deliver",),
    ("core",),
    ("accelerator",),
)
RTL_ROW_OF = {name: index for index, row in enumerate(RTL_ROWS) for name in row}
WITNESSES = {"golden", "rtl", "testbenches", "synthesis"}  # links in hwsim/ to the top level
NOUNS = {"arch", "errors", "escape", "files", "fixed_point", "graph", "isa"}

# Folders in which a docstring names a thing or says what is done: "Return ...", "High while ...".
PLAINLY_SPOKEN = (
    "benchmarks",
    "formal",
    "golden",
    "hwsim",
    "rtl",
    "synthesis",
    "testbenches",
    "tests",
    "tools",
)
OTHER_GROUP = re.compile(r"\b(every|each) group\b|\bgroups (of|the)\b")
FRAGMENT = re.compile(r"(Of|What|Whether|Where|How|Which|Who|Why|When)\b")


def sources(folder: str, endings: tuple[str, ...] = ("py",)) -> list[Path]:
    """Return the files of these endings below a folder, without following links."""
    patterns = [f"{folder}/*.{ending}" for ending in endings]
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in sorted(found.stdout.split()) if (ROOT / name).exists()]


def imports(path: Path, *, inside_functions: bool = True) -> set[str]:
    """Return the dotted names of all modules that a file imports when it runs."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = list(ast.walk(tree)) if inside_functions else tree.body
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return names


def libraries(path: Path, *, inside_functions: bool = True) -> set[str]:
    """Return the top-level names of the modules that a file imports."""
    return {name.partition(".")[0] for name in imports(path, inside_functions=inside_functions)}


def parts(path: Path, within: str = "hwsim", *, inside_functions: bool = True) -> set[str]:
    """Return the names of the folders and files of a package that a file imports from."""
    names = imports(path, inside_functions=inside_functions)
    prefix = f"{within}."
    return {name.removeprefix(prefix).split(".")[0] for name in names if name.startswith(prefix)}


def test_every_part_of_the_model_stands_on_those_before_it() -> None:
    for path in sources("hwsim"):
        own = path.relative_to(ROOT / "hwsim").parts[0].removesuffix(".py")
        if own.startswith("__"):
            continue
        for part in parts(path) - WITNESSES - {own}:
            assert ROW_OF[part] < ROW_OF[own], f"{path} imports hwsim.{part}"


def test_every_group_of_the_hardware_stands_on_those_before_it() -> None:
    for path in sources("rtl"):
        own = path.relative_to(ROOT / "rtl").parts[0].removesuffix(".py")
        if own.startswith("__"):
            continue
        for group in parts(path, "hwsim.rtl") - {own}:
            assert RTL_ROW_OF[group] < RTL_ROW_OF[own], f"{path} imports hwsim.rtl.{group}"


def test_the_model_imports_neither_torch_nor_amaranth() -> None:
    for path in sources("hwsim"):
        workflow = path.is_relative_to(ROOT / "hwsim" / "flows")
        sweep = path.is_relative_to(ROOT / "hwsim" / "exploration")
        command = path.is_relative_to(ROOT / "hwsim" / "cli")
        chart = path.is_relative_to(ROOT / "hwsim" / "report")
        # The process that cleans an .onnx imports onnx: what asks for it never does.
        child = path == ROOT / "hwsim" / "frontends" / "onnx_clean.py"
        lazily = workflow or sweep or command or child
        names = libraries(path, inside_functions=not lazily)
        is_delivered = path == ROOT / "hwsim" / "exploration" / "delivery.py"  # to Dask's workers
        may = {"plotly"} if chart else {"distributed"} if is_delivered else set()
        assert not names & (HEAVY - may), path
        assert not parts(path, inside_functions=not lazily) & WITNESSES, path


def test_the_command_line_parses_and_prints() -> None:
    """The command line takes its results from workflows, which a notebook calls too."""
    allowed = {"arch", "cli", "errors", "escape", "exploration", "files", "flows", "report"}
    for path in sources("hwsim/cli"):
        assert parts(path) <= allowed, path


def test_no_workflow_knows_the_command_line() -> None:
    for path in sources("hwsim/flows"):
        assert "click" not in libraries(path), path


def test_golden_and_rtl_never_import_each_other() -> None:
    for path in sources("golden"):
        assert not libraries(path) & {"amaranth", "cocotb"}, path
        assert not parts(path) & {"rtl", "testbenches"}, path
    for path in sources("rtl"):
        assert not libraries(path) & {"torch", "cocotb"}, path
        assert not parts(path) & {"golden", "testbenches"}, path


def test_synthesis_takes_verilog_wherever_it_comes_from() -> None:
    for path in sources("synthesis"):
        assert not libraries(path) & {"amaranth", "cocotb"}, path
        assert not parts(path) & {"golden", "rtl", "testbenches"}, path


def test_proofs_know_only_the_hardware() -> None:
    for path in sources("formal"):
        assert not libraries(path) & {"torch", "cocotb"}, path
        assert not parts(path) & {"golden", "testbenches"}, path


@pytest.mark.parametrize("folder", ["golden", "rtl"])
def test_golden_and_rtl_know_only_the_model_s_nouns(folder: str) -> None:
    """Golden and rtl never import the compiler, the machine or the timeline."""
    for path in sources(folder):
        assert not parts(path) - NOUNS - {folder}, path


def test_an_installation_has_one_import_name() -> None:
    """Top-level folders are imported as parts of `hwsim`, through links."""
    for folder in ("hwsim", *WITNESSES, "tests", "tools", "benchmarks", "formal"):
        for path in sources(folder):
            assert not libraries(path) & WITNESSES, path


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_has_its_twins(operator: str) -> None:
    for place in ("golden", "hwsim/machine", "rtl/arithmetic"):
        assert (ROOT / place / f"{operator}.py").exists(), f"{place}/{operator}.py is missing"
    assert (ROOT / "tests" / f"test_{operator}.py").exists()


def test_every_component_has_a_unit_test() -> None:
    """Every component has a test in the Amaranth simulator, except core and accelerator."""
    whole = {"accelerator", "core"}
    for path in sources("rtl"):
        has_component = "(wiring.Component)" in path.read_text("utf-8")
        if has_component and path.stem not in whole:
            assert (ROOT / "tests" / f"test_rtl_{path.stem}.py").exists(), path


def test_every_file_of_the_hardware_is_in_the_table() -> None:
    table = (DOCS / "architecture.md").read_text("utf-8").split("### Components")[1]
    for path in sources("rtl"):
        if not path.stem.startswith("_"):
            assert f"`{path.stem}`" in table, f"{path.name} is not in docs/architecture.md"


def test_every_part_of_the_package_is_in_the_tree() -> None:
    tree = (DOCS / "architecture.md").read_text("utf-8").split("## The accelerator")[0]
    for path in sources("hwsim"):
        part = path.relative_to(ROOT / "hwsim").parts[0]
        name = f"`hwsim/{part}`" if part.endswith(".py") else f"`hwsim/{part}/`"
        assert name in tree, f"{name} is not in docs/architecture.md"


def test_every_component_states_its_latency() -> None:
    """Every component has a class constant LATENCY, or `latency` if the configuration decides."""
    unstated = {"accelerator", "core", "counters", "control"}
    for path in sources("rtl"):
        text = path.read_text("utf-8")
        if "(wiring.Component)" in text and path.stem not in unstated:
            pattern = r"^    [A-Z_]+ = |self\.latency = "
            assert re.search(pattern, text, re.MULTILINE), path


def docstrings(path: Path) -> list[str]:
    """Return the docstrings of a file, its classes and its functions."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, kinds)
    ]
    return [text for node in nodes if (text := ast.get_docstring(node))]


@pytest.mark.parametrize("folder", PLAINLY_SPOKEN)
def test_no_docstring_begins_with_a_fragment(folder: str) -> None:
    found = [(path, text) for path in sources(folder) for text in docstrings(path)]
    assert found, f"{folder} has no docstrings"
    for path, text in found:
        assert not FRAGMENT.match(text), f"{path}: {text.splitlines()[0]}"


@pytest.mark.parametrize("folder", ["hwsim", "golden", "rtl", "formal", "synthesis", "testbenches"])
def test_a_group_is_that_of_a_convolution(folder: str) -> None:
    """The glossary keeps the word for the groups of a convolution."""
    texts = {path: path.read_text("utf-8") for path in sources(folder, ("py", "toml"))}
    found = {str(path) for path, text in texts.items() if OTHER_GROUP.search(text)}
    assert texts
    assert not found


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

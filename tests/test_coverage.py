"""The regression counts bins and lines that were seen, and fails if one was not."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.errors import InputError
from hwsim.graph import SpatialPool
from hwsim.isa.error_codes import ErrorCode
from hwsim.program.program import Program
from hwsim.testbenches.cases import BRANCHES, CASES, DEPTHWISE, FUNCTIONS, NOT_FUSED, case_graph
from hwsim.testbenches.coverage import BINS, FOLDER, GROUPS, Regression, missing, record, recorded
from hwsim.testbenches.coverage_bins import (
    bins_of_end,
    bins_of_program,
    bins_of_timeline,
    bins_of_values,
)
from hwsim.testbenches.drawn_cases import kept_cases
from tests.drawn import preset_with
from tests.test_accelerator import CONFIGURATIONS, QUICK
from tools.regress_report import EXCLUSIONS, collect, main, markdown
from tools.verilog_coverage import (
    GENERATED,
    Exclusion,
    by_module,
    ran_nowhere,
    read_counts,
    read_exclusions,
    share,
    without,
)

NANO = load_config("nano")


def compiled(case: str) -> Program:
    return compile_graph(case_graph(case, NANO), NANO)


# --- bins ---------------------------------------------------------------------------------------


def test_bins_have_names_of_their_own() -> None:
    assert len(BINS) == sum(map(len, GROUPS.values()))
    assert set(BINS) >= {name for code in ErrorCode for name in bins_of_end(code)}


def test_a_program_falls_into_the_bins_of_its_layers() -> None:
    seen = bins_of_program(compiled("slice"))
    assert seen >= {"k 2", "kernel 3", "no spatial pool", "weights of 8 bits", "weights released"}
    assert seen >= {f"border {side}" for side in ("top", "bottom", "left", "right")}
    assert not seen & {"k 1", "k 4", "packed image", "page load", "spatial pool 2/2"}
    assert "border top" not in bins_of_program(compiled("one tap"))
    assert "reduction only" in bins_of_program(compiled(NOT_FUSED))
    chain = bins_of_program(compiled("chain"))
    assert chain >= {"packed image", "page load", "k 4", "kernel 1", "spatial pool 2/1"}


def test_small_buffers_fall_into_the_bins_of_rings_and_scopes() -> None:
    buffers = {"feature_bytes": 4096, "weight_bytes": 4096, "accumulator_depth": 32}
    config = preset_with("nano", buffers=buffers | {"staging_bytes": 1024})
    seen: set[str] = set()
    for case in kept_cases(config):
        for program in case.programs(config):
            seen |= bins_of_program(program) | bins_of_timeline(program)
    assert seen >= {"tile wraps ring", "load wraps ring", "several stripes", "several sweeps"}
    assert seen >= {f"weights per {scope}" for scope in ("layer", "band set", "tile")}
    assert seen >= {"load waited for computes", "drain waited for stores"}
    assert seen <= set(BINS)


def test_the_quick_builds_see_what_a_program_can_show_whatever_the_seed() -> None:
    """Fixed cases see every quick bin that programs and timelines decide, without any seed."""
    seen: set[str] = set()
    for config in (CONFIGURATIONS[name] for name in QUICK):
        programs = [
            compile_graph(case_graph(case, config), config)
            for case in (*CASES, NOT_FUSED, BRANCHES, DEPTHWISE, FUNCTIONS)
        ]
        programs += [program for case in kept_cases(config) for program in case.programs(config)]
        for program in programs:
            seen |= bins_of_program(program) | bins_of_timeline(program)
    of_values = {"leaky positive", "leaky negative", "saturated low", "saturated high"}
    groups = [GROUPS[name] for name in ("layers", "schedules", "builds", "waits")]
    needed = {bin_.name for group in groups for bin_ in group if bin_.required is Regression.QUICK}
    assert needed - of_values <= seen


def test_a_timeline_tells_which_waits_had_to_wait() -> None:
    config = preset_with("nano", residency=False)  # loads read what was stored
    programs = [compile_graph(case_graph(case, config), config) for case in CASES]
    seen = set.union(*map(bins_of_timeline, programs))
    assert seen >= {"load waited for stores", "tile waited for chunks", "end waited for stores"}
    assert "load waited for stores" not in bins_of_timeline(compiled("slice"))  # one layer


def test_values_tell_both_ends_and_both_sides() -> None:
    stage = case_graph("pool stride 2", NANO).stages[0]  # no factor is negative under a pool
    zero_point = stage.output.zero_point
    values = np.full((1, 2, 2), zero_point, np.int8)
    assert bins_of_values(stage, values) == set()
    assert bins_of_values(stage, values + np.int8(1)) == {"leaky positive"}
    assert bins_of_values(stage, np.full((1, 1, 1), -128, np.int8)) == {
        "leaky negative",
        "saturated low",
    }
    assert stage.constants is not None
    slopes = replace(stage.constants, negative_multiplier=-stage.constants.multiplier)
    falling = replace(stage, spatial_pool=SpatialPool.NONE, constants=slopes,
                      output=replace(stage.output, shape=stage.convolution_shape))  # fmt: skip
    assert bins_of_values(falling, values + np.int8(1)) == set()


def test_what_processes_record_is_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    record(["k 1"])
    monkeypatch.setenv(FOLDER, str(tmp_path / "new"))
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/test_a.py::test_b[a c] (call)")
    record({"k 2", "k 4"})
    record(["k 2"])
    other = {"test": "elsewhere", "bins": ["k 2"]}
    (tmp_path / "new" / "other.jsonl").write_text(json.dumps(other) + "\n", "utf-8")
    first = "tests/test_a.py::test_b[a c]"
    assert recorded(tmp_path / "new") == {"k 2": ["elsewhere", first], "k 4": [first]}
    with pytest.raises(KeyError, match="no such bin"):
        record(["no such bin"])


def test_the_quick_set_may_miss_what_only_the_full_one_sees() -> None:
    quick = {bin_.name for bin_ in BINS.values() if bin_.required is Regression.QUICK}
    assert missing(quick, Regression.QUICK) == []
    assert {bin_.name for bin_ in missing(quick, Regression.FULL)} == set(BINS) - quick
    assert [bin_.name for bin_ in missing(quick - {"k 8"}, Regression.QUICK)] == ["k 8"]
    assert [bin_.name for bin_ in missing(set(BINS) - {"k 8"}, Regression.FULL)] == ["k 8"]


# --- lines of the Verilog -----------------------------------------------------------------------

VERILOG = r"""module top(input a, output reg b, output c);
  reg _1_ = 0;
  assign c = a ? b : 1'h0;
  always @* begin
    _1_ = a;
    b = 1'h0;
    if (a) begin
      b = 1'h1;
    end
  end
endmodule
"""


def point(path: Path, kind: str, line: int, column: int, what: str, lines: str = "") -> str:
    """Return a key of coverage as Verilator writes it."""
    values = {
        "f": path,
        "l": line,
        "n": column,
        "page": f"v_{kind}/top__A2_B19",
        "o": what,
        "S": lines,
    }
    text = "".join(f"\x01{name}\x02{value}" for name, value in values.items())
    return f"C '{text}\x01h\x02top'"


def miniature(folder: Path, taken: int, toggled: int = 0) -> Path:
    """Write a model's folder and the counts of one run; `if (a)` was true `taken` times."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / GENERATED
    source.write_text(VERILOG, "utf-8")
    counts = {
        point(source, "line", 2, 7, "block", "2"): 1,
        point(source, "branch", 3, 17, "cond_then", "3"): taken,
        point(source, "branch", 3, 18, "cond_else", "3"): 5,
        point(source, "line", 4, 3, "block", "4,6"): 5,
        point(source, "branch", 5, 5, "if", "5"): 0,
        point(source, "branch", 5, 6, "else"): 5,
        point(source, "branch", 7, 5, "if", "7-8"): taken,
        point(source, "branch", 7, 6, "else", "7"): 5,
        point(source, "toggle", 1, 18, "a:0->1"): toggled,
        point(folder / "memory.sv", "line", 7, 5, "block", "1-9"): 0,
    }
    path = folder / "coverage.dat"
    lines = ["# SystemC::Coverage-3", *(f"{key} {count}" for key, count in counts.items())]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_counts_of_runs_and_builds_add_up(tmp_path: Path) -> None:
    paths = [miniature(tmp_path / "one", taken=0), miniature(tmp_path / "two", taken=0, toggled=3)]
    modules = by_module(read_counts(paths))
    assert list(modules) == ["top"]
    top = modules["top"]
    assert {line.number: count for line, count in top.lines.items()} == {
        3: 10, 4: 10, 6: 10, 5: 0, 7: 10, 8: 0
    }  # fmt: skip
    assert [(line.number, line.text) for line in top.uncovered][-1] == (8, "b = 1'h1;")
    assert list(top.toggles.values()) == [3]
    assert share(top.branches.values()) == 3 / 6
    assert set(read_counts([paths[1]] * 3).values()) == {0, 3, 9, 15}
    reached = by_module(read_counts([*paths, miniature(tmp_path / "three", taken=1)]))["top"]
    assert [line.number for line in reached.uncovered] == [5]


def test_a_line_that_ran_in_another_build_needs_no_reason(tmp_path: Path) -> None:
    def build(name: str, text: str, taken: int) -> Path:
        path = miniature(tmp_path / name, taken)
        (path.parent / GENERATED).write_text(text, "utf-8")
        return path

    def nowhere(*paths: Path) -> tuple[int, int]:
        """Return the numbers of lines that did not run in some build, and in any build."""
        counted = by_module(read_counts(paths))
        kept, _ = without(counted, read_exclusions(EXCLUSIONS))
        single = sum(len(module.uncovered) for module in kept.values())
        return single, len(ran_nowhere(kept))

    paths = [build("one", VERILOG, 0), build("two", VERILOG + "// another build\n", 0)]
    assert nowhere(*paths) == (2, 1)
    runs = {7: 0, 9: 0, 12: 1}
    numbered = [build(f"b{n}", VERILOG.replace("1'h1", f"_{n}_"), runs[n]) for n in runs]
    assert nowhere(*numbered[:2]) == (2, 1)
    assert nowhere(*numbered) == (2, 0)


def test_excluded_lines_do_not_count(tmp_path: Path) -> None:
    modules = by_module(read_counts([miniature(tmp_path, taken=1)]))
    exclusions = read_exclusions(EXCLUSIONS)
    yosys = [entry for entry in exclusions if "= a;" in entry.text]
    covered = Exclusion("top", re.escape("b = 1'h1;"), "it ran")
    elsewhere = Exclusion("other", "= a;", "no such module")
    kept, unused = without(modules, [*yosys, covered, elsewhere])
    assert unused == [covered, elsewhere]
    assert sorted(line.number for line in kept["top"].lines) == [3, 4, 6, 7]
    assert share(kept["top"].branches.values()) == 1


def test_counts_of_a_design_that_is_gone_are_refused(tmp_path: Path) -> None:
    path = miniature(tmp_path, taken=1)
    counts = {key.replace(str(tmp_path), "/gone"): n for key, n in read_counts([path]).items()}
    with pytest.raises(InputError, match="run the tests again"):
        by_module(counts)


# --- the report ---------------------------------------------------------------------------------


def regression(folder: Path, bins: set[str], taken: int = 1) -> Path:
    functional = folder / "functional"
    functional.mkdir(parents=True)
    entry = {"test": "tests/test_a.py", "bins": sorted(bins)}
    (functional / "1.jsonl").write_text(json.dumps(entry) + "\n", "utf-8")
    path = miniature(folder / "model", taken)
    (folder / "verilator").mkdir()
    path.rename(folder / "verilator" / "a.dat")
    return folder


@pytest.mark.parametrize(
    ("bins", "taken", "name", "status", "said"),
    [
        (set(BINS), 1, "full", 0, "100.0%"),
        (set(BINS) - {"multiplier of 32 bits"}, 1, "quick", 0, "100.0%"),
        (set(BINS) - {"multiplier of 32 bits"}, 1, "full", 1, "no run saw 'multiplier of 32 bits'"),
        (set(BINS) - {"k 8"}, 1, "quick", 1, "no run saw 'k 8'"),
        (set(BINS), 0, "full", 1, "80.0% of the lines ran, not 95%"),
        (set(BINS), 0, "full", 1, "1 lines ran in no build, without a reason"),
        (set(BINS), 0, "quick", 0, "ran in no build: top: b = 1'h1;"),
    ],
)
def test_the_report_fails_where_something_is_missing(
    tmp_path: Path, bins: set[str], taken: int, name: str, status: int, said: str
) -> None:
    folder = regression(tmp_path / "coverage", bins, taken)
    result = CliRunner().invoke(main, ["--set", name, "--folder", str(folder)])
    assert result.exit_code == status, result.output
    assert said in result.output
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert bool(report["complaints"]) == bool(status)
    assert set(report["bins"]) == set(BINS)
    text = (folder / "report.md").read_text("utf-8")
    assert all(complaint in text for complaint in report["complaints"])


def test_the_full_set_needs_counted_lines_and_exclusions_that_excuse(tmp_path: Path) -> None:
    folder = regression(tmp_path / "coverage", set(BINS))
    exclusions = tmp_path / "exclusions.toml"
    entry = '[[exclude]]\nmodule = "top"\ntext = "= a;"\nreason = "none"\n'
    exclusions.write_text(entry + entry.replace("= a;", "gone"), "utf-8")
    report = collect(folder, Regression.FULL, exclusions)
    assert report.complaints == ["exclusion excuses no line: module 'top', text 'gone'"]
    assert "| total | 5 | 100.0% | 100.0% | 0.0% |" in markdown(report)
    (folder / "verilator" / "a.dat").unlink()
    report = collect(folder, Regression.FULL, exclusions)
    assert report.complaints[0] == "no lines were counted: run with VERILOG_COVERAGE=1"

"""A sweep: its rows are estimates, whoever prices them, in one go or after an interruption."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyarrow import parquet

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.exploration import engine
from hwsim.exploration import sweep as sweeps
from hwsim.exploration.content import digest
from hwsim.exploration.front import front
from hwsim.exploration.point import REFUSED, Row, Subject
from hwsim.exploration.space import Settings
from hwsim.exploration.tables import refusals

MINI = "tiny-yolov2-mini"
VARY: dict[str, list[Any]] = {
    "array.output_lanes": [16, 24, 32],
    "buffers.feature_bytes": [64, "16K", "64K"],
    "memory.bandwidth_bytes_per_cycle": [4, 8.5],
}
COUNT = 18
OPTIONS = [
    *("--vary", "array.output_lanes=16,24,32", "--vary", "buffers.feature_bytes=64,16K,64K"),
    *("--vary", "memory.bandwidth_bytes_per_cycle=4,8.5"),
]


@pytest.fixture(scope="module")
def points() -> pd.DataFrame:
    return hwsim.sweep(MINI, vary=VARY, workers=1)


def test_every_row_is_the_estimate_of_its_accelerator(points: pd.DataFrame) -> None:
    assert len(points) == COUNT
    priced = 0
    for row in points.to_dict("records"):
        settings = {key: row[key] for key in VARY}
        if row["array.output_lanes"] == 24:
            assert row[REFUSED] == "settings: array.output_lanes = 24: must be a power of two"
            assert pd.isna(row["cycles"])
            continue
        config = hwsim.configuration("edge", settings=settings)
        if row["buffers.feature_bytes"] == 64:
            with pytest.raises(InputError, match=re.escape(row[REFUSED])):
                hwsim.estimate(MINI, config)
            continue
        found = hwsim.estimate(MINI, config).totals
        priced += 1
        assert pd.isna(row[REFUSED])
        assert found.energy is not None
        assert row["cycles"] == found.cycles
        assert row["total_bytes"] == found.total_bytes
        assert row["gates_nand2"] == found.gates_nand2
        assert row["energy.total_mj"] == found.energy.total_mj
        assert row["frame_seconds"] == found.frame_seconds
    assert priced == 8


def test_columns_have_one_type_each(points: pd.DataFrame) -> None:
    assert points.dtypes["array.output_lanes"] == "Int64"
    assert points.dtypes["memory.bandwidth_bytes_per_cycle"] == "Float64"
    assert points.dtypes["cycles"] == "Int64"
    assert points.dtypes["frame_seconds"] == "Float64"


def test_workers_of_a_cluster_find_the_same_rows(
    points: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "BATCH_POINTS", 5)
    assert hwsim.sweep(MINI, vary=VARY, workers=2).equals(points)


def test_a_sweep_goes_on_where_it_was(
    points: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "BATCH_POINTS", 5)
    left = 2
    whole = Subject.rows

    def interrupted(subject: Subject, batch: tuple[Settings, ...]) -> list[Row]:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        return whole(subject, batch)

    monkeypatch.setattr(Subject, "rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        hwsim.sweep(MINI, vary=VARY, workers=1, out=tmp_path)
    assert len(list(tmp_path.glob("parts/*.parquet"))) == 2
    assert not (tmp_path / "points.parquet").exists()
    left = 2  # of four batches, two are there
    assert hwsim.sweep(MINI, vary=VARY, workers=1, out=tmp_path).equals(points)
    assert left == 0
    assert hwsim.sweep(MINI, vary=VARY, workers=1, out=tmp_path).equals(points)


def test_a_spoilt_part_is_written_anew(points: pd.DataFrame, tmp_path: Path) -> None:
    hwsim.sweep(MINI, vary=VARY, workers=1, out=tmp_path)
    (part,) = tmp_path.glob("parts/*.parquet")
    content = part.read_bytes()
    for spoilt in (content[:100], b"", content[:200] + b"x" * 50 + content[250:]):
        part.write_bytes(spoilt)
        assert hwsim.sweep(MINI, vary=VARY, workers=1, out=tmp_path).equals(points)
    parquet.write_table(parquet.read_table(part).slice(1), part)
    assert hwsim.sweep(MINI, vary=VARY, workers=1, out=tmp_path).equals(points)


def test_another_network_or_accelerator_takes_no_part_of_this_one() -> None:
    points: tuple[Settings, ...] = ({"array.output_lanes": 16},)
    edge, nano = hwsim.configuration("edge"), hwsim.configuration("nano")
    small, other = hwsim.load(MINI), hwsim.load(MINI, size=96)
    keys = {
        Subject(network, config).key(points)
        for network in (small, other)
        for config in (edge, nano)
    }
    keys.add(Subject(small, edge).key(({"array.output_lanes": 16.0},)))
    assert len(keys) == 5
    assert Subject(hwsim.load(MINI), edge).key(points) in keys


def test_a_digest_tells_containers_and_kinds_apart() -> None:
    values: list[object] = [("a", "b"), ("ab",), ("a", ("b",)), {"a": "b"}, 1, 1.0, True, "1", b"1"]
    assert len({digest(value) for value in values}) == len(values)
    with pytest.raises(TypeError, match="no digest of a object"):
        digest(object())


def test_a_point_that_kills_its_workers_is_refused_alone(
    points: pd.DataFrame, tmp_path: Path
) -> None:
    """The others of its batch are priced by workers that come after."""
    script = tmp_path / "deadly.py"
    script.write_text(
        "import os, sys\n"
        "import hwsim\n"
        "from hwsim.exploration.point import Subject\n"
        "row = Subject._row\n"
        "def deadly(subject, settings):\n"
        "    if list(settings.values()) == [32, 16384, 4]:\n"
        "        os._exit(1)\n"
        "    return row(subject, settings)\n"
        "Subject._row = deadly\n"
        "if __name__ == '__main__':\n"
        "    from hwsim.exploration import sweep\n"
        "    sweep.BATCH_POINTS = 9\n"
        f"    found = hwsim.sweep({MINI!r}, vary={VARY!r}, workers=2)\n"
        "    found.to_parquet(sys.argv[1])\n"
    )
    out = tmp_path / "points.parquet"
    result = subprocess.run(
        [sys.executable, str(script), str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = pd.read_parquet(out, dtype_backend="numpy_nullable")
    lost = found[REFUSED] == engine.LOST
    assert lost.sum() == 1
    assert (
        found[~lost.fillna(False)].astype(object).equals(points[~lost.fillna(False)].astype(object))
    )


def test_the_front_has_what_nothing_beats() -> None:
    table = pd.DataFrame({"a": [1, 2, 2, 3, 1], "b": [3, 2, 2, 3, 4], "c": list("vwxyz")})
    assert front(table, ["a", "b"])["c"].tolist() == ["v", "w", "x"]
    table.loc[0, "b"] = None
    assert front(table, ["a", "b"])["c"].tolist() == ["z", "w", "x"]


def test_reasons_are_counted_without_their_numbers(points: pd.DataFrame) -> None:
    assert list(refusals(points).values()) == [6, 4]
    assert "settings: array.output_lanes = …: must be a power of two" in refusals(points)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "workers 0: must be a number from 1 to 1,024"),
        ({"workers": True}, "workers True: must be a number"),
        ({"scheduler": 7}, "scheduler 7: must be an address"),
        ({"scheduler": "tcp://127.0.0.1:1", "workers": 2}, "workers 2: a scheduler brings its own"),
    ],
)
def test_wrong_workers_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        hwsim.sweep(MINI, vary=VARY, **arguments)


def test_a_scheduler_that_does_not_answer_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 1)
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        arguments = ["sweep", MINI, *OPTIONS, "--scheduler", address, "--out", str(tmp_path / "s")]
        assert main([*arguments, "-q"]) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith(f"hwsim: error: scheduler '{address}': ")
        assert captured.err.count("\n") == 1
    assert not (tmp_path / "s" / "index.html").exists()


def test_the_command_prints_the_front_and_writes_a_page(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, points: pd.DataFrame
) -> None:
    out = tmp_path / "sweep"
    options = [*OPTIONS, "--workers", "1", "--out", str(out), "--memory", "latency=30"]
    assert main(["sweep", MINI, *options]) == 0
    text = capsys.readouterr().out
    assert "tiny-yolov2-mini on 18 accelerators like edge with latency_cycles=30: " in text
    assert "8 priced, 10 refused" in text
    assert "Pareto front over cycles, gates_nand2, total_bytes" in text
    found = pd.read_parquet(out / "points.parquet", dtype_backend="numpy_nullable")
    assert found["gates_nand2"].tolist() == points["gates_nand2"].tolist()
    page = (out / "index.html").read_text("utf-8")
    match = re.search(r"const data = (\{.*\});", page)
    assert match is not None
    data = json.loads(match[1])
    assert data["command"] == f"hwsim estimate {MINI} --config edge --memory latency=30"
    assert data["columns"]["cycles"] == found["cycles"].dropna().tolist()
    assert data["chosen"] == ["cycles", "gates_nand2"]


def test_nothing_priced_is_no_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ["--vary", "array.output_lanes=24,25", "--workers", "1", "--out", str(tmp_path)]
    assert main(["sweep", MINI, *options]) == 0
    text = capsys.readouterr().out
    assert "0 priced, 2 refused" in text
    assert (tmp_path / "index.html").exists()


def test_a_folder_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["sweep", MINI, *OPTIONS, "--out", str(tmp_path / "file"), "-q"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("hwsim: error: cannot write into ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupted_sweep_ends_quietly(tmp_path: Path, workers: str) -> None:
    """Control-C reaches the whole group of processes, as in a terminal."""
    options = ["--vary", "memory.latency_cycles=1:1000:+1", "--workers", workers]
    command = [sys.executable, "-m", "hwsim", "sweep", MINI, *options, "--out"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "out"), "-q"], stderr=subprocess.PIPE, start_new_session=True
    )
    parts = tmp_path / "out" / "parts"
    for _ in range(600):
        if parts.is_dir() and any(parts.iterdir()):
            break
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.decode() == "hwsim: interrupted\n"

"""A search: it tries accelerators of a space, and tells which of them keep the limits."""

from math import sqrt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.exploration.limits import read_limits
from hwsim.exploration.point import MEETS_LIMITS, REFUSED, Subject
from hwsim.exploration.search import SAMPLERS, Judge

MINI, OTHER = "tiny-yolov2-mini", "condensation-net-mini"
VARY: dict[str, list[Any]] = {
    "array.output_lanes": [32, 8, 16, 24],
    "buffers.feature_bytes": ["16K", "64K"],
    "array.multipliers": ["dsp", "tree"],
}
FEW = 380_000  # gates, of which 32 lanes have more


@pytest.fixture(scope="module")
def tried() -> pd.DataFrame:
    return hwsim.search(
        MINI, minimize=["cycles", "gates_nand2"], limits={"gates_nand2": FEW}, vary=VARY, trials=60
    )


def test_every_row_has_the_figures_of_its_accelerator(tried: pd.DataFrame) -> None:
    assert len(tried) == len(tried.drop_duplicates(list(VARY))) <= 16
    verdicts = set()
    for row in tried.to_dict("records"):
        settings = {key: row[key] for key in VARY}
        if row["array.output_lanes"] == 24:
            assert "must be a power of two" in row[REFUSED]
            assert pd.isna(row[MEETS_LIMITS])
            continue
        found = hwsim.estimate(MINI, hwsim.configuration("edge", settings=settings)).totals
        assert (row["cycles"], row["gates_nand2"]) == (found.cycles, found.gates_nand2)
        assert row[MEETS_LIMITS] == (found.gates_nand2 <= FEW)
        verdicts.add(row[MEETS_LIMITS])
    assert verdicts == {True, False}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_gives_the_same_rows(sampler: str) -> None:
    rows = [
        hwsim.search(MINI, minimize=["cycles"], vary=VARY, trials=12, sampler=sampler, seed=seed)
        for seed in (3, 3, 4)
    ]
    assert rows[0].equals(rows[1])
    assert not rows[0].equals(rows[2])


def test_several_networks_count_by_their_mean_and_their_most() -> None:
    found = hwsim.search(
        [MINI, OTHER],
        minimize=["cycles"],
        limits={"total_bytes": 200_000},
        vary={"array.output_lanes": [16]},
        trials=1,
    ).to_dict("records")[0]
    first, second = (hwsim.estimate(name).totals for name in (MINI, OTHER))
    assert found["cycles"] == pytest.approx(sqrt(first.cycles * second.cycles), rel=1e-12)
    assert found["total_bytes"] == max(first.total_bytes, second.total_bytes)
    assert found[MEETS_LIMITS] == (found["total_bytes"] <= 200_000)


def test_a_refused_accelerator_breaks_a_constraint_and_keeps_the_limits_apart() -> None:
    subject = Subject(hwsim.load(MINI), hwsim.configuration("edge"))
    judge = Judge((subject,), ("cycles",), {"gates_nand2": FEW})
    refused = judge.row({"array.output_lanes": 24})
    assert judge.violations(refused) == {REFUSED: 1.0, "gates_nand2": 0.0}
    large = judge.violations(judge.row({"array.output_lanes": 32}))
    assert large[REFUSED] < 0 < large["gates_nand2"]


def test_texts_become_limits() -> None:
    assert read_limits(["gates_nand2=400k,on_chip_memory_bits=2M"]) == {
        "gates_nand2": 400_000,
        "on_chip_memory_bits": 2_000_000,
    }
    assert read_limits(["total_bytes=1M", "cycles=1_000", "frame_seconds=1e-3"]) == {
        "total_bytes": 1 << 20,
        "cycles": 1000,
        "frame_seconds": 0.001,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gates=4", "total 'gates': there is none"),
        ("gates_nand2<4", "limit 'gates_nand2<4' is not TOTAL=NUMBER"),
        ("gates_nand2=-4", "is not TOTAL=NUMBER"),
        ("gates_nand2=4,gates_nand2=5", "'gates_nand2' is limited twice"),
        ("gates_nand2=4K", "K counts bytes; a thousand is k"),
    ],
)
def test_what_is_no_limit_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_limits([text])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minimize": ["cycle"]}, "total 'cycle': there is none: did you mean 'cycles'"),
        ({"minimize": "cycles"}, "totals 'cycles': must be a list of names"),
        ({"trials": 0}, "trials 0: must be a number from 1 to 100,000"),
        ({"sampler": "best"}, "sampler 'best': must be tpe, nsga2, random"),
        ({"seed": -1}, "seed -1: must be a number"),
        ({"limits": {"cycles": 0}}, "limit cycles 0: must be more than 0"),
        ({"limits": {"cycles": float("nan")}}, "limit cycles nan: must be a finite number"),
        ({"vary": {}}, "must map keys to values"),
    ],
)
def test_what_cannot_be_searched_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        hwsim.search(MINI, **{"minimize": ["cycles"], **arguments})


def test_no_network_is_refused() -> None:
    with pytest.raises(InputError, match="networks: none are named"):
        hwsim.search([], minimize=["cycles"])


def test_the_command_prints_what_meets_the_limits(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    options = ["--vary", "array.output_lanes=8,16,24,32", "--limit", "gates_nand2=380k"]
    arguments = ["search", "--network", MINI, "--minimize", "cycles", *options]
    assert main([*arguments, "--trials", "20", "--csv", str(rows)]) == 0
    text = capsys.readouterr().out
    assert "4 accelerators like edge tried: 2 meet all limits, 1 do not, 1 refused" in text
    assert "Least cycles with gates_nand2 <= 380,000: 1 accelerators" in text
    assert len(pd.read_csv(rows)) == 4
    assert main([*arguments, "--trials", "5", "--limit", "cycles=1"]) == 0
    assert ": 0 meet all limits" in capsys.readouterr().out

"""The share of the true front that a search finds: `python -m benchmarks.search [NETWORK]`.

All of the usual space is priced first, on all cores. Then each sampler searches it with ten seeds.
The figure is the hypervolume below what was found, in percent of that below the true front: of
cycles against gates, in units of the worst accelerator within the limits.
"""

import statistics
import sys
from collections.abc import Sequence

import moocore
import numpy as np
import optuna
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import hwsim
from hwsim.exploration.limits import read_limits
from hwsim.exploration.point import REFUSED, Row, Subject
from hwsim.exploration.search import SAMPLERS, USUAL_SPACE, Judge, distinct_trials, sampler_of
from hwsim.exploration.space import Space, read_space
from hwsim.exploration.sweep import sweep

NETWORK = "tiny-yolov2-mini"
MINIMIZED = ("cycles", "gates_nand2")
LIMITS = ("on_chip_memory_bits=3M",)
TRIALS, SEEDS = 200, range(10)


def enumerated(judge: Judge, space: Space, network: str) -> int:
    """Give a judge all rows of a space; return how many accelerators are legal."""
    points = sweep(network, vary=space)
    names = (*judge.minimized, *judge.limits)
    columns = {name: points[name].tolist() for name in (*names, REFUSED)}
    legal = 0
    for index, settings in enumerate(space):
        row: Row = {name: columns[name][index] for name in names}
        if isinstance(columns[REFUSED][index], str):
            row = {REFUSED: columns[REFUSED][index]}
        judge.known[tuple(settings.values())] = row
        legal += REFUSED not in row
    return legal


def figures(judge: Judge, rows: Sequence[Row]) -> NDArray[np.float64]:
    """Return the minimized figures of the rows that meet all limits."""
    met = [row for row in rows if max(judge.violations(row).values()) <= 0]
    return np.array([[row[name] for name in judge.minimized] for row in met], float)


def main(network: str = NETWORK) -> None:
    """Print a row for each sampler."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, limits = read_space(USUAL_SPACE), read_limits(LIMITS)
    judge = Judge((Subject(hwsim.load(network), hwsim.configuration("edge")),), MINIMIZED, limits)
    legal = enumerated(judge, space, network)
    every = figures(judge, list(judge.known.values()))
    worst = every.max(axis=0)
    whole = moocore.hypervolume(every / worst, ref=1.0)
    table = Table("sampler", "worst", "median", "best", title=f"{network}: {legal:,} are legal")
    for sampler in SAMPLERS:
        shares = []
        for seed in SEEDS:
            study = optuna.create_study(
                directions=["minimize"] * len(MINIMIZED), sampler=sampler_of(sampler, seed)
            )
            tried = distinct_trials(study, space, judge, TRIALS)
            found = figures(judge, [judge.row(settings) for settings in tried])
            shares.append(moocore.hypervolume(found / worst, ref=1.0) / whole if len(found) else 0)
        cells = (min(shares), statistics.median(shares), max(shares))
        table.add_row(sampler, *(f"{share:.2%}" for share in cells))
    Console().print(table)


if __name__ == "__main__":
    main(*sys.argv[1:2])

"""Search a space of accelerators for good ones, where it is too large to price all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, isfinite, log
from typing import TYPE_CHECKING

from hwsim.arch.config import Config
from hwsim.errors import InputError, shown
from hwsim.exploration.objectives import check_totals
from hwsim.exploration.point import MEETS_LIMITS, REFUSED, Row, Subject
from hwsim.exploration.space import Axis, Settings, Space, Value, make_space, read_space
from hwsim.extras import needing_extra
from hwsim.flows.configuration import ConfigSource, configuration
from hwsim.flows.network import NetworkSource, loaded
from hwsim.flows.progress import Progress, check_progress, silent

if TYPE_CHECKING:
    import optuna
    import pandas

EXTRA = "sweep"
PURPOSE = "a search"
SAMPLERS = ("tpe", "nsga2", "random")
MOST_TRIALS = 100_000
MOST_ASKED = 10  # times for each trial that is wanted
BLIND = 30  # trials, the first ones; with Optuna's own 10 some searches stay near a poor start
WORST = 1e30  # stands for the figures of a refused accelerator, whose constraint is broken anyway

# The keys that decide most of an accelerator's size and speed, if none are named.
USUAL_SPACE = (
    "array.input_lanes=8,16,32",
    "array.output_lanes=8:64:x2",
    "array.rescale_lanes=2:16:x2",
    "bus.bus_bits=64:256:x2",
    "buffers.feature_bytes=16K:512K:x2",
    "buffers.weight_bytes=8K:128K:x2",
    "buffers.accumulator_depth=64:512:x2",
)


@dataclass
class Judge:
    """Prices accelerators for some networks, and says how they stand to objectives and limits."""

    subjects: Sequence[Subject]
    minimized: Sequence[str]
    limits: Mapping[str, float]
    known: dict[tuple[Value, ...], Row] = field(default_factory=dict)

    def row(self, settings: Settings) -> Row:
        """Return the figures of an accelerator, which are found once.

        A minimized total is the geometric mean over the networks, a limited one that of the network
        with the most; `meets_limits` is True if no limit is passed.
        """
        key = tuple(settings.values())
        if key not in self.known:
            self.known[key] = self._row(settings)
        return self.known[key]

    def _row(self, settings: Settings) -> Row:
        found: list[Row] = []
        for subject in self.subjects:
            (row,) = subject.rows([settings])
            if REFUSED in row:
                return row
            found.append(row)
        missing = [name for name in (*self.minimized, *self.limits) if found[0][name] is None]
        if missing:
            return {REFUSED: f"{missing[0]} is not known of it"}
        row = {name: max(each[name] for each in found) for name in self.limits}
        row |= {name: _mean([each[name] for each in found]) for name in self.minimized}
        return row | {
            MEETS_LIMITS: all(
                each[name] <= most for name, most in self.limits.items() for each in found
            )
        }

    def violations(self, row: Row) -> dict[str, float]:
        """Return by which share of itself each limit is passed; not positive where it is met."""
        if REFUSED in row:
            return {REFUSED: 1.0, **dict.fromkeys(self.limits, 0.0)}
        return {
            REFUSED: -1.0,
            **{name: (row[name] - most) / most for name, most in self.limits.items()},
        }


def search(
    networks: NetworkSource | Sequence[NetworkSource],
    config: ConfigSource = "edge",
    *,
    minimize: Sequence[str],
    limits: Mapping[str, float] | None = None,
    vary: Mapping[str, Iterable[Value]] | Space | None = None,
    trials: int = 200,
    sampler: str = "tpe",
    seed: int = 0,
    progress: Progress = silent,
) -> "pandas.DataFrame":
    """Return the accelerators that a search has tried, one row for each, in their order.

    `minimize` has names of totals, `limits` the largest values of some. `vary` is as for `sweep`;
    without it the search goes over lanes, bus and buffers. Of several networks, a minimized total
    is the geometric mean, and a limit holds for each. A row has the keys, these totals,
    `meets_limits`, and `refused`: the reason, where a rule or a network refuses the accelerator.
    No accelerator is tried twice.
    Optuna chooses the trials: "tpe" by what was found before, "nsga2" as generations, "random"
    blindly. The same seed gives the same rows. Raises `InputError` for what cannot run at all.
    """
    with needing_extra(EXTRA, PURPOSE):
        import optuna
        import pandas
    check_progress(progress)
    space = _space(vary)
    _check(trials, sampler, seed)
    check_totals(minimize)
    subjects = _subjects(networks, configuration(config), progress)
    judge = Judge(subjects, minimize, _checked_limits(limits or {}))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        directions=["minimize"] * len(minimize), sampler=sampler_of(sampler, seed)
    )
    with progress(f"trying {trials:,} of {len(space):,} accelerators", trials) as advance:
        tried = distinct_trials(study, space, judge, trials, advance)
    rows = [{**settings, **judge.row(settings)} for settings in tried]
    columns = [axis.key for axis in space.axes]
    columns += dict.fromkeys((*minimize, *judge.limits, MEETS_LIMITS, REFUSED))
    return pandas.DataFrame(rows, columns=columns).convert_dtypes()


def distinct_trials(
    study: "optuna.Study",
    space: Space,
    judge: Judge,
    count: int,
    advance: Callable[[], None] = lambda: None,
) -> list[Settings]:
    """Return so many different accelerators that a study chooses, or as many as there are.

    A study that chooses an accelerator again is told again what came of it, which costs nothing; in
    the end it is left alone.
    """
    tried: dict[tuple[Value, ...], Settings] = {}
    most = min(count, len(space))
    for _ in range(MOST_ASKED * most):
        settings = ask_and_tell(study, space, judge)
        if tuple(settings.values()) not in tried:
            tried[tuple(settings.values())] = settings
            advance()
        if len(tried) == most:
            break
    return list(tried.values())


def ask_and_tell(study: "optuna.Study", space: Space, judge: Judge) -> Settings:
    """Let a study choose an accelerator, and tell it what came of it; return its settings."""
    trial = study.ask()
    settings = {axis.key: _chosen(trial, axis) for axis in space.axes}
    row = judge.row(settings)
    for name, violation in judge.violations(row).items():
        trial.set_constraint(name, violation)
    study.tell(trial, [row.get(name, WORST) for name in judge.minimized])
    return settings


def _chosen(trial: "optuna.Trial", axis: Axis) -> Value:
    """Return the value that a trial has of a key. Numbers are in order, other values are not."""
    if any(isinstance(value, bool | str) for value in axis.values):
        index = trial.suggest_categorical(axis.key, range(len(axis.values)))
        return axis.values[index]
    ordered = sorted(axis.values)
    return ordered[trial.suggest_int(axis.key, 0, len(ordered) - 1)]


def sampler_of(name: str, seed: int) -> "optuna.samplers.BaseSampler":
    """Return a sampler by its name in `SAMPLERS`."""
    import optuna

    if name == "tpe":
        return optuna.samplers.TPESampler(multivariate=True, n_startup_trials=BLIND, seed=seed)
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def _mean(values: Sequence[float]) -> float:
    """Return the geometric mean; of one value, the value itself."""
    if len(values) == 1:
        return values[0]
    if min(values) <= 0:
        return 0.0
    return exp(sum(map(log, values)) / len(values))


def _space(vary: Mapping[str, Iterable[Value]] | Space | None) -> Space:
    if vary is None:
        return read_space(USUAL_SPACE)
    return vary if isinstance(vary, Space) else make_space(vary)


def _subjects(networks: object, config: Config, progress: Progress) -> tuple[Subject, ...]:
    several = networks if isinstance(networks, list | tuple) else (networks,)
    if not several:
        raise InputError("networks: none are named")
    return tuple(Subject(loaded(network, progress), config) for network in several)


def _check(trials: int, sampler: str, seed: int) -> None:
    if not isinstance(trials, int) or isinstance(trials, bool) or not 0 < trials <= MOST_TRIALS:
        raise InputError(f"trials {shown(trials)}: must be a number from 1 to {MOST_TRIALS:,}")
    if sampler not in SAMPLERS:
        raise InputError(f"sampler {shown(sampler)}: must be {', '.join(SAMPLERS)}")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 32:
        raise InputError(f"seed {shown(seed)}: must be a number from 0 to {(1 << 32) - 1:,}")


def _checked_limits(limits: Mapping[str, float]) -> dict[str, float]:
    check_totals(tuple(limits))
    for name, most in limits.items():
        if isinstance(most, bool) or not isinstance(most, int | float) or not isfinite(most):
            raise InputError(f"limit {name} {shown(most)}: must be a finite number")
        if most <= 0:
            raise InputError(f"limit {name} {shown(most)}: must be more than 0")
    return dict(limits)

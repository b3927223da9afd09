"""Price a network on every accelerator of a space."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hwsim.errors import InputError, shown
from hwsim.exploration.engine import Priced, on_cluster, serially
from hwsim.exploration.parts import Batch, Parts
from hwsim.exploration.point import Subject
from hwsim.exploration.rows import frame, table
from hwsim.exploration.space import Settings, Space, Value, make_space
from hwsim.files import path_text
from hwsim.flows.configuration import ConfigSource, configuration
from hwsim.flows.network import File, NetworkSource, loaded
from hwsim.flows.progress import Progress, check_progress, silent

if TYPE_CHECKING:
    import pandas

BATCH_POINTS = 25  # priced in a second or so, which is what a worker that dies loses
MOST_WORKERS = 1024


def sweep(
    network: NetworkSource,
    config: ConfigSource = "edge",
    *,
    vary: Mapping[str, Iterable[Value]] | Space,
    out: File | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress = silent,
) -> "pandas.DataFrame":
    """Return what a network costs on every accelerator of a space, one row for each.

    `vary` maps keys of a configuration to the values that they take: {"array.output_lanes":
    [16, 32], "buffers.feature_bytes": ["64K", "128K"]}. Every combination is a row, the last key
    changing fastest, with all totals by the names that `--json` has. A combination that breaks a
    rule, or that the network does not fit, is a row too: it has its reason in `refused` and no
    totals. Rows and order are the same whatever prices them.

    `out` is a folder, in which points.parquet has the same rows; a sweep that was interrupted there
    goes on where it was. `workers` processes price the rows, as many as there are cores unless it
    is given; with one, it is this process. `scheduler` is the address of a Dask cluster to use in
    their place. A script that is no notebook calls this below `if __name__ == "__main__":`, as
    everything that starts processes. Raises `InputError` for what cannot run at all.
    """
    check_progress(progress)
    space = vary if isinstance(vary, Space) else make_space(vary)
    count = _workers(workers, scheduler)
    subject = Subject(loaded(network, progress), configuration(config))
    with _folder(out) as folder:
        parts = Parts(folder, space)
        parts.create()
        batches = _batches(subject, space)
        found = {batch.key: rows for batch in batches if (rows := parts.read(batch)) is not None}
        missing = [batch for batch in batches if batch.key not in found]
        with progress(f"pricing {len(space):,} accelerators", len(batches)) as advance:
            for _ in found:
                advance()
            for batch, rows in _priced(subject, missing, scheduler, count):
                found[batch.key] = table(space, batch.points, rows)
                parts.write(batch, found[batch.key])
                advance()
        return frame(parts.finish([found[batch.key] for batch in batches]))


def _batches(subject: Subject, space: Space) -> tuple[Batch, ...]:
    points = tuple(space)
    starts = range(0, len(points), BATCH_POINTS)
    return tuple(_batch(subject, points[start : start + BATCH_POINTS]) for start in starts)


def _batch(subject: Subject, points: tuple[Settings, ...]) -> Batch:
    return Batch(points, subject.key(points))


def _priced(
    subject: Subject, batches: Sequence[Batch], scheduler: str | None, workers: int
) -> Iterator[Priced]:
    """Yield batches with their rows in any order. What needs no second process starts none."""
    if not batches:
        return
    if scheduler is None and min(workers, len(batches)) == 1:
        yield from serially(subject, batches)
    else:
        yield from on_cluster(subject, batches, scheduler, min(workers, len(batches)))


def _workers(workers: int | None, scheduler: str | None) -> int:
    if scheduler is not None and not isinstance(scheduler, str):
        raise InputError(f"scheduler {shown(scheduler)}: must be an address, tcp://host:8786")
    if workers is None:
        return len(os.sched_getaffinity(0))
    if scheduler is not None:
        raise InputError(f"workers {shown(workers)}: a scheduler brings its own workers")
    if not isinstance(workers, int) or isinstance(workers, bool) or not 0 < workers <= MOST_WORKERS:
        raise InputError(f"workers {shown(workers)}: must be a number from 1 to {MOST_WORKERS:,}")
    return workers


@contextmanager
def _folder(out: File | None) -> Iterator[Path]:
    """Yield the folder of a sweep: a temporary one where none is given."""
    if out is None:
        with TemporaryDirectory(prefix="hwsim-sweep-") as folder:
            yield Path(folder)
    else:
        yield Path(path_text("folder", out))

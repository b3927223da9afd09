"""The subject of a sweep on every worker of a cluster: sent once, not with every batch."""

import signal
import threading
from collections.abc import Sequence

from distributed import Worker, WorkerPlugin, get_worker

from hwsim.exploration.content import model_digest
from hwsim.exploration.point import Row, Subject
from hwsim.exploration.space import Settings


class OtherModelError(Exception):
    """A worker has another hwsim, whose figures would be other ones."""


class Delivery(WorkerPlugin):  # type: ignore[misc]  # Dask's classes carry no types
    """Keeps a subject on each worker that there is, and on each that comes later."""

    def __init__(self, subject: Subject, is_own: bool) -> None:
        self.name = f"hwsim-{subject.digest}"
        self.subject = subject
        self.model = model_digest()
        self.is_own = is_own  # the workers are this process's, which ends them at an interrupt

    def setup(self, worker: Worker) -> None:
        """Refuse a worker whose model is not the same as that of the sweep."""
        if self.model != model_digest():
            raise OtherModelError(f"worker {worker.address} has another hwsim installed")
        if self.is_own and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a terminal sends to workers too


def delivered_rows(name: str, points: Sequence[Settings]) -> list[Row]:
    """Return the rows of some points, on a worker that has the subject of this name."""
    subject: Subject = get_worker().plugins[name].subject
    return subject.rows(points)

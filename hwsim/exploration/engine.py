"""The pricing of batches: in this process, or by the workers of a Dask cluster."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.exploration.parts import Batch
from hwsim.exploration.point import REFUSED, Row, Subject
from hwsim.extras import importing_extra

if TYPE_CHECKING:
    from distributed import Client, Future

    from hwsim.exploration.delivery import Delivery

EXTRA = "sweep"
PURPOSE = "a sweep on several workers"
LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 20
LOST = "the workers that priced it died"

Priced = tuple[Batch, list[Row]]


def serially(subject: Subject, batches: Sequence[Batch]) -> Iterator[Priced]:
    """Yield every batch with its rows, priced in this process."""
    for batch in batches:
        yield batch, subject.rows(batch.points)


def on_cluster(
    subject: Subject, batches: Sequence[Batch], address: str | None, workers: int
) -> Iterator[Priced]:
    """Yield every batch with its rows, in the order in which a cluster prices them.

    `address` is that of a Dask scheduler; without one, so many workers are started here, which
    only this process can reach. A batch whose worker dies is priced again by another one. If it has
    lost several, its points are priced one by one, so that one that kills workers is refused alone.
    """
    with importing_extra(EXTRA, PURPOSE):
        import distributed

        from hwsim.exploration.delivery import Delivery, delivered_rows
    delivery = Delivery(subject, is_own=address is None)
    with _client(address, workers) as client, _delivered(client, delivery) as name:

        def submit(share: _Share) -> "Future":
            points = share.batch.points[share.start : share.stop]
            return client.submit(delivered_rows, name, points, pure=False)

        shares = {}
        for batch in batches:
            share = _Share(batch, 0, len(batch.points))
            shares[submit(share)] = share
        ready = distributed.as_completed(list(shares), loop=client.loop)
        found: dict[str, dict[int, list[Row]]] = {batch.key: {} for batch in batches}
        for future in ready:
            share = shares.pop(future)
            try:
                rows = future.result()
            except distributed.KilledWorker:
                if share.stop - share.start > 1:
                    again = {submit(single): single for single in share.singles()}
                    shares |= again
                    ready.update(list(again))
                    continue
                rows = [{REFUSED: LOST}]
            future.release()
            parts = found[share.batch.key]
            parts[share.start] = rows
            if sum(map(len, parts.values())) == len(share.batch.points):
                yield share.batch, [row for start in sorted(parts) for row in parts[start]]
                del found[share.batch.key]


@dataclass(frozen=True)
class _Share:
    """The points of a batch, from `start` up to `stop`, that a worker was asked for."""

    batch: Batch
    start: int
    stop: int

    def singles(self) -> Iterator["_Share"]:
        """Yield a share for each point."""
        for start in range(self.start, self.stop):
            yield _Share(self.batch, start, start + 1)


@contextmanager
def _client(address: str | None, workers: int) -> Iterator["Client"]:
    """Connect to a cluster, or start one of this process and this user alone."""
    import dask
    import distributed

    if address is not None:
        try:
            client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split()) or "no answer"
            raise InputError(f"scheduler {quoted(address)}: {reason}") from None
        with client:
            yield client
        return
    quiet = {
        "distributed.logging": {"distributed": "critical"},
        "distributed.admin.tick.limit": "1h",
    }
    with (
        dask.config.set(quiet),
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=LOOPBACK,
            dashboard_address=None,
            memory_limit=None,
            security=True,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _delivered(client: "Client", delivery: "Delivery") -> Iterator[str]:
    """Lend a sweep's subject to the workers of a cluster; yield its name there."""
    try:
        client.register_plugin(delivery)
    except Exception as error:  # whatever a worker raises, such as what it cannot import
        reason = " ".join(str(error).split())
        raise InputError(f"a worker cannot price: {type(error).__name__}: {reason}") from None
    try:
        yield delivery.name
    finally:
        client.unregister_worker_plugin(delivery.name)

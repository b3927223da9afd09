"""Writing one stage's descriptors in the order of its schedule."""

from collections.abc import Iterable, Mapping

from hwsim.compiler.feature_ring import BandSet, FeatureRing
from hwsim.compiler.resident_source import ResidentSource
from hwsim.compiler.task import Task
from hwsim.compiler.tiles import SourceRows, TileWriter
from hwsim.compiler.tokens import Tokens
from hwsim.compiler.weight_stream import WeightStream
from hwsim.isa.descriptor import Descriptor
from hwsim.program.schedule import Span, WeightScope


def emit_stage(task: Task, tokens: Tokens) -> list[Descriptor]:
    """Return all descriptors of a stage; `tokens` carries the counts from stage to stage."""
    descriptors: list[Descriptor] = []
    weights = WeightStream(task, tokens, descriptors)
    schedule = task.schedule
    for bundles in schedule.sweeps:
        if schedule.scope is WeightScope.STAGE:
            weights.load(bundles)
        for index, stripe in enumerate(schedule.stripes):
            is_last = index == len(schedule.stripes) - 1
            sweep = _Sweep(task, tokens, descriptors, weights, stripe, bundles, is_last)
            for band_set in range(len(schedule.band_sets)):
                sweep.write(band_set)
    return descriptors


def emit_interleaved(
    tasks: Mapping[int, Task], order: Iterable[tuple[int, int]], tokens: Tokens
) -> tuple[list[Descriptor], list[int]]:
    """Return the descriptors of stages whose bands are written in turns, and the stage of each.

    An entry of `order` is the number of a stage and that of its band. A stage is one sweep along
    one stripe, and holds all its weights from its first band to its last one.
    """
    descriptors: list[Descriptor] = []
    owners: list[int] = []
    sweeps: dict[int, _Sweep] = {}
    for stage, band in order:
        if stage not in sweeps:
            task = tasks[stage]
            (bundles,), (stripe,) = task.schedule.sweeps, task.schedule.stripes
            weights = WeightStream(task, tokens, descriptors)
            weights.load(bundles)
            sweeps[stage] = _Sweep(task, tokens, descriptors, weights, stripe, bundles, True)
        sweeps[stage].write(band)
        owners += [stage] * (len(descriptors) - len(owners))
    return descriptors, owners


class _Sweep:
    """One sweep: all band sets of a stripe, for a range of bundles, which are written in turn."""

    def __init__(
        self,
        task: Task,
        tokens: Tokens,
        descriptors: list[Descriptor],
        weights: WeightStream,
        stripe: tuple[Span, ...],
        bundles: range,
        last_stripe: bool,
    ) -> None:
        self._task, self._weights = task, weights
        self._stripe, self._last_stripe = stripe, last_stripe
        self._bundle_sets = task.schedule.bundle_sets(bundles)
        band_sets = task.schedule.band_sets
        self._rings: list[SourceRows] = [
            ResidentSource(task, index, tokens, band_sets)
            if is_resident
            else FeatureRing(task, index, tokens, descriptors, stripe, band_sets)
            for index, is_resident in enumerate(task.schedule.resident)
        ]
        self._writer = TileWriter(task, tokens, descriptors, self._rings, weights)
        if task.schedule.scope is not WeightScope.STAGE:
            weights.load_ahead(self._bundle_sets[0])

    def write(self, index: int) -> None:
        """Write the loads and tiles of a band set, and loads of the next one if they have room."""
        schedule, rings = self._task.schedule, self._rings
        band_sets, resident = schedule.band_sets, schedule.scope is WeightScope.STAGE
        is_last = index == len(band_sets) - 1
        self._load(band_sets[index])
        if resident and not is_last and all(ring.has_room(index) for ring in rings):
            self._load(band_sets[index + 1])
        self._compute(band_sets[index], is_last and self._last_stripe)
        for ring in rings:
            ring.finish_band_set()
        if not resident and not is_last:
            self._weights.load_ahead(self._bundle_sets[0])

    def _load(self, band_set: BandSet) -> None:
        """Load the rows of a band set that are not in the rings yet, band by band."""
        for band in band_set:
            for ring in self._rings:
                ring.load(band)

    def _compute(self, band_set: BandSet, is_last: bool) -> None:
        """Write the band set's tiles; the last tile that reads some weights releases them.

        With `is_last`, no band set behind this one needs the sweep's weights.
        """
        scope, writer = self._task.schedule.scope, self._writer
        tiles = [(band, tile) for band in band_set for tile in self._stripe]
        if scope is WeightScope.TILE:
            for band, tile in tiles:
                for bundle_set in self._bundle_sets:
                    self._tile(bundle_set, band, tile)
            return
        *others, (last_band, last_tile) = tiles
        for bundle_set in self._bundle_sets:
            if scope is WeightScope.BAND_SET:
                self._weights.load(bundle_set)
            for band, tile in others:
                writer.write(bundle_set, band, tile, release=False)
            writer.write(bundle_set, last_band, last_tile, is_last or scope is WeightScope.BAND_SET)

    def _tile(self, bundle_set: range, band: Span, tile: Span) -> None:
        """Write a tile whose weights exceed the queue."""
        writer = self._writer
        if self._task.schedule.blocking.computes_load_alone:
            self._weights.begin(bundle_set)
            writer.write(bundle_set, band, tile, True, before_compute=self._weights.load_next)
        else:
            self._weights.load(bundle_set)
            writer.write(bundle_set, band, tile, release=True)

"""Writing one stage's descriptors in the order of its schedule."""

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
    return _StageEmitter(task, tokens).emit()


class _StageEmitter:
    def __init__(self, task: Task, tokens: Tokens) -> None:
        self._task, self._tokens = task, tokens
        self._descriptors: list[Descriptor] = []
        self._weights = WeightStream(task, tokens, self._descriptors)

    def emit(self) -> list[Descriptor]:
        schedule = self._task.schedule
        for first_bundle, bundles in schedule.sweeps:
            if schedule.scope is WeightScope.STAGE:
                self._weights.load(first_bundle, bundles)
            sweep_bundles = range(first_bundle, first_bundle + bundles)
            for index, stripe in enumerate(schedule.stripes):
                is_last = index == len(schedule.stripes) - 1
                self._sweep(stripe, sweep_bundles, is_last)
        return self._descriptors

    def _sweep(self, stripe: tuple[Span, ...], bundles: range, last_stripe: bool) -> None:
        """Write one sweep: all band sets of a stripe, for a range of bundles."""
        task, tokens, descriptors = self._task, self._tokens, self._descriptors
        resident = task.schedule.scope is WeightScope.STAGE
        band_sets = task.schedule.band_sets
        rings = [
            ResidentSource(task, index, tokens, band_sets)
            if is_resident
            else FeatureRing(task, index, tokens, descriptors, stripe, band_sets)
            for index, is_resident in enumerate(task.schedule.resident)
        ]
        writer = TileWriter(task, tokens, descriptors, rings, self._weights)
        if not resident:
            self._weights.load_ahead(bundles[0])
        for index, band_set in enumerate(band_sets):
            is_last = index == len(band_sets) - 1
            self._load(rings, band_set)
            if resident and not is_last and all(ring.has_room(index) for ring in rings):
                self._load(rings, band_sets[index + 1])
            self._compute(writer, band_set, stripe, bundles, is_last and last_stripe)
            for ring in rings:
                ring.finish_band_set()
            if not resident and not is_last:
                self._weights.load_ahead(bundles[0])

    def _load(self, rings: list[SourceRows], band_set: BandSet) -> None:
        """Load the rows of a band set that are not in the rings yet, band by band."""
        for band in band_set:
            for ring in rings:
                ring.load(band)

    def _compute(
        self,
        writer: TileWriter,
        band_set: BandSet,
        stripe: tuple[Span, ...],
        bundles: range,
        is_last: bool,
    ) -> None:
        """Write the band set's tiles; the last tile that reads some weights releases them.

        With `is_last`, no band set behind this one needs the sweep's weights.
        """
        scope = self._task.schedule.scope
        tiles = [(band, tile) for band in band_set for tile in stripe]
        if scope is WeightScope.TILE:
            for band, tile in tiles:
                for bundle in bundles:
                    self._tile(writer, bundle, band, tile)
            return
        *others, (last_band, last_tile) = tiles
        for bundle in bundles:
            if scope is WeightScope.BAND_SET:
                self._weights.load(bundle)
            for band, tile in others:
                writer.write(bundle, band, tile, release=False)
            writer.write(bundle, last_band, last_tile, is_last or scope is WeightScope.BAND_SET)

    def _tile(self, writer: TileWriter, bundle: int, band: Span, tile: Span) -> None:
        """Write a tile whose weights exceed the queue."""
        if self._task.schedule.blocking.computes_load_alone:
            self._weights.begin(bundle)
            writer.write(bundle, band, tile, True, before_compute=self._weights.load_next)
        else:
            self._weights.load(bundle)
            writer.write(bundle, band, tile, release=True)

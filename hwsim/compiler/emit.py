"""Writing one stage's descriptors in the order of its schedule."""

from hwsim.compiler.feature_ring import BandSet, FeatureRing
from hwsim.compiler.task import Task
from hwsim.compiler.tiles import TileWriter
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
        barrier: int | None = self._tokens.stores  # all stores of the earlier stages
        for first_bundle, bundles in schedule.sweeps:
            if schedule.scope is WeightScope.STAGE:
                self._weights.load(first_bundle, bundles)
            sweep_bundles = range(first_bundle, first_bundle + bundles)
            for index, stripe in enumerate(schedule.stripes):
                is_last = index == len(schedule.stripes) - 1
                self._sweep(stripe, sweep_bundles, is_last, barrier)
                barrier = None
        return self._descriptors

    def _sweep(
        self, stripe: tuple[Span, ...], bundles: range, last_stripe: bool, barrier: int | None
    ) -> None:
        """Write one sweep: all band sets of a stripe, for a range of bundles."""
        task, tokens, descriptors = self._task, self._tokens, self._descriptors
        resident = task.schedule.scope is WeightScope.STAGE
        band_sets = self._band_sets(last_stripe)
        ring = FeatureRing(task, tokens, descriptors, stripe, band_sets, barrier)
        writer = TileWriter(task, tokens, descriptors, ring, self._weights)
        if not resident:
            self._weights.load_ahead(bundles[0])
        for index, band_set in enumerate(band_sets):
            is_last = index == len(band_sets) - 1
            ring.load(index)
            if resident and not is_last and ring.has_room(index):
                ring.load(index + 1)
            self._compute_band_set(writer, band_set, stripe, bundles)
            ring.finish_band_set()
            if not resident and not is_last:
                self._weights.load_ahead(bundles[0])

    def _band_sets(self, last_stripe: bool) -> list[BandSet]:
        height = self._task.stage.sources[0].tensor.shape.height
        band_sets = self._task.schedule.band_sets
        return [
            BandSet(
                band_set,
                band_set[0].clipped(height)[0],
                band_set[-1].clipped(height)[1],
                last_stripe and index == len(band_sets) - 1,
            )
            for index, band_set in enumerate(band_sets)
        ]

    def _compute_band_set(
        self, writer: TileWriter, band_set: BandSet, stripe: tuple[Span, ...], bundles: range
    ) -> None:
        """Write the band set's tiles; the last tile that reads some weights releases them."""
        scope = self._task.schedule.scope
        tiles = [(band, tile) for band in band_set.bands for tile in stripe]
        if scope is WeightScope.TILE:
            for band, tile in tiles:
                for bundle in bundles:
                    self._weights.load(bundle)
                    writer.write(bundle, band, tile, release=True)
            return
        *others, (last_band, last_tile) = tiles
        for bundle in bundles:
            if scope is WeightScope.BAND_SET:
                self._weights.load(bundle)
            for band, tile in others:
                writer.write(bundle, band, tile, release=False)
            writer.write(
                bundle, last_band, last_tile, band_set.last or scope is WeightScope.BAND_SET
            )

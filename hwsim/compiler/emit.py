"""Writes one layer's descriptors, in the order in which its schedule reads and computes."""

from hwsim.compiler.feature_ring import FeatureRing, Unit
from hwsim.compiler.task import Task
from hwsim.compiler.tiles import TileWriter
from hwsim.compiler.tokens import Tokens
from hwsim.compiler.weight_stream import WeightStream
from hwsim.isa.descriptor import Descriptor
from hwsim.program.schedule import Span, WeightScope


def emit_layer(task: Task, tokens: Tokens) -> list[Descriptor]:
    """All descriptors of a layer; `tokens` carries the counts from layer to layer."""
    return _LayerEmitter(task, tokens).emit()


class _LayerEmitter:
    def __init__(self, task: Task, tokens: Tokens) -> None:
        self._task, self._tokens = task, tokens
        self._descriptors: list[Descriptor] = []
        self._weights = WeightStream(task, tokens, self._descriptors)

    def emit(self) -> list[Descriptor]:
        schedule = self._task.schedule
        barrier: int | None = self._tokens.stores  # of the layers before, which wrote the input
        for first_group, groups in schedule.passes:
            if schedule.scope is WeightScope.LAYER:
                self._weights.load(first_group, groups)
            pass_groups = range(first_group, first_group + groups)
            for index, stripe in enumerate(schedule.stripes):
                is_last = index == len(schedule.stripes) - 1
                self._sweep(stripe, pass_groups, is_last, barrier)
                barrier = None
        return self._descriptors

    def _sweep(
        self, stripe: tuple[Span, ...], groups: range, last_stripe: bool, barrier: int | None
    ) -> None:
        """One reading of the input: all units of a stripe, for some groups of output blocks."""
        task, tokens, descriptors = self._task, self._tokens, self._descriptors
        resident = task.schedule.scope is WeightScope.LAYER
        units = self._units(last_stripe)
        ring = FeatureRing(task, tokens, descriptors, stripe, units, barrier)
        writer = TileWriter(task, tokens, descriptors, ring, self._weights)
        if not resident:
            self._weights.load_ahead(groups[0])
        for index, unit in enumerate(units):
            is_last = index == len(units) - 1
            ring.load(index)
            if resident and not is_last and ring.has_room(index):
                ring.load(index + 1)
            self._compute_unit(writer, unit, stripe, groups)
            ring.finish_unit()
            if not resident and not is_last:
                self._weights.load_ahead(groups[0])

    def _units(self, last_stripe: bool) -> list[Unit]:
        height = self._task.layer.input.shape.height
        strips = self._task.schedule.strips
        return [
            Unit(
                strip,
                strip[0].clipped(height)[0],
                strip[-1].clipped(height)[1],
                last_stripe and index == len(strips) - 1,
            )
            for index, strip in enumerate(strips)
        ]

    def _compute_unit(
        self, writer: TileWriter, unit: Unit, stripe: tuple[Span, ...], groups: range
    ) -> None:
        """The unit's tiles; with the last that reads them, weights leave the queue."""
        scope = self._task.schedule.scope
        tiles = [(band, tile) for band in unit.bands for tile in stripe]
        if scope is WeightScope.TILE:
            for band, tile in tiles:
                for group in groups:
                    self._weights.load(group)
                    writer.write(group, band, tile, release=True)
            return
        *others, (last_band, last_tile) = tiles
        for group in groups:
            if scope is WeightScope.STRIP:
                self._weights.load(group)
            for band, tile in others:
                writer.write(group, band, tile, release=False)
            writer.write(group, last_band, last_tile, unit.last or scope is WeightScope.STRIP)

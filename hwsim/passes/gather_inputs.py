"""Inputs whose pixels the host gathers in cells, so that strided layers fill the input lanes.

A stride of 2 in rows and in columns over three channels becomes a stride of 1 over twelve: a cell
has 2 x 2 pixels, and those taps of the kernel that read one cell are channels of one tap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import gcd

import numpy as np
from numpy.typing import NDArray

from hwsim.graph import Graph, Padding, Source, Stage, Tensor
from hwsim.graph.cells import Cells, GatheredSource, GatheredTensor
from hwsim.graph.check import LARGEST_CHANNELS
from hwsim.graph.infer import convolved_shape
from hwsim.graph.program_graphs import ProgramGraphs

Weights = NDArray[np.int8] | NDArray[np.int16]


def gather_inputs(graphs: ProgramGraphs, lanes: int) -> ProgramGraphs:
    """Return the graphs in which inputs are gathered where that saves cycles of the array.

    `lanes` is the number of its input lanes. An input stays as it is unless dense convolutions
    alone read it.
    """
    for tensor in graphs.whole.inputs:
        if cells := _best_cells(graphs.whole, tensor, lanes):
            gathered = _in_cells(tensor, cells)
            whole, *parts = (
                _with_gathered(graph, gathered) for graph in (graphs.whole, *graphs.parts)
            )
            graphs = replace(graphs, whole=whole, parts=tuple(parts))
    return graphs


def _best_cells(graph: Graph, tensor: Tensor, lanes: int) -> Cells | None:
    """Return the cells that need the fewest cycles, then the fewest words; None for none."""
    readers = [
        (stage, source)
        for stage in graph.stages
        for source in stage.sources
        if source.tensor == tensor
    ]
    if not all(_is_plain(source) for _, source in readers):
        return None
    best, least = None, _cost(readers, lanes)
    for cells in _candidates(tensor, [source for _, source in readers]):
        gathered = _in_cells(tensor, cells)
        moved = [(stage, _gathered_source(source, gathered)) for stage, source in readers]
        if all(_fits(stage, source) for stage, source in moved) and _cost(moved, lanes) < least:
            best, least = cells, _cost(moved, lanes)
    return best


def _is_plain(source: Source) -> bool:
    """Return True for a dense source of all channels, whose taps lie side by side."""
    is_dense = source.groups == source.upsample == 1 and not source.is_slice
    return is_dense and source.dilation == (1, 1)


def _candidates(tensor: Tensor, sources: list[Source]) -> Iterator[Cells]:
    """Yield the grids whose cells are as large as the strides or divide them.

    They begin as far in front of the input as the first source's padding asks, so that its kernel
    begins with a cell.
    """
    sizes = (
        [size for size in range(1, common + 1) if common % size == 0]
        for common in (gcd(*(source.stride[axis] for source in sources)) for axis in (0, 1))
    )
    padding = sources[0].padding
    for rows, columns in product(*sizes):
        if rows * columns > 1 and tensor.shape.channels * rows * columns <= LARGEST_CHANNELS:
            yield Cells(tensor.shape, rows, columns, padding.top % rows, padding.left % columns)


def _in_cells(tensor: Tensor, cells: Cells) -> GatheredTensor:
    return GatheredTensor(
        tensor.name, cells.gathered, tensor.bits, tensor.quantization, cells=cells
    )


def _cost(readers: Sequence[tuple[Stage, Source]], lanes: int) -> tuple[int, int]:
    """Return (cycles of the array, words of the map); those are in proportion to the filters."""
    cycles = words = 0
    for stage, source in readers:
        convolved, blocks = stage.convolution_shape, -(-source.channels // lanes)
        cycles += convolved.height * convolved.width * stage.filters * source.taps * blocks
        words = blocks * source.tensor.shape.height * source.tensor.shape.width
    return cycles, words


def _fits(stage: Stage, source: Source) -> bool:
    """Return True if a source has as many outputs as its stage.

    A last cell may make one more where its stride leaves out pixels of the input.
    """
    return convolved_shape(source, stage.filters) == stage.convolution_shape


def _with_gathered(graph: Graph, tensor: GatheredTensor) -> Graph:
    """Return a graph with a gathered input in the place of the one that has its name."""
    inputs = tuple(tensor if each.name == tensor.name else each for each in graph.inputs)
    stages = tuple(_gathered_stage(stage, tensor) for stage in graph.stages)
    return replace(graph, inputs=inputs, stages=stages)


def _gathered_stage(stage: Stage, tensor: GatheredTensor) -> Stage:
    if tensor.name not in {source.tensor.name for source in stage.sources}:
        return stage
    gathered = [
        _gathered_source(source, tensor) if source.tensor.name == tensor.name else None
        for source in stage.sources
    ]
    sources = tuple(new or source for new, source in zip(gathered, stage.sources, strict=True))
    constants = stage.constants
    if constants is not None:
        weights = tuple(
            _gathered_weights(array, new) if new else array
            for array, new in zip(constants.weights, gathered, strict=True)
        )
        constants = replace(constants, weights=weights)
    return replace(stage, sources=sources, constants=constants)


def _gathered_source(source: Source, tensor: GatheredTensor) -> GatheredSource:
    """Return the source that reads the same pixels in the cells of a gathered input."""
    cells, outputs, map_shape = tensor.cells, convolved_shape(source, 1), tensor.shape
    stride = source.stride[0] // cells.rows, source.stride[1] // cells.columns
    rows, columns = _taps(source, cells)
    height, width = rows[-1][0] + 1 - rows[0][0], columns[-1][0] + 1 - columns[0][0]
    top, left = -rows[0][0], -columns[0][0]
    padding = Padding(
        top=top,
        left=left,
        bottom=max(0, (outputs.height - 1) * stride[0] + height - top - map_shape.height),
        right=max(0, (outputs.width - 1) * stride[1] + width - left - map_shape.width),
    )
    return GatheredSource(
        tensor,
        first_channel=0,
        channels=map_shape.channels,
        kernel=(height, width),
        stride=stride,
        padding=padding,
        ungathered=source,
        cells=cells,
    )


def _taps(source: Source, cells: Cells) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the cell of each row of taps, and its row in there, for output 0; then of columns.

    Cells are counted from the one that holds the first pixel of the grid.
    """
    first_row, first_column = cells.top - source.padding.top, cells.left - source.padding.left
    return (
        [divmod(first_row + tap, cells.rows) for tap in range(source.kernel[0])],
        [divmod(first_column + tap, cells.columns) for tap in range(source.kernel[1])],
    )


def _gathered_weights(weights: Weights, source: GatheredSource) -> Weights:
    """Return `w[K, C, R, S]` as weights of the cells; taps that the kernel has not are 0."""
    cells, (rows, columns) = source.cells, _taps(source.ungathered, source.cells)
    filters, channels = weights.shape[:2]
    found = np.zeros((filters, cells.rows, cells.columns, channels, *source.kernel), weights.dtype)
    for row, (cell_row, in_row) in enumerate(rows):
        for column, (cell_column, in_column) in enumerate(columns):
            place = cell_row - rows[0][0], cell_column - columns[0][0]
            found[:, in_row, in_column, :, *place] = weights[:, :, row, column]
    return found.reshape(filters, -1, *source.kernel)

"""Draws spatial pools: none, darknet's, and windows of other sizes, strides and padding."""

from hypothesis import strategies as st

from hwsim.graph import Padding, SpatialPool

USUAL = (SpatialPool.NONE, SpatialPool.STRIDE_2, SpatialPool.STRIDE_1)
LONGEST = 5  # of a drawn window, so that the least accumulators hold it


@st.composite
def spatial_pools(draw: st.DrawFn, height: int = 1, width: int = 1) -> SpatialPool:
    """Draw a pool with at least one window on maps of these sides or longer ones."""
    if (usual := draw(st.sampled_from([*USUAL, None, None]))) is not None:
        return usual
    rows, columns = draw(_windows(height)), draw(_windows(width))
    padding = Padding(rows[2], columns[2], rows[3], columns[3])
    return SpatialPool((rows[0], columns[0]), (rows[1], columns[1]), padding)


@st.composite
def _windows(draw: st.DrawFn, side: int) -> tuple[int, int, int, int]:
    """Draw window, stride, and the padding before and behind along one axis."""
    window = draw(st.integers(1, LONGEST))
    before = draw(st.integers(0, window - 1))
    behind = draw(st.integers(min(max(window - side - before, 0), window - 1), window - 1))
    if side + before + behind < window:  # a window that nothing in front fills up
        before = window - 1 - behind
    return window, draw(st.integers(1, window)), before, behind

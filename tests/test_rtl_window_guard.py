"""The window guard allows exactly the pages inside the windows (Amaranth simulator)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.rtl.memory.window_guard import PAGE_BITS, PAGE_OFFSET_BITS, WindowGuard

LAST_PAGE = (1 << PAGE_BITS) - 1
CLOSED = (LAST_PAGE, 0)  # as after reset

WINDOWS = [
    CLOSED,
    (0, 0),  # one page
    (LAST_PAGE, LAST_PAGE),
    (0, LAST_PAGE),  # everything
    (5, 9),
    (9, 5),  # empty
    (8, 8),
    (0x7FFFF, 0x80000),
]


def check(choices: Sequence[tuple[tuple[int, int], ...]], seed: int) -> None:
    """Check pages around every end of every window, and drawn ones."""
    rng = np.random.default_rng(seed)
    dut = WindowGuard(len(choices[0]))
    assert WindowGuard.LATENCY == 0

    async def bench(ctx: Any) -> None:
        for windows in choices:
            for number, (base, limit) in enumerate(windows):
                ctx.set(dut.windows[number].base, base)
                ctx.set(dut.windows[number].limit, limit)
            ends = {end + offset for window in windows for end in window for offset in (-1, 0, 1)}
            pages = {page for page in ends if 0 <= page <= LAST_PAGE}
            for page in pages | set(rng.integers(0, LAST_PAGE + 1, 4).tolist()):
                offset = int(rng.choice([0, 1, 64, (1 << PAGE_OFFSET_BITS) - 1]))
                ctx.set(dut.address, page << PAGE_OFFSET_BITS | offset)
                inside = sum(
                    (base <= page <= limit) << number
                    for number, (base, limit) in enumerate(windows)
                )
                assert ctx.get(dut.inside) == inside, f"{seed=} {windows} page {page:#x}"

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


def test_a_single_window_holds_from_its_first_page_to_its_last() -> None:
    check([(window,) for window in WINDOWS], seed=1)


@pytest.mark.parametrize("seed", [2, 3])
def test_either_of_two_windows_will_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, LAST_PAGE + 1, (40, 2, 2)).tolist()
    choices = [(one, other) for one in WINDOWS for other in WINDOWS]
    choices += [((a, b), (c, d)) for (a, b), (c, d) in drawn]
    check(choices, seed)

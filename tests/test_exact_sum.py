"""Proved sums are those of the source interpreter and of LiteRT, and none is searched for long."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.fixed_point import rescaled
from hwsim.golden.tflite.elementwise import arithmetic
from hwsim.graph import Quantization, Rounding, Shape, Tensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import Add, Subtract
from hwsim.passes import exact_sum as searched
from hwsim.passes.exact_sum import ExactSum, exact_sum
from tests.test_operators import ends

MOST_TRIED = 100  # weights of one search that are tried on all pairs; no case here needs half
VALUES = np.arange(-128, 128, dtype=np.int8)

# Scales as files have them, and some whose products with small integers are often ties.
SCALES = st.floats(2.0**-12, 1.0, width=32) | st.builds(
    lambda power, steps, fraction: float(np.float32(2.0**power * (1 + steps * 2.0**-fraction))),
    st.integers(-8, 0),
    st.integers(0, 3),
    st.integers(15, 23),
)
QUANTIZATIONS = st.builds(Quantization, SCALES, st.integers(-128, 127))


def interpreted(
    first: Quantization, second: Quantization, left: Quantization, sign: int
) -> NDArray[np.int8]:
    """Return the sums or differences of all pairs of values, as the source interpreter has them."""
    kind = Add if sign == 1 else Subtract
    rows = np.broadcast_to(VALUES[None, :, None], (1, 256, 256))
    columns = np.broadcast_to(VALUES[None, None, :], (1, 256, 256))
    x1, x2, y = (
        Tensor(name, Shape(1, 256, 256), quantization=quantization)
        for name, quantization in (("x1", first), ("x2", second), ("y", left))
    )
    found = arithmetic(kind(**ends()), [rows, columns], [x1, x2], y, Kernels.LITERT)
    return np.asarray(found, np.int8)


def computed(
    found: ExactSum, first: Quantization, second: Quantization, left: Quantization
) -> NDArray[np.int64]:
    """Return the sums of all pairs of values, as a stage computes them."""
    x1, x2 = (VALUES.astype(np.int64) - each.zero_point for each in (first, second))
    (a, b), (m, s) = found.weights, found.factor
    sums = rescaled(a * x1[:, None] + b * x2, np.int64(m), np.int64(s), found.rounding)
    return np.clip(sums + left.zero_point, -128, 127)


def check(first: Quantization, second: Quantization, left: Quantization, sign: int) -> None:
    """Assert that a sum has a proof, and that it is a proof."""
    found = exact_sum(first, second, left, sign)
    assert found is not None
    expected = interpreted(first, second, left, sign)
    np.testing.assert_array_equal(computed(found, first, second, left), expected[0])


@settings(deadline=None, max_examples=100)
@given(QUANTIZATIONS, QUANTIZATIONS, SCALES, st.sampled_from([1, -1]))
def test_what_is_found_is_right(
    first: Quantization, second: Quantization, scale: float, sign: int
) -> None:
    left = Quantization(scale, 3)
    if exact_sum(first, second, left, sign) is not None:
        check(first, second, left, sign)


def test_sums_of_scales_as_files_have_them_are_proved() -> None:
    """Operands whose scales are far apart, or ties among their sums, may have no proof."""
    rng = np.random.default_rng(15)
    for sign in (1, -1) * 20:
        scales = np.exp2(rng.uniform(-6, 0, 2)).astype(np.float32)
        first, second = (Quantization(float(each), int(rng.integers(-128, 128))) for each in scales)
        left = Quantization(float(scales.max() * np.exp2(rng.uniform(-1, 1))), 3)
        check(first, second, left, sign)


# Halves of negative values go up, so that a difference is not the sum of a negative value.
TIES = [
    (Quantization(1.0, 67), Quantization(0.5 + 2.0**-23, 127), Quantization(4.0, 33)),
    (Quantization(1.0, 48), Quantization(0.5000007152557373, -127), Quantization(2 + 2**-15, 120)),
]


@pytest.mark.parametrize(("first", "second", "left"), TIES)
@pytest.mark.parametrize("sign", [1, -1])
def test_ties_are_those_of_the_operator(
    first: Quantization, second: Quantization, left: Quantization, sign: int
) -> None:
    found = exact_sum(first, second, left, sign)
    if found is not None:
        check(first, second, left, sign)
    theirs = litert_sums(first, second, left, "ADD" if sign == 1 else "SUB")
    np.testing.assert_array_equal(interpreted(first, second, left, sign)[0], theirs)


def litert_sums(
    first: Quantization, second: Quantization, left: Quantization, word: str
) -> NDArray[np.int8]:
    """Return what LiteRT's reference kernel leaves of all pairs of values."""
    pytest.importorskip("tflite", reason="the schema of .tflite is not installed")
    from tests.tflite_judges import litert_outputs
    from tests.tflite_writer import File

    file = File()
    x1, x2, y = (
        file.tensor((1, 256, 256, 1), "int8", [each.scale], [each.zero_point])
        for each in (first, second, left)
    )
    file.operator(word, [x1, x2], y)
    file.inputs, file.outputs = [x1, x2], [y]
    rows = np.repeat(VALUES, 256).reshape(1, 256, 256, 1)
    columns = np.tile(VALUES, 256).reshape(1, 256, 256, 1)
    (found,) = litert_outputs(file.content(), [rows, columns])
    return np.asarray(found[0, ..., 0], np.int8)


# The pairs that are nearest to a rounding's end are few different sums where scales are equal.
REPEATED = [
    (Quantization(0.24101796746253967, 75), Quantization(0.24101796746253967, -128), 18.84, 1),
    (Quantization(0.0625, -82), Quantization(0.0625, -128), 0.38638314604759216, -1),
    (Quantization(0.45072242617607117, 0), Quantization(0.45072242617607117, -2), 0.162, 1),
    (Quantization(0.5, 0), Quantization(0.5, 0), 1.0, 1),
    (Quantization(0.5, 3), Quantization(0.5, -3), 0.5, -1),
]
UNPROVED = (Quantization(1.0, 108), Quantization(0.25 + 2.0**-24, 0), Quantization(2.0, 23), -1)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets a number for all weights that are tried on all pairs."""
    counted: list[int] = []
    bounds = searched._bounds

    def counting(weights: Any, pairs: Any, rounding: Rounding) -> Any:
        if len(pairs.x1) == searched.PAIRS:
            counted.append(len(weights))
            assert len(counted) <= MOST_TRIED
        return bounds(weights, pairs, rounding)

    monkeypatch.setattr(searched, "_bounds", counting)
    exact_sum.cache_clear()
    return counted


@pytest.mark.parametrize(("first", "second", "left_scale", "sign"), REPEATED)
def test_operands_of_one_scale_have_a_proof_soon(
    first: Quantization, second: Quantization, left_scale: float, sign: int, tried: list[int]
) -> None:
    check(first, second, Quantization(left_scale, -59), sign)
    assert tried


def test_a_search_in_vain_ends_soon(tried: list[int]) -> None:
    assert exact_sum(*UNPROVED) is None
    assert tried


def test_a_sum_is_searched_for_once(tried: list[int]) -> None:
    """Its scales, zero points and sign decide: what differs in one of them is another sum."""
    first, second, left = Quantization(0.4, 3), Quantization(0.7, -5), Quantization(0.9, 1)
    found = exact_sum(first, second, left)
    searches = len(tried)
    assert exact_sum(first, second, Quantization(0.9, 1)) == found
    assert len(tried) == searches
    assert exact_sum(first, second, left, -1) != found
    assert exact_sum(first, second, Quantization(0.9, 2)) is not None
    assert len(tried) > searches
    assert exact_sum.cache_info().maxsize is not None

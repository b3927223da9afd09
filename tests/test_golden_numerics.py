"""The example in docs/numerics.md equals the computed one."""

import doctest
from pathlib import Path

NUMERICS = Path(__file__).parent.parent / "docs" / "numerics.md"


def test_worked_example() -> None:
    results = doctest.testfile(str(NUMERICS), module_relative=False, encoding="utf-8")
    assert results.attempted > 10
    assert results.failed == 0

"""The space of a sweep: texts become values, and what is no space is refused in one line."""

import pytest

from hwsim.errors import InputError
from hwsim.exploration.objectives import read_totals
from hwsim.exploration.space import make_space, read_space


def test_every_combination_comes_once_the_last_key_fastest() -> None:
    space = read_space(["array.output_lanes=16,32", "memory.latency_cycles=1:5:+2"])
    assert [tuple(point.values()) for point in space] == [
        (16, 1),
        (16, 3),
        (16, 5),
        (32, 1),
        (32, 3),
        (32, 5),
    ]
    assert len(space) == 6


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("buffers.feature_bytes=32K:1M:x2", tuple(32768 << shift for shift in range(6))),
        ("buffers.feature_bytes=48K, 1M", (49152, 1048576)),
        ("memory.bandwidth_bytes_per_cycle=1:2:+0.5", (1.0, 1.5, 2.0)),
        ("memory.shared=true,false", (True, False)),
        ("array.multipliers=tree,dsp", ("tree", "dsp")),
        ("array.output_lanes=8,16:70:x2", (8, 16, 32, 64)),
    ],
)
def test_values(text: str, values: tuple[object, ...]) -> None:
    (axis,) = read_space([text]).axes
    assert axis.values == values
    assert [type(value) for value in axis.values] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["array.output_lanes"], "'array.output_lanes': is not KEY=VALUES, such as array.outp"),
        (["array.output_lanes="], "is not KEY=VALUES"),
        (["array.lanes=1"], "'array.lanes': no such key"),
        (["array=1"], "it is a section: set keys of it like array."),
        (["memory.shared=true", "memory.shared=false"], "'memory.shared' is varied twice"),
        (["array.output_lanes=16,16"], "vary array.output_lanes: 16 is named twice"),
        (["array.output_lanes=16:32"], "'16:32' is no range: FIRST:LAST:xFACTOR or FIRST:LAST:+"),
        (["array.output_lanes=16:64:x1"], "a range multiplies a positive value by more than 1"),
        (["array.output_lanes=0:64:x2"], "a range multiplies a positive value by more than 1"),
        (["array.output_lanes=16:64:+0"], "a range adds more than 0"),
        (["array.output_lanes=64:16:+1"], "it ends below its start"),
        (["array.output_lanes=a:b:x2"], "'a' is no number"),
        (["array.output_lanes=1:2000:+1"], "vary array.output_lanes: more than 1,000 values"),
        (["array.output_lanes=[1]"], r"vary array.output_lanes: \[1\] is no number, no text"),
        (
            [f"memory.{key}=1:900:+1" for key in ("latency_cycles", "bandwidth_bytes_per_cycle")]
            + ["clock.clock_hz=1,2"],
            "vary: 1,620,000 combinations, at most 1,000,000",
        ),
        ([], "must map keys to values"),
    ],
)
def test_what_is_no_space_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_space(texts)
    assert "\n" not in str(caught.value)


def test_a_text_is_no_list_of_values() -> None:
    with pytest.raises(InputError, match=r"vary array\.output_lanes: '16' is no list of values"):
        make_space({"array.output_lanes": "16"})
    with pytest.raises(InputError, match=r"vary array\.output_lanes: no values"):
        make_space({"array.output_lanes": []})


def test_totals_are_those_of_the_json() -> None:
    assert read_totals("cycles, energy.total_mj") == ("cycles", "energy.total_mj")
    with pytest.raises(InputError, match="total 'cycle': there is none: did you mean 'cycles'"):
        read_totals("cycle")
    with pytest.raises(InputError, match="total 'cycles': it is named twice"):
        read_totals("cycles,cycles")

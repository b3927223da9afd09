"""Large, drawn and damaged `.cfg` files are taken or refused in short lines and little time."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.errors import InputError
from hwsim.frontends.darknet_cfg import LARGEST_BYTES
from hwsim.frontends.darknet_keys import ONLY_FOR_TRAINING, SECTIONS
from tests.darknet_files import (
    CONV,
    CONVOLUTION,
    LAST,
    NET,
    POOL,
    TWO_HEADS,
)
from tests.loading import loaded_graph


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own.cfg"


@pytest.mark.parametrize(
    "text",
    [
        "[a]\n" * 1_000_000,
        "[a]\n" * (LARGEST_BYTES // 4),
        NET + "[route]\nlayers=-1\n" * (LARGEST_BYTES // 20),
        NET + CONV + "[route]\nlayers=" + "-1," * (LARGEST_BYTES // 4) + "-1\n",
        NET + CONV + "[route]\nlayers=-1,-1\n" * 990,
        NET + CONV.replace("8", "1") + "[route]\nlayers=-1,-1,-1\n" * 990,
        NET + CONV.replace("8", "9" * 100_000),
        NET + CONV + "x" * (LARGEST_BYTES // 2),
        NET + CONV + "".join(f"k{n}=1\n" for n in range(100_000)),
        NET + CONV + "=\n" * 100_000,
        NET + CONV + POOL.format(2) * 990,
        NET + CONV + "[upsample]\nstride=2\n" * 990,
    ],
    ids=range(12),
)
def test_large_files_end_in_time(text: str, file: Path) -> None:
    file.write_text(text)
    start = time.process_time()
    reason = reason_for_refusing(file)
    assert time.process_time() - start < 2
    assert reason or "[maxpool]" in text


def test_the_largest_network_is_lowered_in_time(file: Path) -> None:
    """Every convolution reads all the parts that a concatenation may have."""
    first = CONV.replace("8", "1").replace("size=3", "size=1").replace("pad=1", "pad=0")
    route = "[route]\nlayers=" + ",".join(["0"] * 64) + "\n"
    file.write_text(NET + first + (route + first) * 499)
    start = time.process_time()
    assert "no later section reads conv" in reason_for_refusing(file)
    each = [f"{route}{first}[route]\nlayers=-1,0\n" for _ in range(300)]
    file.write_text(NET + first + "".join(each))
    reason_for_refusing(file)
    assert time.process_time() - start < 10


KEYS = sorted(
    {"filters", "size", "stride", "pad", "groups", "layers", "mask", "anchors", "classes", "num",
     "width", "height", "channels", "activation", "group_id", "padding", "stride_x"}
    | ONLY_FOR_TRAINING["yolo"]
)  # fmt: skip


VALUES = st.one_of(
    st.sampled_from(["1", "2", "3", "0", "-1", "-2", "-1,-2", "0,1", "1e9", "nan", "leaky",
                     "999999999", "-999999999", "9" * 30, "", ",", "1,,2", "0.5", "linear"]),
    st.text(max_size=8),
    st.integers(-5, 70_000).map(str),
)  # fmt: skip


LINES = st.one_of(
    st.sampled_from([f"[{kind}]" for kind in [*SECTIONS, "shortcut", ""]]),
    st.builds("{}={}".format, st.sampled_from(KEYS), VALUES),
    st.text(max_size=12),
    st.sampled_from([CONVOLUTION.format(8), LAST.format(9), POOL.format(2), "[route]\nlayers=-1"]),
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.lists(LINES, max_size=20), st.booleans())
def test_drawn_texts_are_taken_or_refused_in_short_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], has_net: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn.cfg"
    text = (NET if has_net else "") + "\n".join(lines)
    path.write_text(text, "utf-8", errors="replace")
    reason_for_refusing(path)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200), st.integers(0, len(TWO_HEADS)), st.integers(0, 40))
def test_damaged_files_are_taken_or_refused_in_short_lines(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int, lost: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.cfg"
    whole = TWO_HEADS.encode()
    path.write_bytes(whole[:place] + noise + whole[place + lost :])
    reason_for_refusing(path)


def reason_for_refusing(path: Path) -> str:
    """Return the reason for refusing a file, or an empty text; it is short and can be printed."""
    reason = ""
    try:
        assert loaded_graph(path).stages
    except InputError as error:
        reason = str(error)
    lines = reason.split("\n  ")
    assert len(lines) <= 22
    for line in lines:
        assert line.isprintable()
        assert len(line) < 400
    return reason

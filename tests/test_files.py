"""A name that is no file, has no end or is too large is refused at once."""

import os
import resource
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hwsim import files
from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.files import IMPOSSIBLE_PATH, keep_file, open_file, read_file, replace_file

LIMIT = 1000


def opened(kind: str, path: str | Path, largest_bytes: int) -> bytes:
    with open_file(kind, path, largest_bytes) as file:
        return file.read()


either = pytest.mark.parametrize("read", [read_file, opened])
Read = Callable[[str, str | Path, int], bytes]


@contextmanager
def at_once() -> Iterator[None]:
    """Fail if the block takes a second, or 50 MB more memory than the process ever had."""
    start, peak_kib = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib < 50_000


@either
def test_a_file_up_to_the_limit_is_read(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(LIMIT))
    assert read("config", path, LIMIT) == bytes(LIMIT)
    with pytest.raises(InputError) as refused:
        read("config", path, LIMIT - 1)
    assert (
        str(refused.value)
        == f"cannot read config '{path}': 1,000 bytes, expected at most 999 bytes"
    )


@either
def test_a_sparse_file_is_refused_unread(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(200 << 30)
    with at_once(), pytest.raises(InputError, match="214,748,364,800 bytes, expected at most"):
        read("weights", path, LIMIT)


@either
def test_what_is_no_file_is_refused(read: Read, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for path, reason in (
        (tmp_path, "is a folder, no file"),
        ("/dev/zero", "is a device, no file"),
        (tmp_path / "socket", "No such device or address"),
        (tmp_path / "none", "No such file or directory"),
        ("", "No such file or directory"),
        ("a\0b", IMPOSSIBLE_PATH),
        ("\ud800", IMPOSSIBLE_PATH),
        ("a" * 5000, "File name too long"),
    ):
        with at_once(), pytest.raises(InputError) as refused:
            read("image", path, LIMIT)
        assert str(refused.value) == f"cannot read image {quoted(path)}: {reason}"


@either
@pytest.mark.parametrize("value", [5, None, b"bytes", ["a", "list"], 3.5])
def test_what_is_no_path_is_named(read: Read, value: Any) -> None:
    with pytest.raises(InputError) as refused:
        read("image", value, LIMIT)
    assert str(refused.value) == f"image {value!r}: a path must be text or a pathlib.Path"


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o664])
def test_a_replaced_file_leaves_its_permissions(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    path.chmod(mode)
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_is_not_in_the_way(tmp_path: Path) -> None:
    left = tmp_path / f".hwsim-{os.getpid()}-{threading.get_ident()}.part"
    left.write_bytes(b"half")
    replace_file(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert not left.exists()


def test_a_folder_is_not_in_the_way_of_a_kept_file(tmp_path: Path) -> None:
    place = tmp_path / "cache" / "kept"
    (place / "folder").mkdir(parents=True)
    keep_file(place, b"content")
    assert place.read_bytes() == b"content"
    os.mkfifo(tmp_path / "pipe")
    keep_file(tmp_path / "pipe", b"content")
    assert (tmp_path / "pipe").read_bytes() == b"content"
    keep_file(place / "below a file", b"content")
    assert [path.name for path in place.parent.iterdir()] == ["kept"]


@either
def test_a_pipe_without_a_writer_is_refused_at_once(read: Read, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with at_once(), pytest.raises(InputError, match="pipe"):
        read("config", tmp_path / "pipe", LIMIT)


def test_a_file_that_hides_its_size_is_bounded() -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    with pytest.raises(InputError, match="longer, expected at most 1,000 bytes"):
        read_file("config", "/proc/self/maps", LIMIT)


@contextmanager
def written(*parts: bytes, gap_seconds: float = 0.0) -> Iterator[str]:
    """Yield the name of a pipe into which a thread writes `parts`, each after a gap."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for part in parts:
                time.sleep(gap_seconds)
                try:
                    pipe.write(part)
                except BrokenPipeError:
                    return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        thread.join()


def test_a_pipe_is_read_to_its_end() -> None:
    with written(b"two ", b"words", gap_seconds=0.1) as name:
        assert read_file("config", name, LIMIT) == b"two words"
    with written(b"") as name, pytest.raises(InputError, match="the pipe is empty"):
        read_file("config", name, LIMIT)
    with written(b"no file") as name, pytest.raises(InputError, match="is a pipe, no file"):
        open_file("weights", name, LIMIT)


def test_a_pipe_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = written(*[bytes(LIMIT)] * 300_000)
    with endless as name, at_once(), pytest.raises(InputError, match="longer, expected at most 1"):
        read_file("config", name, LIMIT)
    monkeypatch.setattr(files, "PIPE_PATIENCE_SECONDS", 0.2)
    slow = written(b"a", b"b", gap_seconds=0.5)
    with slow as name, at_once(), pytest.raises(InputError, match=r"did not end within 0\.2 s"):
        read_file("config", name, LIMIT)

"""The folders of a user's caches. A file that cannot be kept is made anew; this is no error."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import platformdirs

VARIABLE = "XDG_CACHE_HOME"


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/hwsim`, or `~/.cache/hwsim` where that is unset or relative."""
    try:
        return platformdirs.user_cache_path("hwsim", appauthor=False)
    except RuntimeError:  # a user without a home
        return Path(os.devnull, "hwsim")  # where nothing can be kept


@contextmanager
def tools_can_cache() -> Iterator[None]:
    """Give tools that fail without a cache one for the time being, where the user has none.

    Yosys from the wheel keeps itself compiled in the user's cache. Where that cannot be written,
    `$XDG_CACHE_HOME` names a temporary folder meanwhile, for hwsim itself too.
    """
    if _is_writable(cache_folder().parent):
        yield
        return
    before = os.environ.get(VARIABLE)
    with TemporaryDirectory(prefix="hwsim-cache-") as folder:
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False

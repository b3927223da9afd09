"""Where a user's caches lie."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/hwsim`, or `~/.cache/hwsim` where that is unset or relative."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():
        return chosen / "hwsim"
    try:
        return Path.home() / ".cache" / "hwsim"
    except RuntimeError:  # a user without a home
        return Path(os.devnull, "hwsim")  # where nothing can be kept

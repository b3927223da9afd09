"""Results of synthesis, kept in the user's cache by a hash of everything that decides them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from hwsim.cache import cache_folder
from hwsim.files import keep_file, read_file

FORMAT_NUMBER = 1  # grows with every change of what a result holds
LARGEST_BYTES = 1 << 24  # a module's cells, by name


class Kept:
    """Results as JSON, each by a text, under the same `circumstances`.

    A result is a dict. It is found anew where nothing was kept, or where the file holds something
    else or is of another format number.
    """

    def __init__(self, kind: str, circumstances: Sequence[str]):
        self._folder = cache_folder() / "synthesis" / kind
        self._circumstances = circumstances

    def get(self, text: str, find: Callable[[], Any]) -> Any:
        """Return the result for `text`; call `find` where none is kept."""
        key = "\0".join((*self._circumstances, text))
        path = self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
        try:
            content = read_file("kept synthesis", path, LARGEST_BYTES)
            kept = json.loads(content)
            if isinstance(kept, dict) and kept.get("format_number") == FORMAT_NUMBER:
                return kept["result"]
        except (ValueError, KeyError, RecursionError):  # not there, or no JSON
            pass
        found = find()
        kept = {"format_number": FORMAT_NUMBER, "result": found}
        keep_file(path, json.dumps(kept).encode())
        return found

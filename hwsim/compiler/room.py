"""The part of the feature buffer that a stage has for the rows it loads."""

from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.graph import Stage


@dataclass(frozen=True)
class Room:
    """The words for the rings of a stage, and its sources that need none.

    `resident` has an entry for each source: True for one that an earlier stage has left whole in
    the feature buffer.
    """

    words: int
    resident: tuple[bool, ...]

    @classmethod
    def whole(cls, stage: Stage, config: Config) -> "Room":
        """Return the whole feature buffer, for a stage that loads all its sources."""
        return cls(config.feature_words, (False,) * len(stage.sources))

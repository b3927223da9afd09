"""The words that stand behind a tile's weights in the weight stream."""

from hwsim.arch.config import Config
from hwsim.isa.descriptor import Compute


def words_behind_weights(tile: Compute, config: Config) -> int:
    """Return the words of parameters, and of a table, that follow the weights of a COMPUTE."""
    if not tile.last:
        return 0
    return config.parameter_words + (config.table_words if tile.table else 0)

"""The interfaces between the weight queue, the array, the parameters and the drain."""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config

PARAMETER_BANKS = 2


def weight_word_layout(config: Config) -> data.StructLayout:
    """Return the layout of a word on its way to the array, the parameters or the tables.

    The index counts the words of a table after those of the parameters.
    """
    return data.StructLayout(
        {
            "data": config.word_bits,
            "index": range(max(config.weight_block_words, most_words_behind(config))),
            "parameters": 1,  # for the parameter bank, not the array
            "bank": 1,
        }
        | ({"table": 1} if config.tables else {})  # for the tables
    )


def most_words_behind(config: Config) -> int:
    """Return the most words that follow a tile's weights: parameters, and a table."""
    return config.parameter_words + (config.table_words if config.tables else 0)


class WeightWords(wiring.Signature):
    """Words from the weight queue to array, parameters and tables, one per cycle at most.

    All takers see every word and keep those that are theirs. There is no backpressure: a word is
    sent only where its place is free.

    Members
    -------
    valid : Out(1)
    payload : Out(weight_word_layout(config))
    """

    def __init__(self, config: Config):
        super().__init__({"valid": Out(1), "payload": Out(weight_word_layout(config))})


class Supply(wiring.Signature):
    """Something that another unit takes, and that is announced a cycle ahead.

    Members
    -------
    next_ready : Out(1)
        High where it can be taken in the next cycle. In the cycle of `taken` it is that for the
        next one.
    taken : In(1)
        High in the cycle in which it is taken.
    """

    def __init__(self) -> None:
        super().__init__({"next_ready": Out(1), "taken": In(1)})

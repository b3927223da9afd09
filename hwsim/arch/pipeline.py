"""Pipeline depths of the hardware, in cycles: the one table that the timeline and `rtl/` share.

`rtl/` asserts its own structure against these; the timeline adds them up. A cycle is named by what
can be seen in it: an address is on the bus in cycle t if it is valid before the clock edge that
ends cycle t, and a token or word is visible in cycle t if a unit can act on it in that cycle.
`start` is high in cycle 0; a program takes as many cycles as the number of the first one in which
it is done, which is what the accelerator's CYCLES register says.

Distributor
    a descriptor's first word is read in the first cycle in which its last word is visible and the
    descriptor before has been read, checked, and taken by its queue: words + DISTRIBUTE_GAP after
    that one's first read, or as much later as the queue was full. It heads its empty queue words +
    DISTRIBUTE after its first read, or DISTRIBUTE_ROOM after an entry has left its full queue. A
    COMPUTE leaves when the drain takes it: at the head of the queue and the drain idle, or in the
    cycle of the last read of the tile before.

Load
    taken in the first cycle in which it heads its queue and the last run of the load before leaves
    the walk over the runs, or has: in front of that run's first burst there are then at most
    BURSTS_HELD - 1 that do not yet stand on the bus. With t the first cycle in which it has been
    taken or is, and its tokens are visible, its first address is on the bus in t + LOAD_START, or
    right behind the last of the load before; then one burst per cycle, as `outstanding_reads`, the
    weight queue's room and the memory allow.

Weight loader (one word per cycle, one thing after the other)
    a weight block's first read is in the first cycle t in which the loader is free, the block's
    last word is visible and the shadow is free; the shadow is full in t + words + SHADOW_FILL, the
    loader free in t + words. The parameters behind a tile's last block: the same, but they need the
    parameter bank, not the shadow; they are in place in t + words + PARAMETERS_FILL.

Array
    a weight block begins in the first cycle in which the array is free, the shadow is full, its
    chunk is visible and (a tile's first block) its bank of accumulators is free. The array needs
    its tile's descriptor a cycle longer than the weight loader, which is never too late: the
    shadow takes longer to fill. A block keeps the array for rows x columns cycles, plus
    packed_fill() per row with `packed`. The shadow is free SHADOW_FREE after the block's first
    pixel, which with `packed` comes packed_fill() after its beginning.

Drain
    a tile's first read is in the first cycle in which the drain is free, the tile is accumulated,
    its parameters are in place and its stores are visible; then one read per cycle.

Store
    taken, and on the bus, like a load; its first word is there STORE_DATA after its first address,
    or in the cycle after the last word of the store before.
"""

from hwsim.arch.config import Config

# Program
START_TO_FETCH = 4  # start to the first page's first address on the bus
DISTRIBUTE = 5  # plus words: descriptor's last word usable to the head of its empty queue
DISTRIBUTE_GAP = 4  # plus words: head to head of two descriptors that wait for nothing
DISTRIBUTE_ROOM = 3  # an entry leaves a full queue to the one that waited for room heading it

# Reading
LOAD_START = 4  # load at the head of its queue, tokens visible, to its first address on the bus
BURSTS_HELD = 3  # bursts between the walk over a load's or a store's runs and the bus
READ_SLOT = 2  # a burst's last beat on the bus to the address that `outstanding_reads` held back
WEIGHT_ROOM = 3  # loader's read of a released word to the address on the bus that needs its room
LOAD_VISIBLE = 2  # last beat on the bus to chunk token visible, weight or program word usable

# Weights
ISSUE_START = 1  # compute at the head of its queue, loader idle, to its first weight read
SHADOW_FILL = 0  # plus words: first read of a weight block to the shadow full
SHADOW_FREE = 1  # a block's first pixel to the next block's first read
BLOCK_OVERHEAD = SHADOW_FILL + SHADOW_FREE  # with its words, a block's shortest duration
PARAMETERS_FILL = 2  # plus words: first read of the parameters to their tile's drain
BANK_VISIBLE = 1  # drain's last read to its bank free, for the array and for parameters

# Array
ISSUE_VISIBLE = 1  # a tile's last pixel to the compute token visible

# Draining and writing
RESCALE = 6  # accumulator to activation
DRAIN = 14  # a tile's last read to the drain token visible
STORE_START = 4  # store at the head of its queue, token visible, to its first address on the bus
STORE_DATA = 3  # a store's first address to its first word on the bus, the channel being free
STORE_VISIBLE = 2  # last response on the bus to the store token visible
END_VISIBLE = 2  # store token visible (END being distributed) to the program being done
OUTSTANDING_WRITES = 64  # bursts that may wait for their response


def tree_stages(config: Config) -> int:
    """Registers behind the multipliers: one after them, then one after every second adder."""
    levels = config.array.input_lanes.bit_length() - 1
    return 1 + -(-levels // 2)


def skew(config: Config) -> int:
    """Cycles from the array's first output lanes to its last: operands take one per weight word."""
    return config.weight_block_words - 1


def accumulate(config: Config) -> int:
    """A tile's last pixel to the first cycle in which the drain may read the tile.

    Address, feature buffer and its three registers, operands, tree, sum into its accumulator;
    and all this for the last output lanes.
    """
    return 7 + tree_stages(config) + skew(config)


def packed_fill(config: Config) -> int:
    """Cycles in front of every row of every pass with `packed`: two words of each image row.

    A pass takes taps from two adjacent rows, from three where a word holds them all; where a word
    has only two pixels, a third word of one row is needed before the first pixel.
    """
    pixels = config.array.input_lanes // 4
    rows = 3 if config.array.input_lanes > 18 else 2
    return 2 * rows + (pixels == 2)

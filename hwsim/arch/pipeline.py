"""Pipeline depths of the hardware, in cycles: the one table that the timeline and `rtl/` share.

`rtl/` asserts its own structure against these numbers; the timeline adds them up. A cycle is named
by what can be seen in it: an address is on the bus in cycle t if it is valid before the clock edge
that ends cycle t, and a token or a word is visible in cycle t if a unit can act on it in cycle t.
`start` is high in cycle 0. A program takes as many cycles as the number of the first cycle in which
it is done; the accelerator's CYCLES register has the same number.

Distributor
    The first word of a descriptor is read in the first cycle in which its last word is visible and
    the descriptor before it has been read, checked and taken by its queue. If no queue is full,
    that is words + DISTRIBUTE_GAP cycles after the first read of the descriptor before; a full
    queue adds the cycles for which it is full. A descriptor whose queue is empty is at its head
    words + DISTRIBUTE cycles after its own first read; one whose queue was full is in the queue
    DISTRIBUTE_ROOM cycles after an entry has left it. A COMPUTE leaves the array's queue ISSUE_ROOM
    cycles after the last weight block of the COMPUTE before it (with `diagonal`, the last tap of
    that block) has begun, or earlier. One with `last` leaves the drain's queue when the drain takes
    it: as soon as it is at the head of the queue and the drain is idle, or in the cycle of the last
    read of the tile before.

Load
    A load is accepted once it is at the head of its queue and the previous load has issued its last
    burst run. At most BURSTS_HELD - 1 bursts before that run are then not on the bus yet. Let t be
    the first cycle, from the load's acceptance on, in which its tokens are visible. Its first
    address is on the bus in cycle t + LOAD_START, or in the cycle after the last address of the
    previous load, whichever is later. Then one burst follows per cycle, as far as
    `outstanding_reads`, the room in the weight queue and the memory allow.

Weight loader
    It sends weight blocks and parameters to the array and the drain, one word per cycle, and does
    one thing after the other. What begins in cycle t has its first word read in cycle t +
    FIRST_READ, and the loader is free for the next in cycle t + words. A weight block begins with
    its first pixel. The parameters behind the last block of a COMPUTE with `last`, and the table
    behind these, begin in the first cycle in which the loader is free and their bank is, too,
    PARAMETERS_VISIBLE cycles after their last word is visible or later. They are in place
    PARAMETERS_FILL + words cycles after they began. A COMPUTE leaves the loader's queue when the
    last thing of the one before begins.

Array
    A weight block begins in the first cycle in which the array and the weight loader are free and
    the block's chunk is visible, BLOCK_VISIBLE cycles after its last word is visible or later; the
    first block of a tile also needs its bank of accumulators to be free. The first block of a
    COMPUTE begins ISSUE_START cycles after that heads its queue or later. A block keeps the array
    for rows x columns cycles; with `packed`, packed_fill() cycles per row are added, and its first
    pixel comes packed_fill() cycles after its beginning. With `diagonal` it keeps the array so long
    for each of its taps, whose beginnings are REVISIT cycles apart at least; with `chained` for
    chain.strip_cycles() instead.

Drain
    The first read of a tile is in the first cycle in which the drain is free, the tile is
    accumulated, its parameters are in place and the stores that it waits for have left staging.
    Then one read follows per cycle.

Store
    A store is accepted, and comes on the bus, like a load. Its first word is on the bus STORE_DATA
    cycles after its first address, or in the cycle after the last word of the previous store,
    whichever is later. A word is read from staging two cycles before it can be on the bus, as soon
    as the word two places before it has been accepted. A store into the feature buffer goes the
    same way: its words are written in the cycles in which they would be on the bus, one per cycle.
    Loads that write there meanwhile may cost it a cycle, which is not counted. The last word of the
    store behind it is read from staging when its own last word has been written.
"""

from hwsim.arch.config import Config

# Program
START_TO_FETCH = 4  # from start to the first address of the first page on the bus
DISTRIBUTE = 5  # plus words: from a descriptor's first read to the head of its empty queue
DISTRIBUTE_GAP = 4  # plus words: between the first reads of two descriptors, no queue being full
DISTRIBUTE_ROOM = 3  # from an entry leaving a full queue to the next descriptor being in it

# Reading
LOAD_START = 4  # from a load accepted, its tokens visible, to its first address on the bus
BURSTS_HELD = 3  # bursts that a load or a store has issued and that are not on the bus yet
READ_SLOT = 2  # from a burst's last beat to the address that `outstanding_reads` held back
WEIGHT_ROOM = 3  # from the read of a released word to the address that waited for its room
LOAD_VISIBLE = 2  # from a beat on the bus to its word, or the chunk token, being visible

# Weights
ISSUE_START = 3  # from a COMPUTE at the head of its queue, loader idle, to its first block
FIRST_READ = 1  # from the beginning of a weight block, or of parameters, to its first word's read
BLOCK_VISIBLE = 2  # from a weight block's last word being visible to the block's beginning
PARAMETERS_VISIBLE = 1  # from the last word of parameters, or table, being visible to their own
PARAMETERS_FILL = 3  # plus words: from the beginning of parameters to their tile's drain
BANK_VISIBLE = 1  # from the drain's last read to its bank being free, also for parameters

# Array
ISSUE_VISIBLE = 1  # from a COMPUTE's last pixel to the compute token being visible
ISSUE_ROOM = 1  # from the beginning of a COMPUTE's last tap to the next one leaving its queue
MULTIPLY = 1  # from two factors to their product
REVISIT = 4  # from a pixel's sum to the next one that can be added to the same accumulator

# Draining and writing
RESCALE = 6  # from an accumulator's sum to the activation
DRAIN = 16  # from a tile's last read to the drain token being visible
STORE_START = 4  # from a store accepted, its token visible, to its first address on the bus
STORE_DATA = 3  # from a store's first address to its first word, the channel being free
STAGED_VISIBLE = 2  # from the read of a store's last word in staging to its token being visible
KEPT_VISIBLE = 2  # the same from a last word being written into the feature buffer
KEPT_ORDER = 3  # and to the last word of the next store being on the bus, or being written
KEPT_READABLE = KEPT_VISIBLE + 1  # and to a weight block that waited for it beginning
STORE_VISIBLE = 2  # from the last response on the bus to the store token being visible
END_VISIBLE = 2  # from the last store token, END waiting for it, to the program being done
OUTSTANDING_WRITES = 64  # bursts that may wait for their response


def tree_stages(config: Config) -> int:
    """Return the cycles from operands and weights to their sum.

    These are the cycles of the multipliers, and one for every second level of adders.
    """
    levels = config.array.input_lanes.bit_length() - 1
    return MULTIPLY + -(-levels // 2)


def skew(config: Config) -> int:
    """Return how many cycles the last output lanes of the array run behind the first.

    Lanes whose weights came in one word take a pixel together, those of the next a cycle later.
    """
    return config.weight_block_words - 1


def accumulate(config: Config) -> int:
    """Return the cycles from a tile's last pixel to the drain's first possible read of the tile.

    On this way lie the address, the feature buffer with its three registers, the operands, the
    adder tree and the sum in its accumulator. The last output lanes come later by `skew`.
    """
    return 7 + tree_stages(config) + skew(config)


def packed_fill(config: Config) -> int:
    """Return the cycles that a tap pass spends on words of the image before each row of outputs.

    A pass takes its taps from two adjacent image rows, or from three if one word holds all taps;
    two words of each are fetched. If a word has only two pixels, a third word of one row is needed
    before the first pixel.
    """
    pixels = config.array.input_lanes // 4
    rows = 3 if config.array.input_lanes > 18 else 2
    return 2 * rows + (pixels == 2)

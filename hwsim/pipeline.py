"""Pipeline depths of the hardware, in cycles: the one table that the timeline and `rtl/` share.

`rtl/` asserts its own structure against these; the timeline adds them up.
"""

START_TO_FETCH = 1  # start pulse to the first page's address on the bus
DISTRIBUTE = 4  # descriptor complete in the program buffer to the head of its unit's queue
LOAD_START = 2  # load at the head of its queue, tokens met, to its first address on the bus
LOAD_VISIBLE = 2  # last beat on the bus to chunk token or weight words usable
SHADOW_FILL = 2  # added to a weight block's words: first read to shadow full
ISSUE_START = 2  # compute at the head of its queue to its first pixel, shadow being full
ACCUMULATE = 8  # last pixel issued to its sum in the accumulators
DRAIN_START = 2  # tile accumulated to its first accumulator read
DRAIN = 8  # last accumulator read to the drain token
STORE_START = 3  # drain token to the first write address
STORE_VISIBLE = 2  # last response to the store token
END_VISIBLE = 2  # store token to the interrupt
ROOM_TO_ADDRESS = 2  # words released from the weight queue to the address of a burst that needs the room
BURST_TURNAROUND = 2  # last beat of a burst to the address of one that waited for fewer unanswered
PARAMETER_FILL = 2  # added to the parameter words: first read to parameters in place

"""The reasons for which a run ends, as the register ERROR_CODE names them."""

from enum import IntEnum


class ErrorCode(IntEnum):
    """The first error of a run, or NONE."""

    NONE = 0
    OPCODE = 1
    RESERVED = 2
    FIELD = 3
    PROGRAM = 4
    READ_WINDOW = 5
    WRITE_WINDOW = 6
    READ_RESPONSE = 7
    WRITE_RESPONSE = 8
    BUFFER = 9
    DEADLOCK = 10
    ABORTED = 11
    FORMAT = 12
    TILE = 13


MEANINGS: dict[ErrorCode, str] = {
    ErrorCode.NONE: "The last run reached its END, or there was none.",
    ErrorCode.OPCODE: "A descriptor's opcode is none of the four.",
    ErrorCode.RESERVED: "A descriptor sets a bit that belongs to no field.",
    ErrorCode.FIELD: "A field breaks one of the rules of its descriptor.",
    ErrorCode.PROGRAM: "The program goes on behind its last page, or a page is not loaded first.",
    ErrorCode.READ_WINDOW: "A burst would read outside both windows.",
    ErrorCode.WRITE_WINDOW: "A burst would write outside the window of features.",
    ErrorCode.READ_RESPONSE: "Memory answered a read with SLVERR or DECERR.",
    ErrorCode.WRITE_RESPONSE: "Memory answered a write with SLVERR or DECERR.",
    ErrorCode.BUFFER: "A descriptor reaches past the end of an on-chip buffer.",
    ErrorCode.DEADLOCK: (
        "No unit can go on, because a token or a weight never comes: for example in a program that "
        "was compiled for a larger weight queue."
    ),
    ErrorCode.ABORTED: "The host wrote ABORT.",
    ErrorCode.FORMAT: "A descriptor is of another format than this accelerator's.",
    ErrorCode.TILE: (
        "A tile's COMPUTEs do not belong together: they must stand side by side, begin with "
        "`first`, end with `last`, and have the same rows, columns and `chained`."
    ),
}

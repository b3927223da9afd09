"""The register map of the AXI4-Lite port, the only place that defines a register.

The hardware, the SystemRDL with its HTML and C header, and the testbenches derive from it.
Registers are 32 bits wide and lie in one 4 KiB page; bits that belong to no field read as 0.
"""

from hwsim.isa.fields import ADDRESS_BITS, DESCRIPTOR_BYTES
from hwsim.isa.register import REGISTER_BITS, Access, BitField, Register

REGISTER_ADDRESS_BITS = 12  # of the AXI4-Lite port: one page

PAGE_SHIFT = 12  # windows are whole pages of 4 KiB, which no burst crosses
PAGE_BITS = ADDRESS_BITS - PAGE_SHIFT  # a page's number
PROGRAM_SHIFT = DESCRIPTOR_BYTES.bit_length() - 1  # a program starts on a multiple of these
COUNTER_BITS = 40

IDENTITY_VALUE = 0x4857534D  # "HWSM"
INTERFACE_VERSION = 2


def _interrupt_fields(docs: tuple[str, str, str]) -> tuple[BitField, ...]:
    names = ("end", "error", "refused")
    return tuple(BitField(name, low, 1, docs[low]) for low, name in enumerate(names))


def _window(name: str, offset: int, purpose: str) -> tuple[Register, Register]:
    """Return the registers of a window's base and limit.

    After reset the base is above the limit, so that the window is empty.
    """
    pages = (1 << PAGE_BITS) - 1
    base = BitField(
        "page", PAGE_SHIFT, PAGE_BITS, "Number of the window's first 4 KiB page.", pages
    )
    limit = BitField("page", PAGE_SHIFT, PAGE_BITS, "Number of the window's last 4 KiB page.", 0)
    base_doc = (
        f"First page of the window of {purpose}. Write the address of the window's first byte. "
        "A write while a run goes on is ignored and sets INTERRUPT_STATUS.refused."
    )
    limit_doc = (
        f"Last page of the window of {purpose}, inclusive. Write the address of the window's last "
        "byte: the lower 12 bits are ignored. Where the limit is below the base the window is "
        "empty, as after reset. A write while a run goes on is ignored and sets "
        "INTERRUPT_STATUS.refused."
    )
    return (
        Register(f"{name}_BASE", offset, Access.RW, base_doc, (base,), is_locked=True),
        Register(f"{name}_LIMIT", offset + 4, Access.RW, limit_doc, (limit,), is_locked=True),
    )


def _counter(name: str, offset: int, counts: str) -> tuple[Register, Register]:
    """Return the two registers of a 40-bit counter of the last run."""
    lower, upper = REGISTER_BITS, COUNTER_BITS - REGISTER_BITS
    low = BitField("count", 0, lower, f"Bits {lower - 1}:0 of the count.")
    high = BitField("count", 0, upper, f"Bits {COUNTER_BITS - 1}:{lower} of the count.")
    doc = (
        f"{counts} Belongs to the last run: START clears it, and it holds once STATUS.busy is 0. "
        "During a run it counts on between the reads of its two halves."
    )
    return (
        Register(f"{name}_LOW", offset, Access.RO, doc, (low,)),
        Register(f"{name}_HIGH", offset + 4, Access.RO, f"The upper part of {name}_LOW.", (high,)),
    )


REGISTERS: tuple[Register, ...] = (
    Register(
        "IDENTITY",
        0x00,
        Access.RO,
        "Says that this is an hwsim accelerator. Read it first: any other value means that the "
        "address is wrong or that the accelerator has no clock.",
        (BitField("value", 0, 32, 'The letters "HWSM", first letter on top.', IDENTITY_VALUE),),
    ),
    Register(
        "BUILD",
        0x04,
        Access.RO,
        "Array and numbers that this accelerator was generated for, and the version of this "
        "register map: compare with the header that a driver was built with. Buffers, bus and "
        "rescale lanes are not in it: whether a program runs here, FINGERPRINT tells.",
        (
            BitField("input_lanes_log2", 0, 4, "Log2 of the array's input lanes.", None),
            BitField("output_lanes_log2", 4, 4, "Log2 of the array's output lanes.", None),
            BitField("weight_bits", 8, 4, "Width of a weight, 4 or 8.", None),
            BitField(
                "multiplier_bits", 12, 6, "Width of the rescale's multipliers, 16 or 32.", None
            ),
            BitField("channel_pool", 18, 1, "1 with a channel pool.", None),
            BitField("tables", 19, 1, "1 with memories of tables.", None),
            BitField("interface", 24, 8, "Version of this register map.", INTERFACE_VERSION),
        ),
    ),
    Register(
        "CONTROL",
        0x08,
        Access.WO,
        "Commands. Write a 1 to give one; reads as 0.",
        (
            BitField(
                "start",
                0,
                1,
                "Run the program at PROGRAM_ADDRESS. Clears the counters, ERROR_CODE and "
                "ERROR_DESCRIPTOR. While a run goes on it is ignored and sets "
                "INTERRUPT_STATUS.refused.",
            ),
            BitField(
                "abort",
                1,
                1,
                "End the run with error code ABORTED. Bursts that are under way are brought to "
                "their end first. Ignored while no run goes on: together with `start` it then "
                "starts a run; during one, together with `start`, it ends the run and START is "
                "refused.",
            ),
        ),
    ),
    Register(
        "STATUS",
        0x0C,
        Access.RO,
        "The state of the run.",
        (
            BitField(
                "busy",
                0,
                1,
                "A run goes on, or bursts under way at its end are being finished. It stays 1 for "
                "ever if memory never answers a burst; only a reset of the accelerator together "
                "with the bus helps then.",
            ),
            BitField(
                "stopping",
                1,
                1,
                "The run is over, whatever way it ended, and bursts under way are being finished.",
            ),
        ),
    ),
    Register(
        "INTERRUPT_STATUS",
        0x10,
        Access.W1C,
        "The events since the bits were cleared. Write a 1 to clear a bit; an event in the same "
        "cycle leaves it set.",
        _interrupt_fields(
            (
                "A run reached its END: its results are in memory, the counters hold.",
                "A run ended with an error, which ERROR_CODE tells; the accelerator is idle again.",
                "A START, or a write to PROGRAM_ADDRESS or a window, came while a run went on. It "
                "had no effect.",
            )
        ),
    ),
    Register(
        "INTERRUPT_ENABLE",
        0x14,
        Access.RW,
        "The bits of INTERRUPT_STATUS that raise the interrupt, a level that stays high until "
        "they are cleared there or disabled here.",
        _interrupt_fields(
            (
                "INTERRUPT_STATUS.end raises the interrupt.",
                "INTERRUPT_STATUS.error raises the interrupt.",
                "INTERRUPT_STATUS.refused raises the interrupt.",
            )
        ),
    ),
    Register(
        "PROGRAM_ADDRESS",
        0x18,
        Access.RW,
        "Address of the program's first descriptor in memory, a multiple of 64. A write while a "
        "run goes on is ignored and sets INTERRUPT_STATUS.refused.",
        (
            BitField(
                "address",
                PROGRAM_SHIFT,
                ADDRESS_BITS - PROGRAM_SHIFT,
                "Bits 31:6 of the address; the lower bits are 0.",
            ),
        ),
        is_locked=True,
    ),
    *_window("CONSTANTS", 0x20, "program and weights, which a run reads and never writes"),
    *_window("FEATURES", 0x28, "images and features, which a run reads and writes"),
    Register(
        "ERROR_CODE",
        0x30,
        Access.RO,
        "The reason for which the last run ended.",
        (
            BitField(
                "code", 0, 8, "An error code; 0 after END, before the first run and from START."
            ),
        ),
    ),
    Register(
        "ERROR_DESCRIPTOR",
        0x34,
        Access.RO,
        "Address in memory of the descriptor to blame: the one with the mistake, or whose burst "
        "got the error; for DEADLOCK the waiting one with the lowest address; for ABORTED the next "
        "one that would have been distributed.",
        (
            BitField(
                "address",
                PROGRAM_SHIFT,
                ADDRESS_BITS - PROGRAM_SHIFT,
                "Bits 31:6 of the address; the lower bits are 0.",
            ),
        ),
    ),
    Register(
        "FINGERPRINT",
        0x38,
        Access.RO,
        "Stands for everything of the configuration that a program depends on: array, widths, "
        "buffers, bus and channel pool, but not name, clock, memory and energy. A program runs "
        "only where this is the fingerprint that it was compiled for: compare before a start.",
        (BitField("value", 0, 32, "CRC-32 of these settings as text.", None),),
    ),
    *_counter("CYCLES", 0x40, "Cycles from START until the last result was in memory."),
    *_counter("ARRAY_CYCLES", 0x48, "Cycles in which the MAC array took a pixel."),
    *_counter("PROGRAM_BYTES", 0x50, "Bytes of program read."),
    *_counter("WEIGHT_BYTES", 0x58, "Bytes of weights and their parameters read."),
    *_counter("FEATURE_READ_BYTES", 0x60, "Bytes of images and features read."),
    *_counter("FEATURE_WRITTEN_BYTES", 0x68, "Bytes of features written."),
)

COUNTERS = tuple(
    register.name.removesuffix("_LOW") for register in REGISTERS if register.name.endswith("_LOW")
)
_BY_NAME = {register.name: register for register in REGISTERS}


def register(name: str) -> Register:
    """Return the register of this name, such as "INTERRUPT_STATUS"."""
    return _BY_NAME[name]

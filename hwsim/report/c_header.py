"""The file memory.h: a compiled network's numbers for C and C++."""

from hwsim.escape import comment
from hwsim.report.memory_map import MemoryMap

JOB = {  # fields of `struct NAME_job` in the driver in C, in its order
    "fingerprint": "FINGERPRINT",
    "program_address": "PROGRAM_ADDRESS",
    "constants_first": "CONSTANTS_BASE",
    "constants_last": "CONSTANTS_LIMIT",
    "features_first": "FEATURES_BASE",
    "features_last": "FEATURES_LIMIT",
}
HEADER = """\
/*
 * {title}.
 *
 * Before START, memory.bin lies at MEMORY_BASE and the input at MEMORY_INPUT_ADDRESS. After it the
 * output lies at MEMORY_OUTPUT_ADDRESS. In both, channel c of the pixel in row y, column x is the
 * signed byte at
 *     ADDRESS + c / PIXEL_BYTES * BLOCK_BYTES + y * ROW_BYTES + x * PIXEL_BYTES + c % PIXEL_BYTES
 * and stands for SCALE * (byte - ZERO_POINT). The input's channels 0, 1, 2 are red, green, blue; a
 * byte of it is the 8-bit value - 128 (the top bit flipped). With 4 PIXEL_BYTES the fourth byte is
 * unused.
 */
#ifndef MEMORY_H
#define MEMORY_H

{defines}

/*
 * const struct NAME_job job = MEMORY_JOB; with NAME_driver.h, which `hwsim rtl` writes. NAME is
 * `accelerator` unless --name says otherwise.
 */
#define MEMORY_JOB \\
    {{ {job} }}

#endif
"""


def c_header(document: MemoryMap) -> str:
    """Return the header: the defines, and an initializer for the job of the C driver."""
    network, config = document.network.name, document.config["name"]
    width = max(map(len, document.defines))
    lines = [f"#define {name:{width}} {value}" for name, value in document.defines.items()]
    # By position: C++ has no designators before C++20.
    job = ", \\\n      ".join(f"MEMORY_{name} /* {field} */" for field, name in JOB.items())
    return HEADER.format(
        title=comment(f"{network} on {config}, by hwsim {document.hwsim_version}"),
        defines="\n".join(lines),
        job=job,
    )

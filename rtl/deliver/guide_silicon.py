"""Parts of the README beside the Verilog: memory port, clock, on-chip memories, multipliers."""

import re

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.rtl.deliver.memory_table import memory_table
from hwsim.rtl.memory.axi4 import ID_BITS, parameters


def memory_port(config: Config, verilog: str) -> str:
    """Markdown on the AXI4 manager: what it does on the bus, and when its data is there."""
    bus = config.bus
    rows = "\n".join(
        f"| `{parameter}` | {value} | `{port}` |" for parameter, value, port in _parameters(verilog)
    )
    return f"""\
## AXI4 manager

* {bus.bus_bits} data bits, 32 address bits, {ID_BITS} ID bit that is always 0.
* INCR bursts of 1 to {config.burst_words} whole words ({config.word_bytes} bytes), each starting on
  a word; none crosses 4 KiB. A word has {config.beats_per_word} of the bus's beats.
* AxLOCK 0; no exclusive access. AxCACHE and AxPROT are parameters of the module, below.
* At most {bus.outstanding_reads} reads and {pipeline.OUTSTANDING_WRITES} writes outstanding. There
  is one ID, so that the interconnect answers in order.
* `rready` and `bready` are always high. Data may precede its address, as AXI4 allows, where
  addresses are taken late.
* {_outputs(config)} `rdata` goes straight into
  registers, the other inputs through some logic: `arready`, `awready` and `wready` to the enables
  of many registers and of memories. Where the interconnect's outputs come late in the cycle, put an
  AXI register slice in between.
* Strobes are all 1, and 0 in the words that finish a burst after an error or ABORT.
* A response of SLVERR or DECERR ends the run with an error. A burst that is never answered leaves
  STATUS.busy at 1 for ever: put a timeout into the bus if its memory can fail so. A bus that ends
  bursts with RLAST too early or too late, or answers what nobody asked, is not noticed.
* Memory is little-endian. The accelerator does not snoop: software cleans and invalidates caches.

| parameter | default | port |
|---|---|---|
{rows}

The default of AxPROT is unprivileged, non-secure data: a firewall that lets the accelerator reach
secure memory must be told so here, `#(.AXI_ARPROT(3'b000), .AXI_AWPROT(3'b000))`. The default of
AxCACHE is normal memory that nothing caches or buffers.

### When data is there

INTERRUPT_STATUS.end, and with it `irq`, comes after the response to the last write. With AWCACHE
non-bufferable, as it is by default, AXI4 lets nothing but the memory itself give that response:
every manager that reads this memory from then on reads the outputs, without a barrier, unless it
has an older copy in a cache. With a bufferable AWCACHE, 0b0011, a bridge may answer for the memory:
the outputs are then in the memory only after whatever that bridge documents. The response to the
write of CONTROL.start says nothing of what the host wrote to memory before: order these two
yourself.
"""


def _outputs(config: Config) -> str:
    """Return a sentence on what stands in front of the outputs."""
    if config.beats_per_word == 1:
        return "Every output is a register or a constant."
    return (
        "Every output is a register or a constant, but for `wdata`, `wstrb` and `wlast`: these\n"
        "  come from registers through one multiplexer, which picks the beat of a word."
    )


def clock_and_timing(name: str) -> str:
    """Markdown on the clock gate and the timing constraints."""
    return f"""\
## Clock gate and timing

The core, which is everything but registers, control and counters, has its clock from the module in
`{name}_clock_gate.v`. It runs from START until the core has been reset behind the run, and under
`rst`; while STATUS.busy is 0 it stands still. The gate is a latch and an AND: replace them by your
library's cell. On an FPGA define HWSIM_UNGATED_CLOCK, with which the clock always runs; the results
and the cycles are the same.

`{name}.sdc` has the clock of the configuration, and gives half of the period to what lies outside
a port: change its three numbers. There are no false paths and no paths of several cycles. For the
scan test there is one clock, no latch but that of the gate, and no reset that is not synchronous.
"""


def on_chip_memories(verilog: str, name: str) -> str:
    """Markdown on the memories, with a row for each."""
    return f"""\
## On-chip memories

Each is an instance of the module in `{name}_ram.v`, with its size as parameters: one write port
and one read port on one clock. As it stands, a synthesizer makes block RAM of the large ones. For
silicon put macros into this one file, chosen by its parameters; its head has the contract. Nothing
depends on what is answered to a read of the word that is being written, and none needs an initial
value. An instance is named by its path below `{name}`; line is where it stands in `{name}.v`.

{memory_table(verilog, name)}
"""


def multipliers(name: str) -> str:
    """Markdown on the multipliers, and how Yosys takes those of an ECP5."""
    return f"""\
## Multipliers

Each is an instance of the module in `{name}_multiply.v`, with the bits of its factors as
parameters: two signed factors, and their product an edge later. A synthesizer that puts a register
into a DSP needs nothing more. Yosys does not for the ECP5; define HWSIM_ECP5 there, with which the
module is a MULT18X18D with its own output register, and drop an attribute that makes Yosys read the
module again when it is done:

    read_verilog -D HWSIM_ECP5 -D HWSIM_UNGATED_CLOCK {name}.v {name}_ram.v {name}_clock_gate.v
    read_verilog -D HWSIM_ECP5 {name}_multiply.v
    hierarchy -top {name}
    attrmap -remove reprocess_after
    synth_ecp5 -top {name} -json {name}.json
"""


def _parameters(verilog: str) -> list[tuple[str, str, str]]:
    """Return (name, default, port) of every parameter that the system may set."""
    return [
        (name, f"{bits}'b{int(value, 16):0{bits}b}", port)
        for port, name in parameters().items()
        for bits, value in re.findall(rf"  parameter .* {name} = (\d+)'h(\w+);", verilog)
    ]

"""The README beside the generated Verilog: how to connect the accelerator."""

from collections.abc import Mapping
from importlib.metadata import version

from hwsim.arch.config import Config
from hwsim.escape import markdown_code
from hwsim.isa.error_codes import MEANINGS, ErrorCode
from hwsim.isa.fields import Opcode
from hwsim.isa.registers import REGISTERS, register
from hwsim.isa.rules import RULES
from hwsim.rtl.deliver.fusesoc import core_name
from hwsim.rtl.deliver.guide_silicon import (
    clock_and_timing,
    memory_port,
    multipliers,
    on_chip_memories,
)
from hwsim.rtl.deliver.lint import lint_command
from hwsim.rtl.deliver.verilog_contents import ports
from hwsim.rtl.deliver.wrappers import CLOCK_GATE, MULTIPLY, RAM, module_name, wrappers_of
from hwsim.rtl.host.axi4_lite import PREFIX as SUBORDINATE
from hwsim.rtl.memory.axi4 import PREFIX as MANAGER

PORT_DOCS = {
    "clk": "the one clock",
    "rst": "synchronous, active high",
    "irq": "interrupt, a level, high while an enabled bit of INTERRUPT_STATUS is set",
}
BUS_DOCS = {
    SUBORDINATE: "AXI4-Lite subordinate",
    MANAGER: "AXI4 manager",
}
WRAPPER_DOCS = {
    RAM: "the module of all its memories, for macros of silicon",
    CLOCK_GATE: "the module of its clock gate, for the library's cell",
    MULTIPLY: "the module of all its multipliers, for those of an FPGA",
}
CHANNELS = ("aw", "w", "b", "ar", "r")


def connection_guide(config: Config, name: str, modules: Mapping[str, str]) -> str:
    """Markdown for whoever integrates the accelerator; `modules` are its Verilog by name."""
    verilog = modules[name]
    parts = (
        _introduction(config, name, core_name(name, modules)),
        _ports(verilog, name),
        memory_port(config, verilog),
        clock_and_timing(name),
        on_chip_memories(verilog, name),
        *([multipliers(name)] if MULTIPLY in wrappers_of(config) else []),
        _registers(name),
        _programming(name),
        _errors(config),
        _memory_image(config, name),
    )
    return "\n".join(parts)


def _introduction(config: Config, name: str, core: str) -> str:
    array, buffers = config.array, config.buffers
    kinds = wrappers_of(config)
    wrappers = "\n".join(
        f"| `{module_name(kind, name)}.v` | {WRAPPER_DOCS[kind]} |" for kind in kinds
    )
    return f"""\
# How to connect `{name}`

Written by hwsim {version("hwsim")} for the configuration {markdown_code(config.name)}:
{array.input_lanes} x {array.output_lanes} multipliers, {config.widths.weight_bits}-bit weights,
{config.bus.bus_bits}-bit bus; on chip {buffers.feature_bytes} bytes of features,
{buffers.weight_bytes} of weights, {config.accumulator_bytes} of accumulators and
{buffers.staging_bytes} of staging.

| file | what it is |
|---|---|
| `{name}.v` | the accelerator in Verilog-2005; with the next {len(kinds)} it needs nothing else |
{wrappers}
| `{name}.vlt` | the warnings that lint waives in `{name}.v`, each with its reason |
| `{name}.sdc` | its timing constraints |
| `{name}.core` | all these for FuseSoC: depend on `{core}` |
| `{name}.rdl` | registers, error codes and descriptors as SystemRDL |
| `{name}.h` | the same for C |
| `html/index.html` | the same to read; opens in a browser, offline |
| `example.c` | a driver that uses `{name}.h` |
| `{name}_driver.h` | its declarations: what calls it includes this |
| `host_ops.c` | functions for operators of a `.tflite` that the host may have to compute |
| `{name}_host_ops.h` | declarations of these functions, and what each computes |

The name for FuseSoC has a digest of the Verilog, so that accelerators of several configurations
can lie in one library. For several in one design, give each its own `--name`: all modules begin
with it.

Lint it with Verilator, which then has nothing to say:

    {lint_command(config, name)}

`example.c` compiles with `cc -c example.c`; link it with what includes `{name}_driver.h`.
"""


def _ports(verilog: str, name: str) -> str:
    found = ports(verilog, name)
    rows = "\n".join(
        f"| `{port}` | {found[port][0]} | {found[port][1]} | {_port_doc(port)} |"
        for port in sorted(found, key=_port_order)
    )
    return f"""\
## Ports

| port | direction | bits | what it is |
|---|---|---|---|
{rows}

The AXI4-Lite port has the registers; program, weights and features go over the AXI4 port.
Everything runs on the rising edge of `clk`. Hold `rst` for at least one such edge after power-up,
whatever registers and memories then hold: none has or needs an initial value. A reset during a run
cuts bursts short: reset the accelerator and its bus together, or write ABORT, wait until
STATUS.busy is 0 and reset then. No output of the AXI4-Lite port depends on an input of
the same cycle. Where a bus has another clock, put a clock-domain crossing of that bus in between.

### Instance

{_instance(found, name)}
"""


def _port_order(port: str) -> tuple[bool, str, int]:
    """Clock, reset and interrupt first, then the buses, channel by channel."""
    prefix = next((prefix for prefix in (SUBORDINATE, MANAGER) if port.startswith(prefix)), "")
    channel = next(
        (i for i, x in enumerate(CHANNELS) if port.removeprefix(prefix).startswith(x)), 0
    )
    return bool(prefix), prefix, channel


def _port_doc(port: str) -> str:
    bus = next((doc for prefix, doc in BUS_DOCS.items() if port.startswith(prefix)), "")
    return bus or PORT_DOCS[port]


def _instance(found: dict[str, tuple[str, int]], name: str) -> str:
    """Verilog, each port connected to a net of its own name."""
    lines: list[str] = []
    for port in sorted(found, key=_port_order):
        direction, bits = found[port]
        comment = f"{direction} [{bits - 1}:0]" if bits > 1 else direction
        comma = "," if len(lines) + 1 < len(found) else ""
        lines.append(f"    .{port}({port}){comma} // {comment}")
    return "\n".join(("```verilog", f"{name} {name}_0 (", *lines, ");", "```"))


def _registers(name: str) -> str:
    rows = "\n".join(
        f"| 0x{entry.offset:02X} | {entry.name} | {entry.access.value} |" for entry in REGISTERS
    )
    return f"""\
## Registers

One page of 4 KiB on the AXI4-Lite port; fields and resets are in `html/` and `{name}.h`. AW and W
may come in any order. Byte strobes are honoured, writes to read-only registers ignored. Bits 1:0 of
an address are ignored; an offset without a register is answered with SLVERR. `awprot` and `arprot`
are ignored: keep others out in the interconnect.

| offset | register | access |
|---|---|---|
{rows}
"""


def _programming(name: str) -> str:
    value = register("IDENTITY").pack()
    return f"""\
## A run

`{name}_run` in `example.c` does this:

1. Read IDENTITY (0x{value:08X}); compare BUILD with what `{name}.h` says, and FINGERPRINT with the
   job's, that is MEMORY_FINGERPRINT: a program runs only on the configuration that it was compiled
   for. BUILD covers lanes, widths, channel pool and the version of this register map; FINGERPRINT
   covers buffers, bus and all else that a program depends on.
2. Place program, weights and input in memory (see below); clean the caches.
3. Write CONSTANTS_BASE and CONSTANTS_LIMIT (around program and weights), FEATURES_BASE and
   FEATURES_LIMIT (around input, intermediate features and output), and PROGRAM_ADDRESS.
4. Clear INTERRUPT_STATUS, enable `end`, `error` and `refused` in INTERRUPT_ENABLE, write
   CONTROL.start.
5. On the interrupt, read INTERRUPT_STATUS and write the same value back, which clears it. `end`:
   the output is in memory ("When data is there", above). `error`: read ERROR_CODE and
   ERROR_DESCRIPTOR. `refused` alone: go on waiting. Without patience: write CONTROL.abort and wait
   again. Then write 0 to INTERRUPT_ENABLE.
6. The counters say what the run cost: cycles, cycles in which the array worked, bytes by class.
   They hold until the next start.

Windows and PROGRAM_ADDRESS keep what was written: with the interrupts enabled again, the next run
needs only CONTROL.start. A START, or a write to PROGRAM_ADDRESS or a window, during a run is
ignored and sets INTERRUPT_STATUS.refused. START and ABORT in one write: while idle, START wins;
during a run, it ends with ABORTED and `refused` is set.

### Windows

The accelerator never reaches outside two windows of memory, each from its base to its limit, in
whole pages of 4 KiB. It reads in both and writes only in that of the features. After reset both
are empty.
"""


def _errors(config: Config) -> str:
    array = config.array
    rows = "\n".join(
        f"| {int(code)} | {code.name} | {MEANINGS[code]} |" for code in ErrorCode if code
    )
    return f"""\
## Errors

At an error or ABORT nothing new is issued, what is under way on the bus is brought to its end, and
the accelerator returns to idle with INTERRUPT_STATUS.error. The features' window may then hold part
of the results. The next START needs no reset.

| code | name | meaning |
|---|---|---|
{rows}

### Rules of a descriptor

One that breaks any of these ends the run with FIELD. A word is {config.word_bytes} bytes here;
there are {array.input_lanes} input and {array.output_lanes} output lanes; k is 2^`channel_pool`.
{_rules()}"""


def _rules() -> str:
    lines = []
    for opcode in Opcode:
        texts = [rule.text for rule in RULES if rule.opcode is opcode]
        if texts:
            lines += ["", f"**{opcode.name}**", "", *(f"* {text}" for text in texts)]
    return "\n".join((*lines, ""))


def _memory_image(config: Config, name: str) -> str:
    return f"""\
## The memory image

`hwsim compile` writes what lies in memory before START. CONFIG is the preset or file that
`{name}.v` was made from, here {markdown_code(config.name)}:

    hwsim compile NETWORK --config CONFIG --base 0x80000000 --image PHOTO --out DIR

| file | what it is |
|---|---|
| `memory.bin` | weights, program and inputs; place it at the base, 0 unless you say so |
| `memory.json` | registers, predicted counters; address, shape and layout of every tensor |
| `memory.h` | the same for C, and the initializers below |
| `expected.bin` | the outputs after the run, one after the other |

A program says

    const struct {name}_job job = MEMORY_JOB;
    const struct {name}_tensor inputs[MEMORY_INPUTS_COUNT] = MEMORY_INPUTS;
    const struct {name}_tensor outputs[MEMORY_OUTPUTS_COUNT] = MEMORY_OUTPUTS;

and hands the job to `{name}_run`. The arrays have every input and every output in the network's
order, with name, address, size, shape, layout, scale and zero point; `{name}_element_address` says
where each of their elements lies. Compare `size_bytes` from `address` on of each output with the
next so many bytes of `expected.bin`.

A network of several inputs takes `--input NAME=ARRAY.npy` for each in place of `--image`. Without
both there are no inputs and no `expected.bin`: write the inputs to their addresses. What a
photograph becomes in an input, its colours, their order and their values, differs from network to
network: where it is known, `memory.h` says it in words and `memory.json` in numbers, under
`contracts`. Where a pixel has 4 bytes for 3 channels, the fourth is unused.

The network of a `.tflite` may need the host before, between and behind programs of the accelerator,
which share one memory. Then `memory.h` has its steps in order:

    const struct {name}_step steps[MEMORY_STEPS_COUNT] = MEMORY_STEPS;

`{name}_run_steps` goes through them. You write the functions that it calls, memory_host_op_0 and so
on: `memory.h` says what each reads, computes and leaves, and has its parameters as macros that
begin with MEMORY_HOST_OP_0 and so on. One that is missing does not link.
`host_ops.c` has quantize, dequantize, softmax, depth to space, bilinear resize, add, subtract,
multiply, concatenate, average pool and transposed convolution, value by value as the file's
runtime. Use the tensors that such a function reads and leaves inside this function only: tensors
share memory. Before it, what it reads may not be complete; after it, later steps may have put other
tensors in the same place. The network's outputs stay until the next run.

The next run needs only its own inputs, since a run leaves weights and program as they are. It may
overwrite its inputs.
"""

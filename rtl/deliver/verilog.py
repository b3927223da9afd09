"""From a component to Verilog: the one place where that happens."""

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from amaranth._toolchain.yosys import YosysError, find_yosys
from amaranth.back import rtlil
from amaranth.lib import wiring

from hwsim.arch.config import Config
from hwsim.errors import InputError
from hwsim.escape import comment
from hwsim.rtl.deliver.sharing import with_shared_modules
from hwsim.rtl.deliver.wrappers import WrapperError, Wrappers

ROOT = Path(__file__).parents[3]
OLDEST_YOSYS = (0, 40)
# Enables and resets of registers stand where they are written. No register has an initial value,
# and no pass may use one: that goes first.
PASSES = """\
attrmap -remove init
proc
opt_expr
opt_clean
opt_dff
opt_expr
opt_dff
opt_clean
attrmap -remove unused_bits -remove full_case
write_verilog -simple-lhs
"""
NAMED = re.compile(r"^(module|  cell) \\(\S+)", re.MULTILINE)  # in RTLIL: a module
ELEMENT = re.compile(r"\\(?=\S+\[\d+\])")  # in front of the name of an array's element
MODULE = re.compile(r"^(?=module )", re.MULTILINE)  # begins one, in RTLIL
EXTENDED = re.compile(r"(\$\d+) \[\d+\] \1(?!\S)")  # a signal behind a copy of one of its own bits
INTERNAL = re.compile(r"(?<!\S)\$(\d+)(?!\S)")
PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
LEFT = re.compile(r"^ *(?:initial\b|reg .*=).*$", re.MULTILINE)
PLACE = re.compile(r'^( *\(\* src = ")([^"]*)(" \*\))$', re.MULTILINE)
PLACE_INSIDE = re.compile(r'(?<=\S )\(\* src = "[^"]*" \*\) ')

WORDS = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic
before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle
checker class clocking cmos config const constraint context continue cover covergroup
coverpoint cross deassign default defparam design disable dist do edge else end endcase
endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface
endmodule endpackage endprimitive endprogram endproperty endsequence endspecify endtable
endtask enum event eventually expect export extends extern final first_match for force foreach
forever fork forkjoin function generate genvar global highz0 highz1 if iff ifnone ignore_bins
illegal_bins implements implies import incdir include initial inout input inside instance int
integer interconnect interface intersect join join_any join_none large let liblist library
local localparam logic longint macromodule matches medium modport module nand negedge nettype
new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed parameter
pmos posedge primitive priority program property protected pull0 pull1 pulldown pullup
pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real
realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1
s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal
showcancelled signed small soft solve specify specparam static string strong strong0 strong1
struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout
time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef
union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait
wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
KEYWORDS = frozenset(WORDS.split())  # of IEEE 1800, which are more than Verilog's
REASON = re.compile(r"^\S*(?:Error|ERROR): (.+)$", re.MULTILINE)  # in what a failed Yosys printed


class VerilogError(RuntimeError):
    """Yosys wrote something that this file does not expect: look at it before going on."""


def verilog_files(
    component: wiring.Component, name: str, config: Config | None = None, *, has_places: bool = True
) -> dict[str, str]:
    """Return Verilog that needs nothing else, as text by module: `name`, and its wrappers.

    Signals keep their names; a module is named by the path of its instance, `name__core__drain`,
    and one that several instances share by that path without its number.
    With `has_places` an attribute names the line of Python that each comes from. Registers have no
    initial values. With `config` the head of the text says what it was generated for. Raises
    `VerilogError` for what Verilog or a wrapper could not say, and `InputError` where Yosys cannot
    run.
    """
    wrappers = Wrappers(name)
    try:
        text = rtlil.convert(component, name, wrappers, emit_src=has_places)
    except WrapperError as error:
        raise VerilogError(str(error)) from None
    text = _without_elements(_with_plain_names(with_shared_modules(text)))
    text = _written_by_yosys(_with_named_signs(text))
    if unexpected := LEFT.search(text):
        raise VerilogError(f"'{unexpected[0].strip()}' is an initial value")
    return {name: _header(config) + _relative_places(text)} | wrappers.texts


def to_verilog(
    component: wiring.Component, name: str, config: Config | None = None, *, has_places: bool = True
) -> str:
    """Return what `verilog_files` does as one text."""
    return "\n".join(verilog_files(component, name, config, has_places=has_places).values())


def _with_plain_names(text: str) -> str:
    """Return RTLIL whose modules are named `name__core`, not `name.core`, as all tools can read."""

    def plain(found: re.Match[str]) -> str:
        name = found[2].replace(".", "__")
        if not PLAIN.fullmatch(name):
            raise VerilogError(f"{found[2]} is no plain name for a module")
        return f"{found[1]} \\{name}"

    return NAMED.sub(plain, text)


def _without_elements(text: str) -> str:
    """Return RTLIL in which elements of arrays have no names, so that Yosys drops most of them.

    They are slices of the arrays, and were a third of the text.
    """
    return ELEMENT.sub("$", text)


def _with_named_signs(text: str) -> str:
    """Return RTLIL in which what is extended by its sign has a name of its own.

    Where it goes into a part of a port, Yosys would otherwise name it after that part. The port's
    upper bits would be copies of a lower one, which Verilator takes for a loop.
    """

    def named(module: str) -> str:
        extended = {found[1:] for found in EXTENDED.findall(module)}
        return INTERNAL.sub(
            lambda found: f"\\extended_{found[1]}" if found[1] in extended else found[0], module
        )

    return "".join(map(named, MODULE.split(text)))


def _written_by_yosys(text: str) -> str:
    """Return the Verilog of a design in RTLIL."""
    try:
        yosys = find_yosys(lambda version: version >= OLDEST_YOSYS)
        script = f"read_rtlil <<rtlil\n{text}\nrtlil\n{PASSES}"
        # It warns that write_verilog cannot write every process: proc has left none.
        written: str = yosys.run(["-q", "-"], script, ignore_warnings=True)
    except YosysError as error:
        (*_, reason) = REASON.findall(str(error)) or [str(error).partition("\n")[0]]
        raise InputError(f"Yosys cannot write the Verilog: {reason}") from None
    return written


def with_parameters(text: str, parameters: Mapping[str, str]) -> str:
    """Return Verilog in which ports that hold a constant get it from a parameter of their module.

    `parameters` are names by port; the constant is the default.
    """
    for port, parameter in parameters.items():
        constant = re.compile(rf"^  assign {port} = ((\d+)'h\w+);$", re.MULTILINE)
        found = constant.search(text)
        if found is None:
            raise VerilogError(f"{port} holds no constant")
        high = int(found[2]) - 1
        declared = f"  parameter [{high}:0] {parameter} = {found[1]};\n"
        text = text.replace(found[0], f"{declared}  assign {port} = {parameter};")
    return text


def _header(config: Config | None) -> str:
    lines = [f"Generated by hwsim {version('hwsim')}. Do not edit."]
    if config is not None:
        array, buffers, widths = config.array, config.buffers, config.widths
        lines += [
            f"Configuration {comment(config.name)}: "
            f"{array.input_lanes} x {array.output_lanes} multipliers, "
            f"{array.rescale_lanes} rescale lanes, {widths.weight_bits}-bit weights, "
            f"{widths.multiplier_bits}-bit rescale multipliers, {config.word_bits}-bit bus;",
            f"on-chip bytes: features {buffers.feature_bytes}, weights {buffers.weight_bytes}, "
            f"accumulators {config.accumulator_bytes}, staging {buffers.staging_bytes}.",
        ]
    return "".join(f"// {line}\n" for line in lines)


def _relative_places(text: str) -> str:
    """The same text wherever hwsim is installed: `hwsim/rtl/core.py:9`, `amaranth/lib/fifo.py:8`.

    Declarations and statements keep their places; those inside expressions go, since not every
    reader of Verilog knows attributes there.
    """
    outside = PLACE_INSIDE.sub("", text)
    return PLACE.sub(lambda found: found[1] + _relative(found[2]) + found[3], outside)


def _relative(sources: str) -> str:
    """Paths below the project's root or below a folder of packages; otherwise the name alone."""
    shortened = []
    for source in sources.split("|"):
        path, _, line = source.rpartition(":")
        parts = Path(path).parts
        if Path(path).is_relative_to(ROOT) and "site-packages" not in parts:
            path = Path(path).relative_to(ROOT).as_posix()
        elif "site-packages" in parts:
            path = "/".join(parts[parts.index("site-packages") + 1 :])
        else:
            path = Path(path).name
        shortened.append(f"{path}:{line}")
    return "|".join(shortened)

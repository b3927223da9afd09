"""The tables of `hwsim show`."""

from hwsim.report.file_figures import step_tables
from hwsim.report.structure import OperatorFigures, SourceFigures, StageFigures, Structure
from hwsim.report.table import Facts, Table
from hwsim.report.text import fused_operators

FATES = {
    "address": "an address only",
    "host": "the host computes it",
    "unread": "left out: no output depends on it",
    "undecided": "undecided: see below",
}


def structure_heading(structure: Structure) -> str:
    """Return a line that names the network."""
    first = structure.inputs[0]
    size = f"{first.input_width_pixels}x{first.input_height_pixels}"
    return f"{structure.name} {size}, {structure.macs:,} MACs"


def structure_tables(structure: Structure) -> tuple[Table | Facts, ...]:
    """Return the tables of operators and of stages."""
    steps = step_tables(structure.file)
    operators = (_operators(structure),) if structure.operators else ()
    quantized = (_quantized(structure),) if structure.kernels else ()
    stages = (_stages(structure),) if structure.stages else ()
    sums = (_sums(structure),) if structure.proved_sums else ()
    refusals = (_refusals(structure),) if structure.refusals else ()
    return (*steps, *operators, *quantized, *stages, *sums, *refusals, _host(structure))


def _operators(structure: Structure) -> Table:
    return Table(
        title="Operators of the file, and what becomes of them",
        words=("operator", "in the file", "kind", "reads", "leaves", "becomes"),
        numbers=("MACs",),
        rows=tuple(
            (
                each.name,
                each.place,
                each.kind,
                " + ".join(each.inputs),
                _shape(each),
                _becomes(each),
                _count(each.macs),
            )
            for each in structure.operators
        ),
        last=(("total", "", "", "", "", "", _count(sum(o.macs for o in structure.operators))),),
    )


def _quantized(structure: Structure) -> Table:
    return Table(
        title=f"What the operators leave, in the file's own integers; kernels: {structure.kernels}",
        words=("operator", "type", "scales of weights"),
        numbers=("scale", "zero point"),
        rows=tuple(
            (
                each.name,
                each.output_type or "-",
                str(each.weight_scales or "-"),
                "-" if each.output_scale is None else f"{each.output_scale:.6g}",
                "-" if each.output_zero_point is None else str(each.output_zero_point),
            )
            for each in structure.operators
        ),
    )


def _stages(structure: Structure) -> Table:
    several = len({stage.program for stage in structure.stages}) > 1
    by = ("computed by",) if several else ()
    return Table(
        title="Stages, each computed in one go; convolutions of several inputs are added",
        words=("stage", *by, "reads", "kernel", "fused", "stores", "shape"),
        numbers=("MACs",),
        rows=tuple(
            (
                stage.name,
                *((stage.program,) if several else ()),
                " + ".join(map(_source, stage.sources)),
                _kernel(stage),
                fused_operators(stage.operators) or "-",
                stage.output,
                _shape(stage),
                _count(stage.macs),
            )
            for stage in structure.stages
        ),
        last=(("total", *("" for _ in by), "", "", "", "", "", _count(structure.macs)),),
        notes=("tensor[a:b] are its channels from a to b - 1; 2x: each pixel is read twice.",),
    )


def _sums(structure: Structure) -> Table:
    return Table(
        title="Sums, each proved to be the file's for all pairs of two int8 values",
        words=("stage",),
        numbers=("first weight", "second weight", "multiplier", "shift", "roundings", "pairs"),
        rows=tuple(
            (
                each.stage,
                f"{each.first_weight:,}",
                f"{each.second_weight:,}",
                f"{each.multiplier:,}",
                str(each.shift),
                str(each.roundings),
                f"{each.pairs:,}",
            )
            for each in structure.proved_sums
        ),
        notes=("(weights x values less their zero points) x multiplier / 2^shift.",),
    )


def _refusals(structure: Structure) -> Facts:
    lines = {str(number): line for number, line in enumerate(structure.refusals, start=1)}
    return Facts("No exact stages can be made, for these reasons", lines)


def _host(structure: Structure) -> Facts:
    host = [f"{each.name} ({each.kind})" for each in structure.operators if each.fate == "host"]
    given = [
        f"{each.name} ({each.input_channels}x{each.input_height_pixels}x{each.input_width_pixels})"
        for each in structure.inputs
    ]
    return Facts(
        "Ends of the network, and what is left to the host",
        {
            "inputs": ", ".join(given),
            "outputs": ", ".join(map(_output, structure.outputs, _names_in_file(structure))),
            "host": ", ".join(host) or "nothing",
        },
    )


def _names_in_file(structure: Structure) -> tuple[str, ...]:
    """Return the name of every output under which arrays of it are written."""
    if structure.file is not None:
        return tuple(output.name for output in structure.file.outputs)
    in_file = {each.output: each.output_in_file for each in structure.operators}
    return tuple(in_file.get(name) or name for name in structure.outputs)


def _output(name: str, in_file: str) -> str:
    return name if in_file == name else f"{name} ('{in_file}' in the file)"


def _becomes(operator: OperatorFigures) -> str:
    parts = []
    if operator.own_stages:
        parts.append(f"stage {', '.join(operator.own_stages)}")
    if operator.fused_into:
        parts.append(f"fused into {', '.join(operator.fused_into)}")
    return "; ".join(parts) or FATES[operator.fate]


def _source(source: SourceFigures) -> str:
    last = source.first_channel + source.channels
    channels = f"[{source.first_channel}:{last}]" if source.is_slice else ""
    times = f"{source.upsample}x " if source.upsample > 1 else ""
    return f"{times}{source.tensor}{channels}"


def _kernel(stage: StageFigures) -> str:
    """Return kernel, stride and dilation, which a file's sources have in common."""
    return " + ".join(dict.fromkeys(map(_geometry, stage.sources)))


def _geometry(source: SourceFigures) -> str:
    stride = _pair(source.stride_rows, source.stride_columns)
    dilation = _pair(source.dilation_rows, source.dilation_columns)
    dilated = "" if dilation == "1" else f" dilated {dilation}"
    return f"{source.kernel_rows}x{source.kernel_columns} / {stride}{dilated}"


def _pair(rows: int, columns: int) -> str:
    return str(rows) if rows == columns else f"{rows}x{columns}"


def _shape(left: OperatorFigures | StageFigures) -> str:
    return f"{left.output_channels}x{left.output_height_pixels}x{left.output_width_pixels}"


def _count(macs: int) -> str:
    return f"{macs:,}" if macs else "-"

"""The file memory.h: a compiled network's numbers for C and C++."""

from textwrap import wrap

from hwsim.escape import c_string, comment
from hwsim.report.c_defines import fields, prefixes
from hwsim.report.c_host_steps import host_function
from hwsim.report.file_figures import FileFigures, FileTensorFigures
from hwsim.report.image_figures import ImageFigures
from hwsim.report.memory_map import MemoryMap, PlacedProgram
from hwsim.report.placed_tensor import PlacedTensor

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
 * Before START, memory.bin lies at MEMORY_BASE and every input at its ADDRESS. After the run every
 * output lies at its ADDRESS.
{between} *
 * In all of them, channel c of the pixel in row y, column x is the signed byte at
 *     ADDRESS + c / PIXEL_BYTES * BLOCK_BYTES + y * ROW_BYTES + x * PIXEL_BYTES + c % PIXEL_BYTES
 * and stands for SCALE * (byte - ZERO_POINT). With 4 PIXEL_BYTES and 3 channels the fourth byte is
 * unused. An input whose CELL_ROWS or CELL_COLUMNS is more than 1 lies otherwise, in cells: there
 * `NAME_element_address` of the driver finds an element, and bytes of no element are ZERO_POINT.
{photographs} */
#ifndef MEMORY_H
#define MEMORY_H

{defines}

{steps}/*
 * What follows initializes the structures of NAME_driver.h, which `hwsim rtl` writes. NAME is
 * `accelerator` unless --name says otherwise.
 *
 *     const struct NAME_job job = MEMORY_JOB;
 *     const struct NAME_tensor inputs[MEMORY_INPUTS_COUNT] = MEMORY_INPUTS;
 *     const struct NAME_tensor outputs[MEMORY_OUTPUTS_COUNT] = MEMORY_OUTPUTS;
 */
#define MEMORY_JOB \\
    {{ {job} }}

#define MEMORY_INPUTS \\
    {{ {inputs} }}

#define MEMORY_OUTPUTS \\
    {{ {outputs} }}

#endif
"""
STEPS = """\
/*
 * The steps of the network with the arithmetic of {arithmetic}, for `NAME_run_steps`
 * of the driver:
 *
 *     const struct NAME_step steps[MEMORY_STEPS_COUNT] = MEMORY_STEPS;
 *
 * You write the functions of the host, one for each of its operators; what lacks one of them does
 * not link. They compute, in the order of the steps:
 *
{rows}
 *
 * The macros MEMORY_HOST_OP_N_... above are those of memory_host_op_N: its parameters, and of what
 * it reads and leaves the MAP, which initializes a `struct NAME_map` of NAME_host_ops.h (none for
 * an .onnx, whose axes need not be rows, columns and channels), the number of elements, the
 * scale, the zero point, and the OFFSET of the file's integers, 128 for uint8.
 * LEAST and MOST are what its activation clamps to. AXIS is 0 for rows, 1 for columns, 2 for
 * channels; flags are 1 or 0. Constants lie at their ADDRESS behind what the accelerator reads,
 * dense, channels innermost, and stay: WEIGHTS[filter][row][column][channel] of int8_t,
 * WEIGHT_SCALES of float, one or one for each filter, BIAS of int32_t, and an OPERAND or
 * SLOPES[row][column][channel] of int8_t.
 *
 * The tensors between them, as the file has them:
 *
{tensors}
 *
 * What the accelerator reads and leaves lies at its ADDRESS, see above; there, a value of a file's
 * uint8 is less 128, and so is its zero point. In all macros it is, too.
 */
#ifdef __cplusplus
extern "C" {{
#endif
{functions}
#ifdef __cplusplus
}}
#endif

#define MEMORY_STEPS_COUNT {count}u
#define MEMORY_STEPS \\
    {{ {elements} }}

"""
COMMENT_CHARACTERS = 97
BETWEEN = """\
 *
 * This network has several programs, which are steps below. The place of a tensor becomes another's
 * once no step needs it: a step of the host reads and writes its tensors when it is called, and
 * only the network's own outputs are whole at the end.
"""
NEXT_LINE = ", \\\n      "


def c_header(document: MemoryMap) -> str:
    """Return the header: the defines, and initializers for the structures of the C driver."""
    network, config = document.network.name, document.config["name"]
    width = max(map(len, document.defines))
    lines = [f"#define {name:{width}} {value}" for name, value in document.defines.items()]
    # By position: C++ has no designators before C++20.
    job = NEXT_LINE.join(f"MEMORY_{name} /* {field} */" for field, name in JOB.items())
    return HEADER.format(
        title=comment(f"{network} on {config}, by hwsim {document.hwsim_version}"),
        defines="\n".join(lines),
        job=job,
        steps="" if document.file is None else _steps(document.file, document.programs),
        photographs="".join(map(_photograph, document.contracts)),
        between=BETWEEN if len(document.programs) > 1 else "",
        inputs=_initializer("INPUT", document.placed_inputs),
        outputs=_initializer("OUTPUT", document.placed_outputs),
    )


def _photograph(contract: ImageFigures) -> str:
    """Return lines of a comment on what a photograph becomes in an input."""
    text = comment(f"A photograph becomes the input {contract.input} so: {contract.in_words}.")
    return "".join(f" * {line}\n" for line in wrap(text, COMMENT_CHARACTERS))


def _steps(file: FileFigures, programs: tuple[PlacedProgram, ...]) -> str:
    """Return the functions of the host's operators, and an initializer of all steps."""
    functions = [
        host_function(number) if step.where == "host" else "0"
        for number, step in enumerate(file.steps)
    ]
    rows: list[str] = []
    for function, step in zip(functions, file.steps, strict=True):
        what = f"the accelerator: {step.name}"
        if step.where == "host":
            what = f"{function}: {step.kind} ({step.place})"
        reads, leaves = (" + ".join(names) for names in (step.reads, step.leaves))
        rows += [f" *   {comment(what)}", f" *       {comment(f'{reads} -> {leaves}')}"]
    waiting = iter(programs)
    addresses = (next(waiting).address if name == "0" else 0 for name in functions)
    elements = (
        f"{{ {c_string(step.name)}, {function}, {address:#010x}u }}"
        for step, function, address in zip(file.steps, functions, addresses, strict=True)
    )
    return STEPS.format(
        arithmetic=comment(file.arithmetic),
        rows="\n".join(rows),
        tensors="\n".join(map(_tensor, file.tensors)),
        functions="\n".join(f"int {name}(void *context);" for name in functions if name != "0"),
        count=len(functions),
        elements=NEXT_LINE.join(elements),
    )


def _tensor(tensor: FileTensorFigures) -> str:
    """Return a line of a comment on a tensor as the file has it."""
    shape = "x".join(map(str, tensor.shape))
    meaning = "" if tensor.scale is None else f", {tensor.scale!r} * (x - {tensor.zero_point})"
    name = f"{tensor.tensor} ({tensor.name})" if tensor.name != tensor.tensor else tensor.name
    return f" *   {comment(name)}: {tensor.type} {shape}{meaning}"


def _initializer(end: str, tensors: tuple[PlacedTensor, ...]) -> str:
    """Return the elements of an array of `struct NAME_tensor`, field by field in its order."""
    found: list[str] = []
    for tensor, prefix in zip(tensors, prefixes(end, tensors), strict=True):
        texts = f"{c_string(tensor.name)}, {c_string(tensor.layout)}"
        numbers = NEXT_LINE.join(f"  {prefix}_{name}" for name in fields(tensor))
        found.append(f"{{ {texts}{NEXT_LINE}{numbers} }}")
    return NEXT_LINE.join(found)

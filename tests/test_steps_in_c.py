"""The C driver takes a network's programs and host operators in turn, on the compiled memory."""

import ctypes
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.arch.config import load_config
from hwsim.flows.compilation import CompileResult
from hwsim.flows.estimate import compiled
from hwsim.flows.progress import silent
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.graph.steps import FileNetwork
from hwsim.isa.registers import register
from hwsim.machine import Machine
from hwsim.program.network_plan import NetworkProgram
from hwsim.rtl.deliver.example import example_files
from hwsim.rtl.deliver.system_rdl import write_manual
from hwsim.testbenches.driver import FLAGS, Status
from tests.tflite_judges import litert_outputs
from tests.tflite_small import rearranged

PRESET = "nano"
STEPS = 5
REGISTERS = ("IDENTITY", "BUILD", "FINGERPRINT", "STATUS", "INTERRUPT_STATUS", "CONTROL",
             "PROGRAM_ADDRESS", "FEATURES_LIMIT", "CONSTANTS_BASE", "CYCLES_LOW")  # fmt: skip
HOST = r"""
#include "accelerator_driver.h"
#include "accelerator_host_ops.h"
#include "accelerator.h"
#include "memory.h"

static signed char *memory; /* from MEMORY_BASE on */
static uint32_t (*start)(uint32_t program_address); /* runs a program; returns its cycles */
static uint32_t program_address, cycles, windows_are_open;
static const struct accelerator_tensor inputs[MEMORY_INPUTS_COUNT] = MEMORY_INPUTS;
static const struct accelerator_tensor outputs[MEMORY_OUTPUTS_COUNT] = MEMORY_OUTPUTS;

static signed char *at(const struct accelerator_tensor *tensor, uint32_t c, uint32_t y, uint32_t x)
{
    return memory + (accelerator_element_address(tensor, c, y, x) - MEMORY_BASE);
}

static int depth_to_space(const struct accelerator_tensor *read,
                          const struct accelerator_tensor *left)
{
    signed char dense[2][64];
    struct accelerator_map of = {read->height, read->width, read->channels};
    uint32_t i = 0;

    for (uint32_t y = 0; y < read->height; ++y)
        for (uint32_t x = 0; x < read->width; ++x)
            for (uint32_t c = 0; c < read->channels; ++c)
                dense[0][i++] = *at(read, c, y, x);
    accelerator_depth_to_space(dense[0], dense[1], of, 2);
    for (i = 0; i < 64 && i < left->height * left->width; ++i)
        *at(left, 0, i / left->width, i % left->width) = dense[1][i];
    return 0;
}

int memory_host_op_1(void *context)
{
    ++*(int *)context;
    return depth_to_space(&outputs[0], &inputs[1]);
}

#ifndef WITHOUT_LAST
int memory_host_op_3(void *context)
{
    ++*(int *)context;
    return depth_to_space(&outputs[1], &inputs[2]);
}
#endif

static uint32_t read32(void *context, uint32_t offset)
{
    (void)context;
    switch (offset) {
    case OFFSET_IDENTITY:
        return ACCELERATOR__IDENTITY__VALUE_reset;
    case OFFSET_BUILD:
        return MEMORY_BUILD;
    case OFFSET_FINGERPRINT:
        return MEMORY_FINGERPRINT;
    case OFFSET_INTERRUPT_STATUS:
        return ACCELERATOR__INTERRUPT_STATUS__END_bm;
    case OFFSET_CYCLES_LOW:
        return cycles;
    default:
        return 0;
    }
}

static void write32(void *context, uint32_t offset, uint32_t value)
{
    (void)context;
    if (offset == OFFSET_PROGRAM_ADDRESS)
        program_address = value;
    else if (offset == OFFSET_FEATURES_LIMIT)
        windows_are_open = value == MEMORY_FEATURES_LIMIT;
    else if (offset == OFFSET_CONSTANTS_BASE)
        windows_are_open = value == MEMORY_CONSTANTS_BASE;
    else if (offset == OFFSET_CONTROL && value == ACCELERATOR__CONTROL__START_bm)
        cycles = windows_are_open ? start(program_address) : 0;
}

static int wait_for_interrupt(void *context)
{
    (void)context;
    return 0;
}

int run(signed char *in, uint32_t (*starts)(uint32_t), int *called, uint64_t *sum,
        uint32_t *failed);
int run(signed char *in, uint32_t (*starts)(uint32_t), int *called, uint64_t *sum,
        uint32_t *failed)
{
    const struct accelerator_bus bus = {read32, write32, wait_for_interrupt, 0};
    const struct accelerator_job job = MEMORY_JOB;
    const struct accelerator_step steps[MEMORY_STEPS_COUNT] = MEMORY_STEPS;
    struct accelerator_report report;
    int status;

    memory = in;
    start = starts;
    status = accelerator_run_steps(&bus, &job, steps, MEMORY_STEPS_COUNT, called, &report, failed);
    *sum = report.cycles;
    return status;
}
"""


@dataclass(frozen=True)
class Written:
    """A folder with the compiled network and the driver, and what they are to compute."""

    folder: Path
    found: CompileResult
    programs: NetworkProgram
    expected: NDArray[np.int8]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("steps")
    content = rearranged().content()
    (folder / "rearranged.tflite").write_bytes(content)
    network = hwsim.load(folder / "rearranged.tflite")
    assert isinstance(network, FileNetwork)
    (name,) = network.inputs
    x = np.random.default_rng(3).integers(-128, 128, (1, 2, 2, 4)).astype(np.int8)
    found = hwsim.compile(network, PRESET, inputs={name: x})
    lines = [f"#define OFFSET_{each} {register(each).offset}u" for each in REGISTERS]
    contents = {**found.files, **example_files(), "host.c": "\n".join([*lines, HOST])}
    contents["accelerator.h"] = write_manual(load_config(PRESET), "accelerator").header
    for path, text in contents.items():
        (folder / path).write_bytes(text.encode() if isinstance(text, str) else text)
    programs = compiled(ProgramGraphs.of_steps(network), load_config(PRESET), silent)
    (expected,) = litert_outputs(content, [x])
    return Written(folder, found, programs, expected.transpose(0, 3, 1, 2)[0])


def build(folder: Path, *flags: str) -> ctypes.CDLL:
    built = folder / "steps.so"
    command = [
        "cc",
        *FLAGS,
        "-Wl,--no-undefined",
        *flags,
        "example.c",
        "host_ops.c",
        "host.c",
        "-o",
        str(built),
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return ctypes.CDLL(str(built))


def run(written: Written, library: ctypes.CDLL) -> tuple[int, int, int, int, NDArray[np.uint8]]:
    """Return status, failed step, calls of the host's, the sum of cycles, and memory at the end.

    A program is run by the machine on what it finds in memory.
    """
    memory = np.fromfile(written.folder / "memory.bin", np.uint8)
    waiting = list(zip(written.programs.programs, written.found.document.programs, strict=True))

    def start(address: int) -> int:
        program, placed = waiting.pop(0)
        assert address == placed.address == program.code.address
        zeros = {
            each.name: np.zeros((each.shape.channels, each.shape.height, each.shape.width), np.int8)
            for each in program.graph.inputs
        }
        machine = Machine(program, zeros)
        machine.memory.data[:] = memory[: program.size_bytes]
        memory[: program.size_bytes] = machine.run().data
        return placed.predicted_counters["CYCLES"]

    starts = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32)(start)
    called, total, failed = ctypes.c_int(), ctypes.c_uint64(), ctypes.c_uint32()
    ends = ctypes.byref(called), ctypes.byref(total), ctypes.byref(failed)
    status = library.run(ctypes.c_void_p(memory.ctypes.data), starts, *ends)
    return status, failed.value, called.value, total.value, memory


def test_programs_and_operators_take_turns_on_one_memory(written: Written) -> None:
    status, failed, called, cycles, memory = run(written, build(written.folder))
    assert (status, failed, called) == (Status.OK, STEPS, 2)
    document = written.found.document
    assert cycles == document.predicted_counters["CYCLES"]
    assert cycles == sum(each.predicted_counters["CYCLES"] for each in document.programs)
    *_, last = document.placed_outputs
    whole = memory[last.address : last.address + last.size_bytes]
    expected = written.found.files["expected.bin"]
    assert isinstance(expected, bytes)
    assert whole.tobytes() == expected[-last.size_bytes :]
    element = whole.reshape(last.shape[1], last.shape[2], last.pixel_bytes).view(np.int8)
    np.testing.assert_array_equal(element.transpose(2, 0, 1)[:1], written.expected)
    assert len(np.unique(written.expected)) > 2


def test_a_missing_operator_does_not_link(written: Written) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        build(written.folder, "-DWITHOUT_LAST")
    assert "memory_host_op_3" in caught.value.stderr


def test_memory_holds_the_first_program_s_inputs_alone(written: Written) -> None:
    """The place of another's input is not its own before the run."""
    document = written.found.document
    memory = np.fromfile(written.folder / "memory.bin", np.uint8)
    first, *later = document.placed_inputs
    own = memory[first.address : first.address + first.size_bytes]
    assert hashlib.sha256(own.tobytes()).hexdigest() == first.sha256
    assert any(each.address < first.address + first.size_bytes for each in later)
    assert document.file is not None
    assert [program.name for program in document.programs] == [
        step.name for step in document.file.steps if step.where == "accelerator"
    ]

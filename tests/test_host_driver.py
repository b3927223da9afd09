"""The driver in C that takes the steps of a `.tflite`, the host's among them."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import hwsim
from hwsim.arch.config import load_config
from hwsim.rtl.deliver.example import example_files
from hwsim.rtl.deliver.system_rdl import write_manual
from hwsim.testbenches.driver import FLAGS, Status

MAIN = r"""
#include <stdio.h>
#include <string.h>
#include "accelerator.h"
#include "accelerator_driver.h"
#include "accelerator_host_ops.h"
#include "memory.h"

static unsigned char memory[MEMORY_BYTES];
static const struct accelerator_tensor inputs[MEMORY_INPUTS_COUNT] = MEMORY_INPUTS;
static const struct accelerator_tensor outputs[MEMORY_OUTPUTS_COUNT] = MEMORY_OUTPUTS;
struct values { float image[6 * 6 * 3]; signed char scores[5]; float real_scores[5]; };

static signed char *at(const struct accelerator_tensor *tensor, uint32_t c, uint32_t y, uint32_t x)
{
    uint32_t address = accelerator_element_address(tensor, c, y, x);
    return (signed char *)memory + (address - MEMORY_BASE);
}

int memory_host_op_0(void *context)
{
    struct values *values = context;
    signed char image[6 * 6 * 3];

    accelerator_quantize(values->image, image, sizeof image, (float)inputs[0].scale,
                         inputs[0].zero_point);
    for (uint32_t i = 0; i < sizeof image; ++i)
        *at(inputs, i % 3, i / 18, i / 3 % 6) = image[i];
    return values->image[0] > 1e9f;
}

int memory_host_op_2(void *context)
{
    struct values *values = context;
    signed char logits[5];

    for (uint32_t c = 0; c < 5; ++c)
        logits[c] = *at(outputs, c, 0, 0);
    return accelerator_softmax(logits, values->scores, 1, 5, (float)outputs[0].scale, 1.0f);
}

#ifndef WITHOUT_LAST
int memory_host_op_3(void *context)
{
    struct values *values = context;

    accelerator_dequantize(values->scores, values->real_scores, 5, 0.00390625f, -128);
    return 0;
}
#endif

/* An accelerator that compares memory with what it must find, and leaves what it must leave. */
static uint32_t read32(void *context, uint32_t offset)
{
    (void)context;
    if (offset == 0)
        return ACCELERATOR__IDENTITY__VALUE_reset;
    return offset == MEMORY_OFFSET_BUILD         ? MEMORY_BUILD
           : offset == MEMORY_OFFSET_FINGERPRINT ? MEMORY_FINGERPRINT
           : offset == MEMORY_OFFSET_STATUS      ? ACCELERATOR__INTERRUPT_STATUS__END_bm
                                                 : 0;
}

static void write32(void *context, uint32_t offset, uint32_t value)
{
    static unsigned char expected[MEMORY_BYTES];
    FILE *file;

    (void)context;
    if (offset != MEMORY_OFFSET_CONTROL || value != ACCELERATOR__CONTROL__START_bm)
        return;
    file = fopen("memory.bin", "rb");
    if (!file || fread(expected, 1, MEMORY_BYTES, file) != MEMORY_BYTES || fclose(file))
        return;
    if (memcmp(expected, memory, MEMORY_BYTES))
        return;
    file = fopen("expected.bin", "rb");
    if (!file || !fread(at(outputs, 0, 0, 0), 1, outputs[0].size_bytes, file) || fclose(file))
        return;
}

static int patience(void *context) { (void)context; return 0; }

int main(int argc, char **argv)
{
    const struct accelerator_bus bus = {read32, write32, patience, NULL};
    const struct accelerator_job job = MEMORY_JOB;
    const struct accelerator_step steps[MEMORY_STEPS_COUNT] = MEMORY_STEPS;
    struct accelerator_report report;
    static struct values values;
    uint32_t failed;
    int status;
    FILE *file = fopen("memory.bin", "rb");

    if (!file || fread(memory, 1, MEMORY_BYTES, file) != MEMORY_BYTES || fclose(file))
        return 9;
    memset(at(inputs, 0, 0, 0), 0, inputs[0].size_bytes); /* the first step writes it */
    file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (!file || fread(values.image, sizeof values.image, 1, file) != 1 || fclose(file))
        return 9;
    status = accelerator_run_steps(&bus, &job, steps, MEMORY_STEPS_COUNT, &values, &report,
                                   &failed);
    printf("%d %u", status, (unsigned)failed);
    for (int i = 0; i < 5; ++i)
        printf(" %.9g", values.real_scores[i]);
    printf("\n");
    return 0;
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all files of the network and of the accelerator."""
    pytest.importorskip("tflite", reason="the schema of .tflite is not installed")
    from tests.tflite_small import DIMS, classifier

    folder = tmp_path_factory.mktemp("steps")
    (folder / "small.tflite").write_bytes(classifier("float32").content())
    x = np.random.default_rng(4).normal(0, 1, DIMS).astype(np.float32)
    (folder / "x").write_bytes(x.tobytes())
    np.save(folder / "x.npy", x)
    found = hwsim.compile(folder / "small.tflite", "edge", inputs={"real_image": x})
    contents = {**found.files, **example_files(), "main.c": _main()}
    contents["accelerator.h"] = write_manual(load_config("edge"), "accelerator").header
    for name, content in contents.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    return folder


def run(folder: Path, image: str) -> tuple[int, int, NDArray[np.float32]]:
    command = [str(folder / "main"), image]
    ended = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    status, failed, *scores = ended.stdout.split()
    return int(status), int(failed), np.array(scores, np.float32)


def test_the_outputs_are_those_of_a_run(folder: Path) -> None:
    _build(folder)
    status, failed, scores = run(folder, "x")
    assert (status, failed) == (Status.OK, 4)
    given = {"real_image": np.load(folder / "x.npy")}
    expected = hwsim.run(folder / "small.tflite", "edge", inputs=given).outputs["real_scores"]
    np.testing.assert_array_equal(scores, expected[0])


def test_a_step_that_fails_ends_the_run(folder: Path) -> None:
    _build(folder)
    far = np.full(108, 2e9, np.float32)
    (folder / "far").write_bytes(far.tobytes())
    status, failed, _ = run(folder, "far")
    assert (status, failed) == (Status.HOST_FAILED, 0)


def test_a_missing_operator_does_not_link(folder: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _build(folder, "-DWITHOUT_LAST")
    assert "memory_host_op_3" in caught.value.stderr


def test_names_of_a_file_stay_in_comments(tmp_path: Path) -> None:
    pytest.importorskip("tflite", reason="the schema of .tflite is not installed")
    from tests.tflite_small import classifier

    file = classifier("float32")
    for tensor in file.tensors:
        tensor.name = f"*/ #error {tensor.name} \\\n// /* \u202e"
    (tmp_path / "small.tflite").write_bytes(file.content())
    header = str(hwsim.compile(tmp_path / "small.tflite").files["memory.h"])
    (tmp_path / "memory.h").write_text(header, "utf-8")
    for language, standard in (("c", "c99"), ("c++", "c++17")):
        command = ["cc", "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror"]
        source = tmp_path / "memory.h"
        subprocess.run([*command, "-fsyntax-only", source], check=True, capture_output=True)


def _build(folder: Path, *flags: str) -> None:
    sources = ("main.c", "example.c", "host_ops.c")
    warnings = [flag for flag in FLAGS if flag.startswith(("-W", "-std", "-pedantic"))]
    quiet = [flag for flag in warnings if flag != "-Wmissing-prototypes"]
    command = ["cc", *quiet, *flags, *sources, "-o", "main"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


def _main() -> str:
    """Return the program, with the offsets of registers that its accelerator answers."""
    from hwsim.isa.registers import register

    names = {"BUILD": "BUILD", "FINGERPRINT": "FINGERPRINT", "CONTROL": "CONTROL"}
    names["STATUS"] = "INTERRUPT_STATUS"
    lines = [
        f"#define MEMORY_OFFSET_{short} {register(name).offset}u" for short, name in names.items()
    ]
    return "\n".join([*lines, MAIN])

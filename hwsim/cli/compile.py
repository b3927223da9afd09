"""`hwsim compile`: the memory that the accelerator runs, and what its host must know of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwsim.cli.accelerator import Accelerator
from hwsim.cli.contract import contract_options, images_option
from hwsim.cli.options import (
    common_options,
    current_verbosity,
    image_option,
    input_option,
    json_option,
    network_options,
    out_option,
)
from hwsim.escape import visible

if TYPE_CHECKING:
    from hwsim.report.memory_map import MemoryMap


class AddressType(click.ParamType[int]):
    """An address, in decimal or, with 0x in front, in hexadecimal."""

    name = "ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(str(value), 0)
        except ValueError:
            self.fail(f"'{value}' is not an address such as 0x80000000", param, ctx)


@click.command("compile")
@network_options
@out_option()
@image_option()
@contract_options
@images_option
@input_option
@click.option(
    "--weights", metavar="FILE", help="Darknet weights of NETWORK.  [default: seeded ones]"
)
@click.option(
    "--base",
    type=AddressType(),
    metavar="ADDRESS",
    default=0,
    show_default=True,
    help="Where memory.bin will lie, a multiple of 4096.",
)
@json_option
@common_options
def compile_command(
    network: str,
    accelerator: Accelerator,
    size: tuple[int, int] | None,
    k: int | None,
    kernels: str | None,
    fast_rescale: bool,
    folder: str,
    image: str | None,
    contract: dict[str, str | None] | None,
    images: str | None,
    arrays: tuple[str, ...],
    weights: str | None,
    base: int,
    json: str | None,
) -> None:
    """Write the memory that NETWORK needs on the accelerator of `hwsim rtl` into DIR.

    memory.bin is all of it before START: weights, program and, with --image or --input, the
    inputs. memory.json and memory.h say what goes into the registers and where tensors lie. With
    inputs, expected.bin is what the outputs must be when their program has run, one after the
    other. All files are written or none. NETWORK is quantized once: ~/.cache/hwsim keeps the
    result.
    """
    from hwsim.cli.documents import JsonFile
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.compilation import EXPECTED, MAP, compile_network, file_names
    from hwsim.flows.inputs import array_files, read_arrays
    from hwsim.flows.network import graph_path, load

    level = current_verbosity()
    whole = load(
        network,
        size=size,
        k=k,
        kernels=kernels,
        fast_rescale=fast_rescale,
        images=images,
        contract=None if images is None else contract,
        progress=progress(level),
    )
    config = accelerator.config()
    json_file = JsonFile(json)
    has_inputs = image is not None or bool(arrays)
    paths = {name: str(Path(folder) / name) for name in file_names(has_inputs)}
    files = array_files(whole, arrays)
    with Outputs(graph_path(network), accelerator.file, image, weights, *files.values()) as outputs:
        inputs = read_arrays(whole, files)
        outputs.create_folder(folder)
        for path in paths.values():
            outputs.reserve(path)
        json_file.reserve(outputs)
        earlier = Path(folder) / EXPECTED
        outputs.refuse_input(str(earlier))
        found = compile_network(
            whole,
            config,
            image=image,
            inputs=inputs,
            weights=weights,
            contract=contract,
            base=base,
            progress=progress(level),
        )
        text = str(found.files[MAP])
        contents = {paths[name]: content for name, content in found.files.items()}
        outputs.write(contents | json_file.contents(text))
        if not has_inputs:  # a file of an earlier call belongs to another memory
            earlier.unlink(missing_ok=True)
    json_file.show(text, level, lambda: _print(found.document, folder))


def _print(document: "MemoryMap", folder: str) -> None:
    """Print the files, the register writes and the expected results."""
    from hwsim.flows.compilation import EXPECTED, HEADER, MAP, MEMORY

    has_inputs = document.image is not None or document.arrays
    content = "weights, program and inputs" if has_inputs else "weights and program"
    kinds = {
        MEMORY: f"{content}, from {_hexadecimal(document.base_address)} on",
        EXPECTED: "the outputs, each when its program has run",
        MAP: "registers, counters, tensors",
        HEADER: "the same for C",
    }
    sizes = {file.path: f"{file.size_bytes:,} bytes" for file in document.files}
    click.echo(visible(f"{document.network.name} for {document.config['name']}, in {folder}"))
    if document.file is not None:
        click.echo(f"  {'kernels':16}{document.file.kernels:>18}")
        if document.file.fast_rescale:
            click.echo(f"  {'factors':16}{'16 bits':>18}  as --fast-rescale says")
        for step in document.file.steps:
            click.echo(f"  {'step':16}{step.where:>18}  {visible(step.name)} ({step.kind})")
    for path in (*sizes, MAP, HEADER):
        click.echo(f"  {path:16}{sizes.get(path, ''):>18}  {kinds[path]}")
    for write in document.registers:
        click.echo(f"  {write.name:16}{_hexadecimal(write.value):>18}")
    for program in document.programs[1:]:
        click.echo(f"  {program.name:16}{_hexadecimal(program.address):>18}")
    for end, tensors in (("input", document.placed_inputs), ("output", document.placed_outputs)):
        for tensor in tensors:
            shape, name = "x".join(map(str, tensor.shape)), visible(tensor.name)
            click.echo(
                f"  {end:16}{_hexadecimal(tensor.address):>18}  {tensor.size_bytes:,} bytes, "
                f"{shape}, {name}"
            )
    click.echo(f"  {'predicted cycles':16}{document.predicted_counters['CYCLES']:>18,}")


def _hexadecimal(address: int) -> str:
    return f"{address:#010x}"

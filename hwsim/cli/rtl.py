"""`hwsim rtl`: the accelerator as Verilog, with the files that integrate it into a system."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.cli.accelerator import Accelerator, accelerator_options
from hwsim.cli.options import (
    common_options,
    current_verbosity,
    json_option,
    out_option,
)
from hwsim.escape import visible

if TYPE_CHECKING:
    from hwsim.report.delivery import Delivery

KINDS = {  # by a file's path, where {name} is the top module's
    "{name}.v": "the accelerator",
    "{name}_ram.v": "its memories, for macros",
    "{name}_clock_gate.v": "its clock gate, for a cell",
    "{name}_multiply.v": "its multipliers, for an FPGA's DSPs",
    "{name}.vlt": "what its lint waives, and why",
    "{name}.core": "FuseSoC core file",
    "{name}.sdc": "timing constraints",
    "{name}.rdl": "registers, errors, descriptors: RDL",
    "{name}.h": "registers, errors, descriptors: C",
    "example.c": "a driver in C",
    "{name}_driver.h": "the driver's declarations",
    "host_ops.c": "a .tflite's operators of the host",
    "{name}_host_ops.h": "declarations of these operators",
    "README.md": "how to connect it",
    "html/index.html": "registers, errors, descriptors",
}


@click.command()
@accelerator_options
@out_option()
@click.option(
    "--name",
    metavar="NAME",
    default="accelerator",
    show_default=True,
    help="Name of the top module and of the files.",
)
@json_option
@common_options
def rtl(accelerator: Accelerator, folder: str, name: str, json: str | None) -> None:
    """Write the accelerator as Verilog into DIR.

    Memories and clock gate are modules of their own files, for macros and cells. Beside them: its
    registers as SystemRDL, HTML and a C header, a driver in C, operators of a .tflite for the host
    in C, timing constraints, waivers for lint, a FuseSoC core file, and a README on how to connect
    it. All files are written or none.
    """
    from hwsim.cli.documents import JsonFile
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.delivery import deliver
    from hwsim.report.json_text import json_text

    config = accelerator.config()
    level = current_verbosity()
    json_file = JsonFile(json)
    with Outputs(accelerator.file) as outputs:
        outputs.create_folder(folder)
        json_file.reserve(outputs)

        def reserve(paths: list[str]) -> None:
            for path in paths:
                outputs.create_folder(str(Path(folder, path).parent))
                outputs.reserve(str(Path(folder, path)))

        document, files = deliver(config, name, str(Path(folder)), reserve, progress(level))
        contents = {str(Path(folder, path)): content for path, content in files.items()}
        text = json_text(document)
        outputs.write(contents | json_file.contents(text))
    json_file.show(text, level, lambda: _print(document))


def _print(document: "Delivery") -> None:
    """Print a line per file that a person opens; the other files belong to the HTML pages."""
    name, folder = document.name, document.folder
    click.echo(visible(f"Module {name}, configuration {document.config['name']}, in {folder}"))
    kinds = {path.format(name=name): kind for path, kind in KINDS.items()}
    width = max(map(len, kinds))
    for file in document.files:
        if file.path in kinds:
            click.echo(f"  {file.path:{width}}{file.size_bytes:>11,} bytes  {kinds[file.path]}")

"""`hwsim report`: the main job on a real photograph, as `make run` runs it."""

import sys

import click

from hwsim.cli.accelerator import Accelerator, accelerator_options
from hwsim.cli.options import (
    common_options,
    current_verbosity,
    out_option,
)
from hwsim.escape import visible

NETWORKS = ("tiny-yolov2", "condensation-net")


@click.command()
@out_option(default="report")
@accelerator_options
@common_options
def report(folder: str, accelerator: Accelerator) -> None:
    """Run Tiny-YOLOv2 and Condensation-Net on a photograph, and report what they cost.

    Every stored element is compared with the integer reference; one that differs ends the command
    with status 1. DIR receives index.html with a page per network, and JSON, CSV and a trace of
    each.
    """
    from pathlib import Path

    from hwsim.cli.documents import Wanted
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.execution import run
    from hwsim.report.web_page import index_text

    config = accelerator.config()
    level = current_verbosity()
    index = str(Path(folder) / "index.html")
    wanted = {
        name: Wanted(
            page=str(Path(folder) / f"{name}.html"),
            json=str(Path(folder) / f"{name}.json"),
            csv=str(Path(folder) / f"{name}.csv"),
            trace=str(Path(folder) / f"{name}.trace.json"),
        )
        for name in NETWORKS
    }
    with Outputs(accelerator.file) as outputs:
        outputs.create_folder(folder)
        outputs.reserve(index)
        for files in wanted.values():
            files.reserve(outputs)
        contents: dict[str, str | bytes] = {}
        documents = []
        for network, files in wanted.items():
            found = run(network, config, check=True, progress=progress(level))
            documents.append(found.document)
            contents |= files.contents(found)
            files.show(found, level)
            sys.stdout.flush()
        outputs.write(contents | {index: index_text(documents)})
    if level >= 0:
        click.echo(visible(f"Pages and figures are in {folder}: open {index}"))

"""`hwsim report`: the main job on a real photograph, as `make run` runs it."""

import sys

import click

from hwsim.cli.options import chosen_config, common_options, config_option, current_verbosity

NETWORKS = ("tiny-yolov2", "condensation-net")
PHOTOGRAPH = "rocket"  # not among those that quantization is calibrated on


@click.command()
@click.option("--output", metavar="DIR", default="report", show_default=True, help="Where to.")
@config_option
@common_options
def report(output: str, config_name: str) -> None:
    """Run Tiny-YOLOv2 and Condensation-Net on a photograph, and report what they cost.

    Every stored element is compared with the integer reference; one that differs ends the command
    with status 1. DIR receives index.html with a page per network, and JSON, CSV and a trace of
    each.
    """
    from pathlib import Path

    from hwsim.cli.documents import Wanted
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.execution import run_network, shipped_photograph
    from hwsim.frontends.builtin import build_network
    from hwsim.report.index_page import index_text

    config = chosen_config(config_name, None)
    level = current_verbosity()
    folder = Path(output)
    index = str(folder / "index.html")
    shapes = [build_network(name, weight_bits=config.widths.weight_bits) for name in NETWORKS]
    wanted = [
        Wanted(
            page=str(folder / f"{name}.html"),
            json=str(folder / f"{name}.json"),
            csv=str(folder / f"{name}.csv"),
            trace=str(folder / f"{name}.trace.json"),
        )
        for name in NETWORKS
    ]
    with Outputs() as outputs:
        outputs.create_folder(output)
        outputs.reserve(index)
        for files in wanted:
            files.reserve(outputs)
        image = shipped_photograph(PHOTOGRAPH)
        texts: dict[str, str] = {}
        documents = []
        for graph, files in zip(shapes, wanted, strict=True):
            found, document = run_network(graph, config, image, None, True, progress(level))
            documents.append(document)
            texts |= files.texts(document, found)
            files.show(document, level)
            sys.stdout.flush()
        outputs.write(texts | {index: index_text(documents)})
    if level >= 0:
        click.echo(f"Pages and figures are in {output}: open {index}")

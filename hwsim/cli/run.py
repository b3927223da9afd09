"""`hwsim run`: a network executed bit-exactly on a photograph, and what that cost."""

import click

from hwsim.cli.accelerator import Accelerator
from hwsim.cli.contract import contract_options, images_option
from hwsim.cli.options import (
    common_options,
    current_verbosity,
    image_option,
    input_option,
    is_npz_file,
    network_options,
    output_options,
)


@click.command()
@network_options
@image_option()
@contract_options
@images_option
@input_option
@click.option(
    "--weights", metavar="FILE", help="Darknet weights of NETWORK.  [default: seeded ones]"
)
@click.option("--check", is_flag=True, help="Compare every stored element with the reference.")
@click.option(
    "--save-outputs",
    metavar="FILE.npz",
    callback=is_npz_file,
    help="Write the network's outputs as arrays for numpy, under their names: int8, or as a "
    ".tflite has them.",
)
@output_options
@common_options
def run(
    network: str,
    accelerator: Accelerator,
    size: tuple[int, int] | None,
    k: int | None,
    kernels: str | None,
    fast_rescale: bool,
    image: str | None,
    contract: dict[str, str | None] | None,
    images: str | None,
    arrays: tuple[str, ...],
    weights: str | None,
    check: bool,
    save_outputs: str | None,
    html: str | None,
    json: str | None,
    csv: str | None,
    trace: str | None,
) -> None:
    """Execute NETWORK bit-exactly on a photograph or on arrays, and print what it cost.

    NETWORK is one of `hwsim networks`, a file of darknet's that ends in .cfg, an .onnx, a
    quantized .tflite, or a graph's file.
    Without constants it is quantized after the fact, once: ~/.cache/hwsim keeps the result. With
    --check, an element that differs from the integer reference ends the run with status 1.
    """
    from hwsim.cli.documents import Wanted, page_in
    from hwsim.cli.outputs import Outputs
    from hwsim.cli.progress import progress
    from hwsim.flows.execution import run as execute
    from hwsim.flows.inputs import array_files, check_given, read_arrays
    from hwsim.flows.network import graph_path, load
    from hwsim.flows.progress import single_step

    show_progress = progress(current_verbosity())
    whole = load(
        network,
        size=size,
        k=k,
        kernels=kernels,
        fast_rescale=fast_rescale,
        images=images,
        contract=None if images is None else contract,
        progress=show_progress,
    )
    config = accelerator.config()
    check_given(whole, image, arrays or None)
    files = array_files(whole, arrays)
    with Outputs(graph_path(network), accelerator.file, image, weights, *files.values()) as outputs:
        inputs = read_arrays(whole, files)
        wanted = Wanted(page_in(html, outputs), json, csv, trace, save_outputs)
        wanted.reserve(outputs)
        found = execute(
            whole,
            config,
            image=image,
            inputs=inputs,
            weights=weights,
            contract=contract,
            check=check,
            progress=show_progress,
        )
        with single_step(show_progress, "writing figures"):
            outputs.write(wanted.contents(found))
    wanted.show(found, current_verbosity())

"""`hwsim rtl`: the accelerator as Verilog, with what it takes to put it into a system."""

import json as json_format
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from hwsim.arch.config import Config, load_config
from hwsim.cli.documents import STANDARD_OUTPUT
from hwsim.cli.options import (
    Verbosity,
    common_options,
    config_option,
    current_verbosity,
    out_option,
)
from hwsim.cli.outputs import Outputs
from hwsim.cli.progress import progress
from hwsim.errors import InputError
from hwsim.escape import visible
from hwsim.extras import needing_extra

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")  # serves in Verilog, SystemRDL and C
TAKEN = "memory"  # `hwsim compile` writes memory.h
KINDS = {  # by the end of a file's name
    ".v": "the accelerator, in one file",
    ".vlt": "what its lint waives, and why",
    ".core": "the same two for FuseSoC",
    ".rdl": "registers, errors, descriptors: RDL",
    "_driver.h": "what uses the driver includes",
    ".h": "registers, errors, descriptors: C",
    ".c": "a driver that uses it",
    "README.md": "how to connect it",
    "index.html": "registers, errors, descriptors",
}
HTML = "html"
PAGE = f"{HTML}/index.html"


@click.command()
@config_option
@out_option()
@click.option(
    "--name",
    metavar="NAME",
    default="accelerator",
    show_default=True,
    help="Of the top module, and of the files.",
)
@click.option("--json", metavar="FILE|-", help="Write ports and files; - for standard output.")
@common_options
def rtl(config_name: str, folder: str, name: str, json: str | None) -> None:
    """Write the accelerator as Verilog into DIR.

    Beside it: its registers as SystemRDL, HTML and a C header, a driver in C, waivers for lint, a
    FuseSoC core file, and a README on how to connect it. All files are written or none.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"--name '{name}' must be letters, digits and _, a letter first, up to 63")
    if name.lower() == TAKEN:
        raise InputError(f"--name '{name}' is taken: `hwsim compile` writes {TAKEN}.h")
    if folder == STANDARD_OUTPUT:
        raise InputError("--out -: only --json can go to standard output")
    config = load_config(config_name)
    level = current_verbosity()
    with Outputs() as outputs:
        outputs.create_folder(folder)
        folder = str(Path(folder))
        if json is not None and json != STANDARD_OUTPUT:
            outputs.reserve(json)
        files, ports = _generate(config, folder, name, outputs, level)
        document = _document(config, folder, name, ports, files)
        text = json_format.dumps(document, indent=1) + "\n"
        outputs.write(files | ({json: text} if json not in {None, STANDARD_OUTPUT} else {}))
    if json == STANDARD_OUTPUT:
        sys.stdout.write(text)
    elif level is not Verbosity.QUIET:
        _print(document)


def _generate(
    config: Config, folder: str, name: str, outputs: Outputs, level: Verbosity
) -> tuple[dict[str, str | bytes], dict[str, tuple[str, int]]]:
    """Every file by its path, and the ports. All are reserved before the long part begins."""
    with needing_extra("rtl", "the accelerator's Verilog"):
        from hwsim.rtl.accelerator import accelerator_verilog
        from hwsim.rtl.deliver.example import example_files
        from hwsim.rtl.deliver.fusesoc import core_file
        from hwsim.rtl.deliver.guide import connection_guide
        from hwsim.rtl.deliver.lint import waivers
        from hwsim.rtl.deliver.system_rdl import write_manual
        from hwsim.rtl.deliver.verilog import KEYWORDS
        from hwsim.rtl.deliver.verilog_contents import ports

        if name in KEYWORDS:
            raise InputError(f"--name '{name}' is a keyword of Verilog")
        with progress(level)("writing Verilog", 2) as advance:
            manual = write_manual(config, name)
            files: dict[str, str | bytes] = {
                f"{folder}/{HTML}/{path}": content for path, content in manual.files.items()
            }
            files[f"{folder}/{name}.rdl"] = manual.rdl
            files[f"{folder}/{name}.h"] = manual.header
            files[f"{folder}/{name}.vlt"] = waivers(name)
            files[f"{folder}/{name}.core"] = core_file(config, name)
            files |= {f"{folder}/{path}": text for path, text in example_files(name).items()}
            for path in (*files, f"{folder}/{name}.v", f"{folder}/README.md"):
                outputs.create_folder(path.rpartition("/")[0])
                outputs.reserve(path)
            advance()
            verilog = accelerator_verilog(config, name)
            advance()
    files[f"{folder}/{name}.v"] = verilog
    files[f"{folder}/README.md"] = connection_guide(config, name, verilog)
    return files, ports(verilog, name)


def _document(
    config: Config,
    folder: str,
    name: str,
    ports: dict[str, tuple[str, int]],
    files: dict[str, str | bytes],
) -> dict[str, Any]:
    """What `--json` writes."""
    return {
        "hwsim_version": version("hwsim"),
        "command": "rtl",
        "config": config.model_dump(),
        "name": name,
        "folder": folder,
        "ports": [
            {"name": port, "direction": direction, "bits": bits}
            for port, (direction, bits) in ports.items()
        ],
        "files": [
            {
                "path": path.removeprefix(f"{folder}/"),
                "size_bytes": len(content.encode() if isinstance(content, str) else content),
            }
            for path, content in sorted(files.items())
        ],
    }


def _print(document: dict[str, Any]) -> None:
    """One line per file that somebody opens; the rest belongs to the HTML."""
    config, folder = document["config"]["name"], document["folder"]
    click.echo(visible(f"Module {document['name']}, configuration {config}, in {folder}"))
    width = max(len(f"{document['name']}_driver.h"), len(PAGE))
    for file in document["files"]:
        path = file["path"]
        is_opened = "/" not in path or path == PAGE
        kind = next((kind for end, kind in KINDS.items() if path.endswith(end)), None)
        if is_opened and kind:
            click.echo(f"  {path:{width}}{file['size_bytes']:>12,} bytes  {kind}")

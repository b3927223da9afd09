"""Cycles of hwsim beside those that Arm's Vela estimates for an Ethos-U55 of as many MACs or half.

    python -m benchmarks.vela NETWORK.tflite ...

Vela is no dependency: install `ethos-u-vela==5.2.0` where it does not meet this project's packages,
and name its command in the variable VELA unless it is on the PATH. Both columns are estimates, each
for the memory of its own configuration: `edge` as shipped, and Vela's default system.
"""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

import hwsim
from hwsim.errors import InputError

CONFIG = "edge"
ETHOS_MACS = (128, 256)  # per cycle, as in the names of Vela's accelerators
TOTAL = "cycles_total"
INSTALL = "pip install ethos-u-vela==5.2.0, in an environment of its own"


def vela_command() -> str:
    """Return the path of Vela. Raises `InputError` where it is not installed."""
    named = os.environ.get("VELA", "vela")
    found = shutil.which(named)
    if found is None:
        raise InputError(f"Vela is not installed: there is no command {named!r} ({INSTALL})")
    return found


def vela_cycles(command: str, network: Path, macs: int) -> int:
    """Return the cycles that Vela estimates for one inference."""
    with TemporaryDirectory() as folder:
        arguments = ["--accelerator-config", f"ethos-u55-{macs}", "--output-dir", folder]
        # Its packages are those of its own environment.
        environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [command, str(network), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        summaries = list(Path(folder).glob("*_summary_*.csv"))
        if done.returncode or len(summaries) != 1:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise InputError(f"Vela refuses {network.name}: {''.join(last) or 'without a reason'}")
        with summaries[0].open(newline="") as opened:
            (row,) = csv.DictReader(opened)
        return round(float(row[TOTAL]))


def hwsim_cycles(network: Path, *, fast_rescale: bool) -> int:
    """Return the cycles of one inference on the preset."""
    loaded = hwsim.load(network, fast_rescale=fast_rescale)
    return int(hwsim.estimate(loaded, CONFIG).totals.cycles)


def table(command: str, networks: list[Path]) -> Table:
    """Return a row of cycles for each network."""
    found = Table(title="Cycles of one inference, estimated")
    found.add_column("network")
    for heading in (CONFIG, f"{CONFIG}, --fast-rescale", *(f"Ethos-U55-{n}" for n in ETHOS_MACS)):
        found.add_column(heading, justify="right")
    for network in networks:
        cycles = [hwsim_cycles(network, fast_rescale=is_fast) for is_fast in (False, True)]
        cycles += [vela_cycles(command, network, macs) for macs in ETHOS_MACS]
        found.add_row(network.stem, *(f"{count:,}" for count in cycles))
    return found


def main(arguments: list[str]) -> int:
    if not arguments:
        print("usage: python -m benchmarks.vela NETWORK.tflite ...", file=sys.stderr)
        return 2
    try:
        Console().print(table(vela_command(), [Path(name) for name in arguments]))
    except InputError as error:
        print(f"benchmarks.vela: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""The table of bins that the regression must see, and the files in which tests record them.

A bin that no run has seen is a hole in the tests: `make regress` fails and names it. Nothing is
recorded unless HWSIM_COVERAGE names a folder. `coverage_bins.py` decides which bins a run has seen,
and `axi_monitor.sv` decides it for the bins of the bus.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from hwsim.isa.error_codes import MEANINGS, ErrorCode
from hwsim.program.schedule import WeightScope

FOLDER = "HWSIM_COVERAGE"  # environment: the folder that gets a JSON-lines file per process


class Regression(Enum):
    """The run of the tests that must see a bin; the full one contains the quick one."""

    QUICK = "quick"
    FULL = "full"


class Bin(NamedTuple):
    name: str
    meaning: str
    required: Regression = Regression.QUICK


FULL = Regression.FULL

LAYERS = (
    *(Bin(f"k {k}", f"a layer condenses {k} channels into one") for k in (1, 2, 4, 8)),
    Bin("no spatial pool", "a layer that stores what it computes, pixel by pixel"),
    Bin("spatial pool 2/2", "darknet's maximum of 2x2 values, side by side"),
    Bin("spatial pool 2/1", "darknet's maximum of 2x2 values at every pixel"),
    Bin("other spatial pool", "a maximum of other windows"),
    *(Bin(f"kernel {n}", f"a convolution of {n}x{n}") for n in (1, 3)),
    Bin("packed image", "an image's taps fill the lanes"),
    Bin("diagonal", "output lanes see only their own channel, tap after tap"),
    Bin("chained", "output lanes see nine taps of their own channel at a time", FULL),
    Bin("stride", "a source of stride 2 or more"),
    Bin("dilation", "a source whose taps have gaps"),
    Bin("kernel in parts", "a kernel of more taps than a COMPUTE has fields for"),
    Bin("upsampling", "a source each of whose pixels is seen as 2x2"),
    Bin("slice", "a source of some of a tensor's channels"),
    Bin("grouped", "a source whose filters see some of its channels"),
    Bin("unequal padding", "a source with other padding on one side than on another"),
    Bin("several sources", "a layer that adds up several sources"),
    Bin("two limbs", "a layer whose weights are read in two parts"),
    Bin("clamp", "a layer stores only some of the values of int8"),
    Bin("table", "a layer stores a function of its values"),
    Bin("rounded twice", "a layer rounds some lanes twice"),
    Bin("wide factors", "a layer whose factors the rescale multiplies by in two cycles"),
    Bin("negative factor", "a layer whose negative sums change their sign"),
    Bin("two shifts", "a layer whose negative sums are shifted by a number of their own"),
    Bin("reduction only", "a pass reads maps back and reduces them: one filter per channel"),
    Bin("leaky positive", "a stored value comes from the first multiplier"),
    Bin("leaky negative", "a stored value comes from the multiplier of negative sums"),
    Bin("saturated low", "an output is -128"),
    Bin("saturated high", "an output is 127"),
    *(
        Bin(f"border {side}", f"a tile has taps outside the input: {side}")
        for side in ("top", "bottom", "left", "right")
    ),
)

SCHEDULES = (
    Bin("several tiles", "an output block has more than one tile"),
    Bin("several bands", "a layer is cut into bands of rows"),
    Bin("several stripes", "a layer is cut into stripes of columns", FULL),
    Bin(
        "several sweeps",
        "a layer's weights are loaded in parts, for each of which it is read",
        FULL,
    ),
    Bin("several output blocks", "a layer has more filters than output lanes"),
    Bin("several input blocks", "a tile reduces over more channels than input lanes"),
    Bin("empty input lanes", "the last input block is not full"),
    Bin("empty output lanes", "the last output block is not full"),
    *(
        Bin(f"weights per {scope.value}", f"weights stay for a {scope.value}", required)
        for scope, required in (
            (WeightScope.STAGE, Regression.QUICK),
            (WeightScope.BAND_SET, FULL),
            (WeightScope.TILE, FULL),
        )
    ),
    Bin("window in front of tile", "a pool window begins above its tile or on its left"),
    Bin("multi-block bundle", "several output blocks share a word: byte_offset is not 0"),
    Bin("multi-word bundle", "an output block fills several words", FULL),
    Bin("bundle set", "one STORE writes several bundles of a tile"),
    Bin("load wraps ring", "one LOAD writes the last and the first row of a ring", FULL),
    Bin("tile wraps ring", "one tile reads the last and the first row of a ring", FULL),
    Bin("weights released", "a tile's weights leave the queue as they are read"),
    Bin("weights kept", "a tile's weights stay for a later tile"),
    Bin("weights behind head", "a tile's weights do not start at the head of the queue"),
    Bin("page load", "a program has more than one page"),
)

BUILDS = (
    Bin("weights of 8 bits", "a build with weight_bits = 8"),
    Bin("weights of 4 bits", "a build with weight_bits = 4"),
    Bin("multiplier of 16 bits", "a build with multiplier_bits = 16"),
    Bin("multiplier of 32 bits", "a build with multiplier_bits = 32", FULL),
    Bin("channel pool built", "a build with a channel pool"),
    Bin("channel pool left out", "a build without a channel pool"),
    Bin("tables built", "a build with tables"),
    Bin("tables left out", "a build without tables"),
)

WAITS = (
    Bin(
        "load waited for computes",
        "a LOAD began in the cycle of the tile that it waited for",
        FULL,
    ),
    Bin("load waited for stores", "a LOAD began in the cycle of the store that it waited for"),
    Bin("tile waited for chunks", "the array stood still for features"),
    Bin(
        "drain waited for stores",
        "a drain began in the cycle in which the store that it waited for had left staging",
    ),
    Bin("store waited for drains", "a STORE began in the cycle of the drain that it waited for"),
    Bin("end waited for stores", "END was reached in the cycle of the last store"),
    Bin("tile waited for weights", "the array stood still for weights"),
    Bin("tile waited for bank", "the array stood still for a bank of accumulators"),
)

BUS = (  # in the order of the bits of `seen` in axi_monitor.sv
    *(Bin(f"{name} held", f"{name}VALID waited for {name}READY") for name in ("AR", "AW", "W")),
    Bin("R gap", "a cycle without a beat within a burst that is read"),
    Bin("B late", "a burst was written out before the one before it had its response"),
    *(
        bin_
        for way in ("read", "write")
        for bin_ in (
            Bin(f"{way} cut at 4 KiB", f"a 4 KiB boundary cut a run of {way}s into two bursts"),
            Bin(f"full {way} burst", f"a {way} burst of burst_beats"),
            Bin(f"{way} burst of 1", f"a {way} burst of one beat"),
        )
    ),
    Bin("reads outstanding", "as many read bursts unanswered as outstanding_reads allows"),
    Bin(
        "data before address",
        "the first beat of a burst was offered before its address was accepted",
    ),
)

RUNS = (
    Bin("runs without reset", "a run behind another without a reset between them"),
    Bin("run after error", "a run to its END behind one that ended with an error"),
    Bin("start while busy", "START during a run: refused"),
    Bin("window written while busy", "a window or PROGRAM_ADDRESS written during a run: refused"),
    Bin("interrupt", "the interrupt line rose, and fell when its cause was cleared"),
    *(
        Bin(f"abort while {doing}", f"ABORT in a cycle in which the accelerator was {doing}")
        for doing in ("reading", "writing", "computing")
    ),
    *(Bin(f"error {code.name.lower()}", MEANINGS[code]) for code in ErrorCode),
)

GROUPS: dict[str, tuple[Bin, ...]] = {
    "layers": LAYERS,
    "schedules": SCHEDULES,
    "builds": BUILDS,
    "waits": WAITS,
    "bus": BUS,
    "runs": RUNS,
}
BINS = {bin_.name: bin_ for group in GROUPS.values() for bin_ in group}


def record(names: Iterable[str]) -> None:
    """Record that the running test saw these bins; an unknown name raises `KeyError`."""
    seen = sorted(BINS[name].name for name in set(names))
    if seen and os.environ.get(FOLDER):
        folder = Path(os.environ[FOLDER])
        folder.mkdir(parents=True, exist_ok=True)
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        with (folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
            print(json.dumps({"test": test, "bins": seen}), file=file)


def recorded(folder: Path) -> dict[str, list[str]]:
    """Return every bin that was seen, in the order of the table, with the tests that saw it."""
    tests: dict[str, set[str]] = defaultdict(set)
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            entry = json.loads(line)
            for name in entry["bins"]:
                tests[name].add(entry["test"])
    return {name: sorted(tests[name]) for name in BINS if name in tests}


def missing(seen: Iterable[str], regression: Regression) -> list[Bin]:
    """Return the bins that this regression had to see and did not see."""
    found = set(seen)
    return [
        bin_
        for bin_ in BINS.values()
        if bin_.name not in found and regression in {bin_.required, Regression.FULL}
    ]

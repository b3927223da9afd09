"""The rate of a sweep, and a sweep whose workers are killed: `python -m benchmarks.sweep`.

    python -m benchmarks.sweep rate [NETWORK]       points a minute and core; two workers, one
    python -m benchmarks.sweep soak POINTS SECONDS  a worker is killed every so many seconds

The soak's rows are compared with those of a sweep in one process.
"""

import os
import random
import signal
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import hwsim
from hwsim.exploration.space import Space, read_space

NETWORK = "tiny-yolov2"
SPACE = (
    "array.output_lanes=16,32,64",
    "buffers.feature_bytes=32K:1M:x2",
    "memory.bandwidth_bytes_per_cycle=4,8,16",
)
SOAKED = "tiny-yolov2-mini"
SEED = 1


def rate(network: str = NETWORK) -> None:
    """Print how many points a minute one worker and two price, in processes of their own."""
    space = read_space(SPACE)
    seconds = {}
    for workers in (1, 2):
        start = monotonic()
        found = hwsim.sweep(network, vary=space, workers=workers)
        seconds[workers] = monotonic() - start
        legal = int(found["refused"].isna().sum())
        each = 60 * legal / seconds[workers] / workers
        print(
            f"{workers} workers: {legal} points in {seconds[workers]:.1f} s: "
            f"{each:,.0f} a minute and core"
        )
    print(f"efficiency of two: {seconds[1] / seconds[2] / 2:.0%}")


def soak(points: int, pause: float) -> None:
    """Kill a worker now and then; compare the rows with those of one process."""
    space = _space(points)
    ended = threading.Event()
    killed = 0
    drawn = random.Random(SEED)

    def kill() -> None:
        nonlocal killed
        while not ended.wait(pause):
            workers = _workers()
            if workers:
                os.kill(drawn.choice(workers), signal.SIGKILL)
                killed += 1

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with TemporaryDirectory() as folder:
        found = hwsim.sweep(SOAKED, vary=space, out=folder, workers=2)
        ended.set()
        killer.join()
    print(f"{len(found):,} points, {killed} workers killed")
    alone = hwsim.sweep(SOAKED, vary=space, workers=1)
    print("equal to those of one process" if found.equals(alone) else "NOT equal")
    sys.exit(0 if found.equals(alone) else 1)


def _space(points: int) -> Space:
    """Return a space of at least so many points, a third of which are refused."""
    latencies = min(-(-points // 6), 1000)
    bandwidths = -(-points // (6 * latencies))
    return read_space(
        [
            "array.output_lanes=8,16,24",
            "buffers.feature_bytes=32K,64K",
            f"memory.latency_cycles=1:{latencies}:+1",
            f"memory.bandwidth_bytes_per_cycle=8:{8 + (bandwidths - 1) / 8}:+0.125",
        ]
    )


def _workers() -> list[int]:
    """Return the processes that price: the children of the processes that watch over them."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if b"spawn_main" in command and parent == os.getpid():
                found.append(int(folder.name))
    return found


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["rate"]
    if what == "soak":
        soak(int(rest[0]), float(rest[1]))
    else:
        rate(*rest[:1])

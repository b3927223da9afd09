"""A trace of a run's events with their cycles, to compare timeline and hardware by hand."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge

TRACE = "HWSIM_TRACE"  # environment: the file that receives every run's events


@contextmanager
def traced(dut: Any, title: str) -> Iterator[None]:
    """Append the events of a run on `network.sv` to the file that the environment may name."""
    path = os.environ.get(TRACE)
    if path is None:
        yield
        return
    trace = Trace(dut)
    task = cocotb.start_soon(trace.follow())
    try:
        yield
    finally:
        task.cancel()
        with Path(path).open("a", encoding="utf-8") as output:
            print(title, file=output)
            output.writelines(trace.lines)


class Trace:
    """Reads internal signals of the accelerator by name, cycle by cycle.

    They are those that `trace.vlt` makes visible: `network_bench.build` takes it where the
    environment names a trace. `lines` has one per event: cycle (start is 0), unit, event, details.
    """

    def __init__(self, dut: Any):
        self._dut, self._core = dut, dut.accelerator.core
        self._start: int | None = None  # cycle of the bench
        self.lines: list[str] = []
        self._read_beats = self._write_beats = 0
        self._tile = self._block = self._drain = -1
        self._tile_begins = False
        self._draining = False
        self._tokens = dict.fromkeys(("chunks", "computes", "drains", "staged", "stores"), 0)
        self._steps: list[Callable[[int], None]] = [
            self._read,
            self._weights,
            self._issue,
            self._drains,
            self._write,
            self._token,
        ]

    def _note(self, cycle: int, unit: str, event: str, *details: object) -> None:
        words = (f"{cycle:8d} {unit:8s} {event:14s}", *map(str, details))
        self.lines.append(" ".join(words) + "\n")

    async def follow(self) -> None:
        """Step from falling edge to falling edge until cancelled."""
        cycle = 0
        while True:
            self.step(cycle)
            await FallingEdge(self._dut.clk)
            cycle += 1

    def step(self, cycle: int) -> None:
        if self._dut.started.value:
            self._start = cycle
        if self._start is not None:
            for step in self._steps:
                step(cycle - self._start)

    def _read(self, cycle: int) -> None:
        dut = self._dut
        if dut.arvalid.value:
            self._note(
                cycle,
                "read",
                "address",
                f"{int(dut.araddr.value):#x}",
                f"beats {int(dut.arlen.value) + 1}",
            )
        if dut.rvalid.value and dut.rready.value:
            last = bool(dut.rlast.value)
            if self._read_beats == 0:
                self._note(cycle, "read", "first beat")
            self._read_beats = 0 if last else self._read_beats + 1
            if last:
                self._note(cycle, "read", "last beat")

    def _weights(self, cycle: int) -> None:
        queue = self._core.weight_queue
        if queue.reading.value:
            index, parameters = int(queue.index.value), bool(queue.of_parameters.value)
            if index == 0:
                self._note(cycle, "weights", "first read", "parameters" if parameters else "block")

    def _issue(self, cycle: int) -> None:
        issue = self._core.issue
        if self._tile_begins:
            self._tile += 1
            self._block = -1
            self._note(cycle, "array", "tile begins", f"tile {self._tile}")
        self._tile_begins = bool(issue.begins_tile.value)  # valid in the next cycle
        if issue.weights__taken.value:
            self._block += 1
            self._note(
                cycle, "array", "first pixel", f"tile {self._tile}", f"weight block {self._block}"
            )
        if issue.issued.value:
            self._note(cycle, "array", "last pixel", f"tile {self._tile}")

    def _drains(self, cycle: int) -> None:
        drain = self._core.drain.walk
        if drain.read.value and not self._draining:
            self._drain += 1
            self._draining = True
            self._note(cycle, "drain", "first read", f"tile {self._drain}")
        if drain.drained.value:
            self._draining = False
            self._note(cycle, "drain", "last read", f"tile {self._drain}")

    def _write(self, cycle: int) -> None:
        dut = self._dut
        if dut.awvalid.value:
            self._note(
                cycle,
                "write",
                "address",
                f"{int(dut.awaddr.value):#x}",
                f"beats {int(dut.awlen.value) + 1}",
            )
        if dut.wvalid.value and dut.wready.value:
            last = bool(dut.wlast.value)
            if self._write_beats == 0:
                self._note(cycle, "write", "first beat")
            self._write_beats = 0 if last else self._write_beats + 1
            if last:
                self._note(cycle, "write", "last beat")
        if dut.bvalid.value and dut.bready.value:
            self._note(cycle, "write", "response")

    def _token(self, cycle: int) -> None:
        for name, before in self._tokens.items():
            count = int(getattr(self._core.tokens, f"{name}__count").value)
            if count != before:
                self._tokens[name] = count
                self._note(cycle, "token", name, count)
        if self._core.supervision__ended.value:
            self._note(cycle, "end", "taken")

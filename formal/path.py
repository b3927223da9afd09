"""No descriptor, wherever it points, puts an address outside the windows on the bus."""

from typing import Any

from amaranth.hdl import Signal
from amaranth.lib import data, wiring

from formal.addresses import is_aligned, keeps_to_4_kib, lies_in_any
from formal.proof import Proof
from formal.streams import drive
from hwsim.arch.config import Config
from hwsim.rtl.memory.load import Load
from hwsim.rtl.memory.read_manager import ReadManager
from hwsim.rtl.memory.store import Store
from hwsim.rtl.memory.write_manager import WriteManager
from hwsim.rtl.program.run import WINDOW

CYCLES = 8  # of which the first four pass before an address can stand on the bus


def load_path(config: Config) -> Proof:
    """`load` and `read_manager` are connected as in `core`; the windows stand still."""
    proof = Proof()
    m = proof.module
    m.submodules.load = load = Load(config)
    m.submodules.manager = manager = ReadManager(config)
    wiring.connect(m, load.o, manager.i)
    windows = proof.constant(data.ArrayLayout(WINDOW, 2), "windows")
    m.d.comb += [
        load.windows.constants.eq(windows[0]),
        load.windows.features.eq(windows[1]),
    ]
    _drive_descriptors(proof, load.i, config)
    proof.leave_free(load, "launch", "computes", "stores", "released")
    proof.leave_free(manager, "stop", "bus")
    bus = manager.bus
    _claim_in_windows(proof, "ar", bus.arvalid, bus.araddr, bus.arlen, windows, config)
    return proof


def store_path(config: Config) -> Proof:
    """`store` and `write_manager` are connected as in `core`; the window stands still."""
    proof = Proof()
    m = proof.module
    m.submodules.store = store = Store(config)
    m.submodules.manager = manager = WriteManager(config)
    wiring.connect(m, store.o, manager.i)
    windows = proof.constant(data.ArrayLayout(WINDOW, 1), "windows")
    m.d.comb += store.window.eq(windows[0])
    _drive_descriptors(proof, store.i, config)
    proof.leave_free(store, "drains")
    proof.leave_free(manager, "stop", "bus", "staging", "features")
    bus = manager.bus
    _claim_in_windows(proof, "aw", bus.awvalid, bus.awaddr, bus.awlen, windows, config)
    return proof


def _drive_descriptors(proof: Proof, port: Any, config: Config) -> None:
    """Offer anything that passes the descriptor check: aligned, and of one word or more."""
    drive(proof, port, "i")
    descriptor = port.payload
    for name in ("address", "row_stride_bytes", "block_stride_bytes"):
        proof.promise(is_aligned(descriptor[name], config))
    for name in ("row_words", "rows", "blocks"):
        proof.promise(descriptor[name] != 0)


def _claim_in_windows(
    proof: Proof, name: str, valid: Signal, address: Signal, last_beat: Signal,
    windows: data.View, config: Config,
) -> None:  # fmt: skip
    """Claim that every burst lies in a window and breaks no rule of AXI4."""
    beats = last_beat + 1
    proof.reach(f"{name}: a burst of several words", valid & (beats > 1))
    proof.claim(
        f"{name}: in a window", ~valid | lies_in_any(windows, address, beats, config), CYCLES
    )
    proof.claim(
        f"{name}: never across 4 KiB", ~valid | keeps_to_4_kib(address, beats, config), CYCLES
    )
    proof.claim(f"{name}: aligned", ~valid | is_aligned(address, config))
    proof.claim(f"{name}: 1 to `burst_beats` beats", ~valid | (beats <= config.burst_words))

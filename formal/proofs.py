"""All proofs of the hardware, by name."""

from functools import partial

from formal.burst_guard import burst_guard
from formal.bursts import bursts
from formal.distributor import distributor
from formal.path import load_path, store_path
from formal.proof import Proof
from formal.queue import queue
from formal.read_manager import read_manager
from formal.registers import registers
from formal.runs import runs
from formal.window_guard import window_guard
from formal.write_manager import write_manager
from hwsim.arch.config import Config, load_config
from hwsim.arch.sections import Bus
from hwsim.isa.fields import QUEUE_DEPTH
from hwsim.rtl.memory.write_manager import WriteManager

CONFIG = load_config("nano")
LEAST_DEPTH = 3  # of a queue
FEW = 4  # bursts, or beats of one: what a solver can follow


def _with_small_bus() -> Config:
    bus = Bus(bus_bits=CONFIG.word_bits, burst_beats=FEW, outstanding_reads=FEW)
    return CONFIG.model_copy(update={"bus": bus})


PROOFS: dict[str, partial[Proof]] = {
    f"queue of {LEAST_DEPTH}": partial(queue, LEAST_DEPTH),
    f"queue of {WriteManager.BURSTS_AHEAD}": partial(queue, WriteManager.BURSTS_AHEAD),
    f"queue of {QUEUE_DEPTH}": partial(queue, QUEUE_DEPTH),
    "runs": partial(runs, CONFIG),
    "bursts": partial(bursts, CONFIG),
    "window guard": partial(window_guard),
    "burst guard": partial(burst_guard, CONFIG),
    "distributor": partial(distributor),
    "read manager": partial(read_manager, _with_small_bus()),
    "write manager": partial(write_manager, _with_small_bus()),
    "load path": partial(load_path, CONFIG),
    "store path": partial(store_path, CONFIG),
    "registers": partial(registers, CONFIG),
}


def proof_of(name: str) -> Proof:
    """Return one of `PROOFS`, finished."""
    proof = PROOFS[name]()
    proof.finish()
    return proof

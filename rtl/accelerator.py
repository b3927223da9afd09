"""The accelerator: its units, the tokens between them, and the AXI4 ports."""

from amaranth.back import verilog
from amaranth.hdl import Module, Mux, Signal, ValueLike
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwsim import pipeline
from hwsim.config import Config
from hwsim.program.fields import TOKEN_BITS, Destination, Opcode
from rtl.accumulators import Accumulators
from rtl.axi4 import PREFIX, axi4_ports, constants
from rtl.bursts import ADDRESS_BITS
from rtl.convolution import Convolution
from rtl.distributor import Distributor
from rtl.drain import DRAIN, Drain
from rtl.issue import ISSUE, Issue
from rtl.load import LOAD, Load
from rtl.operands import Operands
from rtl.parameters import Parameters
from rtl.read_manager import ReadManager
from rtl.staging import Staging
from rtl.store import STORE, Store
from rtl.weight_queue import WEIGHTS, WeightQueue
from rtl.write_manager import WriteManager

COUNTER_BITS = 32
TRAFFIC = ("program", "weights", "features_read", "features_written")


class Accelerator(wiring.Component):
    """Runs one program per `start`, from its first descriptor to END.

    `start` is a pulse while the accelerator idles; `done` rises `END_VISIBLE` cycles after END's
    stores and stays until the next start. The counters hold the bytes of the last run that crossed
    the bus, beats x word.

    Members
    -------
    start, program_address : In
    done : Out(1)
    bytes_program, bytes_weights, bytes_features_read, bytes_features_written : Out(32)
    m_axi_* : the AXI4 manager
    """

    LOAD_VISIBLE = ReadManager.WORD_LATENCY + 1  # and the count of words or chunks
    ISSUE_VISIBLE = 1
    STORE_VISIBLE = 1
    END_VISIBLE = 1
    assert (LOAD_VISIBLE, ISSUE_VISIBLE) == (pipeline.LOAD_VISIBLE, pipeline.ISSUE_VISIBLE)
    assert (STORE_VISIBLE, END_VISIBLE) == (pipeline.STORE_VISIBLE, pipeline.END_VISIBLE)

    def __init__(self, config: Config):
        self._config = config
        assert config.array.rescale_lanes <= config.array.input_lanes, "one word per drain cycle"
        super().__init__(
            {
                "start": In(1),
                "program_address": In(ADDRESS_BITS),
                "done": Out(1),
            }
            | {f"bytes_{name}": Out(COUNTER_BITS) for name in TRAFFIC}
            | axi4_ports(config)
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._instantiate(m)
        self._connect_loads(m)
        self._connect_compute(m)
        self._connect_stores(m)
        self._count_tokens(m)
        self._count_bytes(m)
        self._connect_axi4(m)
        return m

    def _instantiate(self, m: Module) -> None:
        config = self._config
        m.submodules.distributor = self.distributor = Distributor(
            config,
            {
                "load": (Opcode.LOAD, LOAD),
                "weights": (Opcode.COMPUTE, WEIGHTS),
                "issue": (Opcode.COMPUTE, ISSUE),
                "drain": (Opcode.COMPUTE, DRAIN),
                "store": (Opcode.STORE, STORE),
            },
        )
        m.submodules.load = self.load = Load(config)
        m.submodules.read_manager = self.read_manager = ReadManager(config)
        m.submodules.features = self.features = Memory(
            shape=config.bus.bus_bits, depth=config.feature_words, init=[]
        )
        m.submodules.weight_queue = self.weight_queue = WeightQueue(config)
        m.submodules.issue = self.issue = Issue(config)
        m.submodules.operands = self.operands = Operands(config)
        m.submodules.convolution = self.convolution = Convolution(config)
        m.submodules.accumulators = self.accumulators = Accumulators(config)
        to_sums = Issue.LATENCY + Operands.LATENCY + self.convolution.latency
        assert to_sums + Accumulators.ACCUMULATED == pipeline.accumulate(config)
        m.submodules.parameters = self.parameters = Parameters(config)
        m.submodules.drain = self.drain = Drain(config)
        m.submodules.staging = self.staging = Staging(config)
        m.submodules.store = self.store = Store(config)
        m.submodules.write_manager = self.write_manager = WriteManager(config)

        self.chunks, self.computes, self.drains, self.stores = (
            Signal(TOKEN_BITS, name=name) for name in ("chunks", "computes", "drains", "stores")
        )
        for unit in (self.distributor, self.load, self.weight_queue, self.issue, self.drain):
            m.d.comb += unit.start.eq(self.start)

    def _connect_loads(self, m: Module) -> None:
        """Bus to program buffer, weight queue and feature buffer."""
        distributor, load, word = self.distributor, self.load, self.read_manager.o
        wiring.connect(m, distributor.load, load.i)
        wiring.connect(m, load.o, self.read_manager.i)

        def arrives(destination: Destination) -> ValueLike:
            return word.valid & (word.payload.destination == destination)

        write = self.features.write_port()
        m.d.comb += [
            load.program_address.eq(self.program_address),
            load.computes.eq(self.computes),
            load.stores.eq(self.stores),
            load.released.eq(self.weight_queue.released),
            distributor.write.eq(arrives(Destination.PROGRAM)),
            distributor.data.eq(word.payload.data),
            distributor.stores.eq(self.stores),
            self.weight_queue.write.eq(arrives(Destination.WEIGHTS)),
            self.weight_queue.data.eq(word.payload.data),
            write.addr.eq(word.payload.buffer_address),
            write.data.eq(word.payload.data),
            write.en.eq(arrives(Destination.FEATURES)),
            self.done.eq(distributor.done),
        ]

    def _connect_compute(self, m: Module) -> None:
        """Buffers to array, accumulators, drain and staging."""
        distributor, weights = self.distributor, self.weight_queue
        issue, operands, convolution = self.issue, self.operands, self.convolution
        accumulators, parameters, drain = self.accumulators, self.parameters, self.drain
        wiring.connect(m, distributor.weights, weights.tile)
        wiring.connect(m, distributor.issue, issue.tile)
        wiring.connect(m, distributor.drain, drain.tile)
        wiring.connect(m, issue.o, operands.i)
        wiring.connect(m, operands.o, convolution.i)
        wiring.connect(m, convolution.o, accumulators.i)
        wiring.connect(m, drain.o, self.staging.i)
        for unit_input in (convolution.weights, parameters.i):
            m.d.comb += [
                unit_input.valid.eq(weights.o.valid),
                unit_input.payload.eq(weights.o.payload),
            ]
        read = self.features.read_port()
        m.d.comb += [
            weights.shadow_taken.eq(issue.shadow_taken),
            weights.drained.eq(drain.drained),
            issue.shadow_full.eq(weights.shadow_full),
            issue.chunks.eq(self.chunks),
            issue.drained.eq(drain.drained),
            read.addr.eq(issue.o.payload.address),
            read.en.eq(issue.o.valid),
            operands.word.eq(read.data),
            accumulators.index.eq(convolution.index),
            accumulators.drain_enable.eq(drain.enable),
            accumulators.drain_index.eq(drain.index),
            accumulators.drain_bank.eq(drain.bank),
            parameters.bank.eq(drain.bank),
            parameters.group.eq(drain.group),
            drain.accumulators.eq(accumulators.drain_data),
            drain.parameters.eq(parameters.o),
            drain.accumulated.eq(accumulators.accumulated),
            drain.parameters_full.eq(weights.parameters_full),
            drain.stores.eq(self.stores),
        ]

    def _connect_stores(self, m: Module) -> None:
        store, writes, staging = self.store, self.write_manager, self.staging
        wiring.connect(m, self.distributor.store, store.i)
        wiring.connect(m, store.o, writes.i)
        m.d.comb += [
            store.drains.eq(self.drains),
            staging.read_enable.eq(writes.read_enable),
            staging.read_address.eq(writes.read_address),
            writes.word.eq(staging.word),
        ]

    def _count_tokens(self, m: Module) -> None:
        word, staged = self.read_manager.o, self.drain.o
        m.d.sync += [
            self.chunks.eq(self.chunks + (word.valid & word.payload.ends_chunk)),
            self.computes.eq(self.computes + self.issue.issued),
            self.drains.eq(self.drains + (staged.valid & staged.payload.last)),
            self.stores.eq(self.stores + self.write_manager.stored),
        ]
        with m.If(self.start):
            m.d.sync += [
                token.eq(0) for token in (self.chunks, self.computes, self.drains, self.stores)
            ]

    def _count_bytes(self, m: Module) -> None:
        word, writes = self.read_manager.o, self.write_manager
        arrives = {
            "program": word.valid & (word.payload.destination == Destination.PROGRAM),
            "weights": word.valid & (word.payload.destination == Destination.WEIGHTS),
            "features_read": word.valid & (word.payload.destination == Destination.FEATURES),
            "features_written": writes.wvalid & writes.wready,
        }
        for name in TRAFFIC:
            counter = getattr(self, f"bytes_{name}")
            step = Mux(arrives[name], self._config.word_bytes, 0)
            m.d.sync += counter.eq(Mux(self.start, 0, counter + step))

    def _connect_axi4(self, m: Module) -> None:
        reads, writes = self.read_manager, self.write_manager
        inputs = {
            reads: ("arready", "rvalid", "rdata", "rlast"),
            writes: ("awready", "wready", "bvalid"),
        }
        outputs = {
            reads: ("arvalid", "araddr", "arlen", "rready"),
            writes: ("awvalid", "awaddr", "awlen", "wvalid", "wdata", "wlast", "bready"),
        }
        for unit, names in inputs.items():
            m.d.comb += [getattr(unit, name).eq(getattr(self, PREFIX + name)) for name in names]
        for unit, names in outputs.items():
            m.d.comb += [getattr(self, PREFIX + name).eq(getattr(unit, name)) for name in names]
        m.d.comb += [
            getattr(self, name).eq(value) for name, value in constants(self._config).items()
        ]


def accelerator_verilog(config: Config, name: str = "accelerator") -> str:
    """The whole accelerator as one Verilog source that needs nothing else."""
    text: str = verilog.convert(Accelerator(config), name=name, emit_src=False)
    return text

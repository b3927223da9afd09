"""The core: the units that run a program, and how they are connected."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import ACCUMULATOR_BANKS, Config
from hwsim.isa.fields import Opcode
from hwsim.rtl.arithmetic.accumulators import Accumulators
from hwsim.rtl.arithmetic.convolution import Convolution
from hwsim.rtl.arithmetic.drain import Drain
from hwsim.rtl.arithmetic.drain_walk import DRAIN, DrainWalk
from hwsim.rtl.arithmetic.parameters import Parameters
from hwsim.rtl.host.counters import EVENTS
from hwsim.rtl.memory.axi4 import Axi4Read, Axi4Write
from hwsim.rtl.memory.bus_width import ReadWidth, WriteWidth
from hwsim.rtl.memory.load import LOAD, Load
from hwsim.rtl.memory.read_manager import ReadManager
from hwsim.rtl.memory.staging import Staging
from hwsim.rtl.memory.store import STORE, Store
from hwsim.rtl.memory.word_router import WordRouter
from hwsim.rtl.memory.write_manager import WriteManager
from hwsim.rtl.operands.chain import Operands
from hwsim.rtl.operands.feature_buffer import FeatureBuffer
from hwsim.rtl.operands.issue import Issue
from hwsim.rtl.operands.pixel import ISSUE
from hwsim.rtl.operands.weight_queue import WEIGHTS, WeightQueue
from hwsim.rtl.program.distributor import Distributor
from hwsim.rtl.program.fetch import Fetch
from hwsim.rtl.program.run import WAITING, WINDOWS, Launch, Supervision
from hwsim.rtl.program.supervisor import Supervisor
from hwsim.rtl.program.tokens import Tokens


class Core(wiring.Component):
    """Runs one program from `launch.start` to END. It must be reset before it is started again.

    Descriptors go from fetch through the distributor to the queues of the units. Load, the array
    and store work through theirs side by side and wait for each other's tokens:

        load -> read manager -> word router -> feature buffer -> operands -> convolution
                                  |  '-> weight queue ------------------------^  |
                                  '-> fetch   '-> parameters -v                  v
        store -> write manager <- staging <--------------- drain <------ accumulators

    Members
    -------
    launch : In(Launch)
    windows : In(WINDOWS)
        Stand still during a run.
    supervision : Out(Supervision)
    events : Out(EVENTS)
        What the counters count in this cycle.
    read_bus : Out(Axi4Read)
    write_bus : Out(Axi4Write)
    """

    LOAD_VISIBLE = ReadManager.WORD_LATENCY + 1  # and the count of words or chunks
    ISSUE_VISIBLE = Tokens.LATENCY
    STAGED_VISIBLE = WriteManager.STAGED + Tokens.LATENCY  # also KEPT_VISIBLE
    KEPT_READABLE = STAGED_VISIBLE + 1  # Issue decides a cycle ahead
    STORE_VISIBLE = WriteManager.STORED + Tokens.LATENCY
    END_VISIBLE = Distributor.END + 1
    assert (LOAD_VISIBLE, ISSUE_VISIBLE) == (pipeline.LOAD_VISIBLE, pipeline.ISSUE_VISIBLE)
    assert STAGED_VISIBLE == pipeline.STAGED_VISIBLE == pipeline.KEPT_VISIBLE
    assert KEPT_READABLE == pipeline.KEPT_READABLE
    assert (STORE_VISIBLE, END_VISIBLE) == (pipeline.STORE_VISIBLE, pipeline.END_VISIBLE)

    def __init__(self, config: Config):
        self._config = config
        assert config.array.rescale_lanes <= config.array.input_lanes, "one word per drain cycle"
        super().__init__(
            {
                "launch": In(Launch()),
                "windows": In(WINDOWS),
                "supervision": Out(Supervision()),
                "events": Out(EVENTS),
                "read_bus": Out(Axi4Read(config.bus.bus_bits)),
                "write_bus": Out(Axi4Write(config.bus.bus_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._instantiate(m)
        self._check_latencies()
        self._connect_program(m)
        self._connect_reads(m)
        self._connect_array(m)
        self._connect_drain(m)
        self._connect_tokens(m)
        self._supervise(m)
        self._report(m)
        return m

    def _instantiate(self, m: Module) -> None:
        config = self._config
        m.submodules.fetch = self.fetch = Fetch(config)
        m.submodules.distributor = self.distributor = Distributor(
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
        m.submodules.word_router = self.word_router = WordRouter(config)
        m.submodules.features = self.features = FeatureBuffer(config)
        m.submodules.weight_queue = self.weight_queue = WeightQueue(config)
        m.submodules.issue = self.issue = Issue(config)
        m.submodules.operands = self.operands = Operands(config)
        m.submodules.convolution = self.convolution = Convolution(config)
        m.submodules.accumulators = self.accumulators = Accumulators(config)
        m.submodules.parameters = self.parameters = Parameters(config)
        m.submodules.drain = self.drain = Drain(config)
        m.submodules.staging = self.staging = Staging(config)
        m.submodules.store = self.store = Store(config)
        m.submodules.write_manager = self.write_manager = WriteManager(config)
        m.submodules.tokens = self.tokens = Tokens()

    def _check_latencies(self) -> None:
        """Assert that units which do not wait for each other meet in the right cycle."""
        assert FeatureBuffer.READ_LATENCY == Operands.LATENCY
        to_array = Issue.LATENCY + Operands.LATENCY
        # A block's first word and its first pixel come to the array together.
        to_weights = WeightQueue.FIRST_READ + WeightQueue.READ_LATENCY
        assert to_weights + Convolution.WEIGHTS_AHEAD == to_array
        to_last_sums = to_array + self.convolution.latency + pipeline.skew(self._config)
        assert to_last_sums + Accumulators.ACCUMULATED == pipeline.accumulate(self._config)
        # Parameters are in their bank when the drain first reads it.
        in_place = WeightQueue.READ_LATENCY + Parameters.WRITE_LATENCY  # from the last word's read
        to_drain = WeightQueue.PARAMETERS_FILL - WeightQueue.FIRST_READ + 1
        assert in_place <= to_drain + DrainWalk.LATENCY
        # The first word of a bank's next table, behind the parameters, comes after the bank's last
        # value has been looked up.
        to_parameters = WeightQueue.BANK_VISIBLE + WeightQueue.FIRST_READ
        to_table = to_parameters + self._config.parameter_words
        assert to_table + WeightQueue.READ_LATENCY > Drain.LOOK_UP

    def _connect_program(self, m: Module) -> None:
        """Lead descriptors from the fetch to the distributor, and from there to their units."""
        distributor = self.distributor
        launch = wiring.flipped(self.launch)
        wiring.connect(m, launch, self.fetch.launch, self.load.launch)
        wiring.connect(m, self.word_router.program, self.fetch.words)
        wiring.connect(m, self.fetch.o, distributor.i)
        wiring.connect(m, distributor.load, self.load.i)
        wiring.connect(m, distributor.weights, self.weight_queue.tile)
        wiring.connect(m, distributor.issue, self.issue.tile)
        wiring.connect(m, distributor.drain, self.drain.tile)
        wiring.connect(m, distributor.store, self.store.i)

    def _connect_reads(self, m: Module) -> None:
        """Lead requests from load to the bus, and words from there to their buffer."""
        wiring.connect(m, self.load.o, self.read_manager.i)
        bus = self.read_manager.bus
        if self._config.beats_per_word > 1:
            m.submodules.read_width = width = ReadWidth(self._config)
            wiring.connect(m, bus, width.words)
            bus = width.bus
        wiring.connect(m, bus, wiring.flipped(self.read_bus))
        wiring.connect(m, self.read_manager.o, self.word_router.i)
        wiring.connect(m, self.word_router.weights, self.weight_queue.words)
        wiring.connect(m, self.word_router.features, self.features.loaded)
        wiring.connect(m, self.write_manager.features, self.features.stored)
        m.d.comb += [
            self.load.windows.eq(self.windows),
            self.load.released.eq(self.weight_queue.released),
        ]

    def _connect_array(self, m: Module) -> None:
        """Lead pixels and weights to the array, and its sums to the accumulators."""
        weights, convolution = self.weight_queue, self.convolution
        wiring.connect(m, self.issue.o, self.operands.i)
        wiring.connect(m, self.operands.features, self.features.read)
        wiring.connect(m, self.operands.o, convolution.i)
        wiring.connect(m, weights.block, self.issue.weights)
        takers = [self.parameters.i]
        if self._config.tables:
            takers.append(self.drain.table_words)
        wiring.connect(m, weights.o, *takers)
        wiring.connect(m, convolution.o, self.accumulators.i)
        m.d.comb += [
            convolution.weights.eq(weights.o.payload.data),
            self.accumulators.index.eq(convolution.index),
        ]

    def _connect_drain(self, m: Module) -> None:
        """Lead sums and parameters through the drain to staging, and words on to the bus."""
        drain, writes = self.drain, self.write_manager
        wiring.connect(m, drain.accumulators, self.accumulators.read)
        wiring.connect(m, drain.parameters, self.parameters.read)
        wiring.connect(m, drain.parameter_bank, self.weight_queue.parameter_bank)
        wiring.connect(m, drain.o, self.staging.i)
        wiring.connect(m, self.store.o, writes.i)
        wiring.connect(m, writes.staging, self.staging.read)
        bus = writes.bus
        if self._config.beats_per_word > 1:
            m.submodules.write_width = width = WriteWidth(self._config)
            wiring.connect(m, bus, width.words)
            bus = width.bus
        wiring.connect(m, bus, wiring.flipped(self.write_bus))
        m.d.comb += [
            drain.accumulated.eq(self.accumulators.accumulated),
            self.issue.drained.eq(drain.drained),
            self.store.window.eq(self.windows.features),
        ]

    def _connect_tokens(self, m: Module) -> None:
        """Count what the units do, for the units that wait for it."""
        tokens, staged = self.tokens, self.drain.o
        m.d.comb += [
            tokens.chunk_loaded.eq(self.word_router.chunk_loaded),
            tokens.tile_issued.eq(self.issue.issued),
            tokens.tile_staged.eq(staged.valid & staged.payload.last),
            tokens.store_read.eq(self.write_manager.staged),
            tokens.store_done.eq(self.write_manager.stored),
            self.issue.staged.eq(tokens.staged.count),
        ]
        wiring.connect(m, tokens.chunks, self.issue.chunks)
        wiring.connect(m, tokens.computes, self.load.computes)
        wiring.connect(m, tokens.drains, self.store.drains)
        wiring.connect(m, tokens.staged, self.drain.staged)
        wiring.connect(m, tokens.stores, self.load.stores, self.distributor.stores)

    def _supervise(self, m: Module) -> None:
        """Gather what units and bus report."""
        fetch, load, store, issue, drain = (
            self.fetch, self.load, self.store, self.issue, self.drain,
        )  # fmt: skip
        reads, writes, weights = self.read_manager, self.write_manager, self.weight_queue
        offered = Signal(WAITING)
        tiles_in_array = Signal(range(ACCUMULATOR_BANKS + 1))  # whose last sums are under way
        m.d.comb += [offered.valid.eq(fetch.o.valid), offered.source.eq(fetch.o.payload.source)]
        m.d.sync += tiles_in_array.eq(
            tiles_in_array + issue.completed - self.accumulators.accumulated
        )
        faults = [unit.fault for unit in (self.distributor, load, store, weights, issue, drain)]
        bus_faults = [writes.fault, reads.fault]
        waiting = [load.waiting, store.waiting, issue.waiting, drain.waiting, offered]
        moves = Cat(
            self.launch.start,
            fetch.active,
            *(unit.o.valid & unit.o.ready for unit in (fetch, load, store)),
            *(unit.o.valid for unit in (reads, weights, issue)),
            tiles_in_array != 0,
            drain.accumulators.enable,
        )
        m.submodules.supervisor = self.supervisor = supervisor = Supervisor(
            units=len(faults), managers=len(bus_faults), waiting=len(waiting)
        )
        m.d.comb += supervisor.moves.eq(moves.any())
        for ports, reports in (
            (supervisor.unit_faults, faults),
            (supervisor.bus_faults, bus_faults),
            (supervisor.waiting, waiting),
        ):
            m.d.comb += [port.eq(report) for port, report in zip(ports, reports, strict=True)]

    def _report(self, m: Module) -> None:
        """Tell control and counters what happens, and the bus when to stop."""
        supervision, supervisor, events = self.supervision, self.supervisor, self.events
        reads, writes, router = self.read_manager, self.write_manager, self.word_router
        pixels = self.issue.o
        m.d.comb += [
            supervision.ended.eq(self.distributor.ended),
            supervision.fault.eq(supervisor.fault),
            supervision.active.eq(supervisor.active),
            supervision.waiting.eq(supervisor.oldest),
            supervision.next.eq(self.fetch.o.payload.source),
            supervision.quiet.eq(reads.quiet & writes.quiet),
            reads.stop.eq(supervision.stop),
            writes.stop.eq(supervision.stop),
            events.array.eq(pixels.valid & pixels.payload.pixel),
            events.program.eq(router.program.valid),
            events.weight.eq(router.weights.valid),
            events.feature_read.eq(router.features.valid),
            events.feature_written.eq(writes.bus.wvalid & writes.bus.wready),
        ]

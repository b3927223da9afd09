"""The units that run a program, and the tokens between them."""

from functools import reduce

from amaranth.hdl import Module, Mux, Signal, ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import ACCUMULATOR_BANKS, Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import TOKEN_BITS, Destination, Opcode
from hwsim.rtl.arithmetic.accumulators import Accumulators
from hwsim.rtl.arithmetic.convolution import Convolution
from hwsim.rtl.arithmetic.drain import Drain
from hwsim.rtl.arithmetic.drain_walk import DRAIN, DrainWalk
from hwsim.rtl.arithmetic.parameters import Parameters
from hwsim.rtl.host.counters import TRAFFIC
from hwsim.rtl.memory.axi4 import READ_CHANNELS, WRITE_CHANNELS, channel_ports
from hwsim.rtl.memory.load import LOAD, Load
from hwsim.rtl.memory.read_manager import ReadManager
from hwsim.rtl.memory.staging import Staging
from hwsim.rtl.memory.store import STORE, Store
from hwsim.rtl.memory.window_guard import WINDOW
from hwsim.rtl.memory.write_manager import WriteManager
from hwsim.rtl.operands.chain import Operands
from hwsim.rtl.operands.feature_buffer import FeatureBuffer
from hwsim.rtl.operands.issue import Issue
from hwsim.rtl.operands.pixel import ISSUE
from hwsim.rtl.operands.weight_queue import WEIGHTS, WeightQueue
from hwsim.rtl.program.distributor import Distributor
from hwsim.rtl.program.fetch import Fetch
from hwsim.rtl.program.layouts import FAULT, SOURCE_BITS, WAITING

# Windows of memory: both may be read, the second may be written.
WINDOWS = data.StructLayout({"constants": WINDOW, "features": WINDOW})


class Core(wiring.Component):
    """Runs one program from `start` to END. It must be reset before it is started again.

    Members
    -------
    start, program : In
        Pulse, and where the first page lies (address / 64).
    windows : In(WINDOWS)
    stop : In(1)
        Nothing new goes out to the bus; what is under way is brought to its end.
    ended : Out(1)
        END is being taken, its stores are done.
    fault : Out(FAULT)
        Of several in one cycle, the bus's first, then the one nearest to the program's fetch.
    active : Out(1)
        Something has moved; if nothing does and the bus is `quiet`, nothing ever will.
    waiting, next : Out(SOURCE_BITS)
        The waiting descriptor with the lowest address; the one to be distributed next.
    quiet : Out(1)
        Nothing is under way on the bus.
    array : Out(1)
        The array has taken a pixel.
    program_beat, weight_beat, feature_read_beat, feature_written_beat : Out(1)
        A word of this class has arrived, or crosses the bus.
    ar*, r*, aw*, w*, b* : the AXI4 channels
    """

    LOAD_VISIBLE = ReadManager.WORD_LATENCY + 1  # and the count of words or chunks
    ISSUE_VISIBLE = 1
    STORE_VISIBLE = WriteManager.STORED + 1
    END_VISIBLE = Distributor.END + 1
    assert (LOAD_VISIBLE, ISSUE_VISIBLE) == (pipeline.LOAD_VISIBLE, pipeline.ISSUE_VISIBLE)
    assert (STORE_VISIBLE, END_VISIBLE) == (pipeline.STORE_VISIBLE, pipeline.END_VISIBLE)

    def __init__(self, config: Config):
        self._config = config
        assert config.array.rescale_lanes <= config.array.input_lanes, "one word per drain cycle"
        super().__init__(
            {
                "start": In(1),
                "program": In(SOURCE_BITS),
                "windows": In(WINDOWS),
                "stop": In(1),
                "ended": Out(1),
                "fault": Out(FAULT),
                "active": Out(1),
                "waiting": Out(SOURCE_BITS),
                "next": Out(SOURCE_BITS),
                "quiet": Out(1),
                "array": Out(1),
            }
            | {f"{name}_beat": Out(1) for name in TRAFFIC}
            | channel_ports(config)
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._instantiate(m)
        self._connect_loads(m)
        self._connect_compute(m)
        self._connect_stores(m)
        self._count_tokens(m)
        self._report(m)
        self._connect_axi4(m)
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
        m.submodules.features = self.features = FeatureBuffer(config)
        assert FeatureBuffer.READ_LATENCY == Operands.LATENCY
        m.submodules.weight_queue = self.weight_queue = WeightQueue(config)
        m.submodules.issue = self.issue = Issue(config)
        m.submodules.operands = self.operands = Operands(config)
        m.submodules.convolution = self.convolution = Convolution(config)
        m.submodules.accumulators = self.accumulators = Accumulators(config)
        to_array = Issue.LATENCY + Operands.LATENCY
        to_shadow = WeightQueue.READ_LATENCY + Convolution.TO_SHADOW
        # The shadow holds a block's last word when its first pixel is at the array; the next
        # block's first word comes into it later.
        assert to_shadow - WeightQueue.SHADOW_FILL - 1 <= to_array
        assert to_shadow + WeightQueue.SHADOW_FREE > to_array
        to_sums = to_array + self.convolution.latency
        to_last_sums = to_sums + pipeline.skew(config)
        assert to_last_sums + Accumulators.ACCUMULATED == pipeline.accumulate(config)
        m.submodules.parameters = self.parameters = Parameters(config)
        in_place = (
            WeightQueue.READ_LATENCY + Parameters.WRITE_LATENCY
        )  # behind the last word's read
        assert in_place <= WeightQueue.PARAMETERS_FILL + 1 + DrainWalk.LATENCY
        m.submodules.drain = self.drain = Drain(config)
        m.submodules.staging = self.staging = Staging(config)
        m.submodules.store = self.store = Store(config)
        m.submodules.write_manager = self.write_manager = WriteManager(config)

        self.chunks, self.computes, self.drains, self.stores = (
            Signal(TOKEN_BITS, name=name) for name in ("chunks", "computes", "drains", "stores")
        )
        self.next_chunks = Signal(TOKEN_BITS)  # with what arrives in this cycle
        self.in_array = Signal(range(ACCUMULATOR_BANKS + 1))  # tiles whose last sums are under way

    def _connect_loads(self, m: Module) -> None:
        """Bus to program buffer, weight queue and feature buffer."""
        distributor, load, word = self.distributor, self.load, self.read_manager.o
        wiring.connect(m, self.fetch.o, distributor.i)
        wiring.connect(m, distributor.load, load.i)
        wiring.connect(m, load.o, self.read_manager.i)

        def arrives(destination: Destination) -> ValueLike:
            return word.valid & (word.payload.destination == destination)

        m.d.comb += [
            load.start.eq(self.start),
            load.program.eq(self.program),
            load.windows[0].eq(self.windows.constants),
            load.windows[1].eq(self.windows.features),
            load.computes.eq(self.computes),
            load.stores.eq(self.stores),
            load.released.eq(self.weight_queue.released),
            self.fetch.start.eq(self.start),
            self.fetch.program.eq(self.program),
            self.fetch.write.eq(arrives(Destination.PROGRAM)),
            self.fetch.data.eq(word.payload.data),
            distributor.stores.eq(self.stores),
            self.weight_queue.write.eq(arrives(Destination.WEIGHTS)),
            self.weight_queue.data.eq(word.payload.data),
            self.features.write.eq(arrives(Destination.FEATURES)),
            self.features.write_address.eq(word.payload.buffer_address),
            self.features.data.eq(word.payload.data),
            self.program_beat.eq(arrives(Destination.PROGRAM)),
            self.weight_beat.eq(arrives(Destination.WEIGHTS)),
            self.feature_read_beat.eq(arrives(Destination.FEATURES)),
            self.ended.eq(distributor.ended),
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
        m.d.comb += [
            weights.shadow_taken.eq(issue.shadow_taken),
            weights.drained.eq(drain.drained),
            issue.next_shadow_full.eq(weights.next_shadow_full),
            issue.next_chunks.eq(self.next_chunks),
            issue.drained.eq(drain.drained),
            self.features.read.eq(issue.o.valid),
            self.features.read_address.eq(issue.o.payload.address),
            operands.word.eq(self.features.word),
            accumulators.index.eq(convolution.index),
            accumulators.drain_enable.eq(drain.enable),
            accumulators.drain_index.eq(drain.index),
            accumulators.drain_bank.eq(drain.bank),
            parameters.bank.eq(drain.bank),
            parameters.group.eq(drain.group),
            drain.sums.eq(accumulators.drain_data),
            drain.parameters_read.eq(parameters.o),
            drain.accumulated.eq(accumulators.accumulated),
            drain.next_parameters_full.eq(weights.next_parameters_full),
            drain.stores.eq(self.stores),
            drain.stored.eq(self.write_manager.stored),
        ]

    def _connect_stores(self, m: Module) -> None:
        store, writes, staging = self.store, self.write_manager, self.staging
        wiring.connect(m, self.distributor.store, store.i)
        wiring.connect(m, store.o, writes.i)
        m.d.comb += [
            store.drains.eq(self.drains),
            store.window.eq(self.windows.features),
            staging.read_enable.eq(writes.read_enable),
            staging.read_address.eq(writes.read_address),
            writes.word.eq(staging.word),
        ]

    def _count_tokens(self, m: Module) -> None:
        word, staged = self.read_manager.o, self.drain.o
        m.d.comb += self.next_chunks.eq(self.chunks + (word.valid & word.payload.ends_chunk))
        m.d.sync += self.chunks.eq(self.next_chunks)
        # What is done comes late: it only says whether to count.
        for token, done in (
            (self.computes, self.issue.issued),
            (self.drains, staged.valid & staged.payload.last),
            (self.stores, self.write_manager.stored),
        ):
            with m.If(done):
                m.d.sync += token.eq(token + 1)
        m.d.sync += self.in_array.eq(
            self.in_array + self.issue.issued - self.accumulators.accumulated
        )

    def _report(self, m: Module) -> None:
        """What control and counters want to know."""
        fetch, load, store = self.fetch, self.load, self.store
        reads, writes = self.read_manager, self.write_manager
        # Faults of the units say what no cycle count depends on: registers keep their logic, and
        # the choice among them, out of control. Those of the bus come from registers, and must not
        # be late: see `Control`.
        units = (self.distributor, load, store, self.weight_queue, self.issue, self.drain)
        held = Signal(FAULT)
        m.d.sync += held.code.eq(ErrorCode.NONE)
        for unit in reversed(units):  # the first of them is assigned last, and so wins
            fault = Signal(FAULT, name="unit_fault")
            m.d.sync += fault.eq(unit.fault)
            with m.If(fault.code != ErrorCode.NONE):
                m.d.sync += held.eq(fault)
        for fault in (held, writes.fault, reads.fault):  # a fault that stands hides none of the bus
            with m.If(fault.code != ErrorCode.NONE):
                m.d.comb += self.fault.eq(fault)

        def older(one: data.View, other: data.View) -> data.View:
            """The one that waits, at the lower address if both do."""
            result = Signal(one.shape(), name="older")  # registers: a deadlock stands still
            m.d.sync += result.eq(
                Mux(~other.valid | (one.valid & (one.source < other.source)), one, other)
            )
            return result

        offered = Signal(WAITING)
        m.d.comb += [offered.valid.eq(fetch.o.valid), offered.source.eq(fetch.o.payload.source)]
        waiting = [load.waiting, store.waiting, self.issue.waiting, self.drain.waiting, offered]
        m.d.comb += [
            self.waiting.eq(reduce(older, waiting).source),
            self.next.eq(fetch.o.payload.source),
            self.quiet.eq(reads.quiet & writes.quiet),
            self.array.eq(self.issue.o.valid & self.issue.o.payload.pixel),
            self.feature_written_beat.eq(writes.wvalid & writes.wready),
            reads.stop.eq(self.stop),
            writes.stop.eq(self.stop),
        ]
        m.d.sync += self.active.eq(  # a register: a deadlock is not called in a hurry
            self.start
            | fetch.active
            | (fetch.o.valid & fetch.o.ready)
            | (load.o.valid & load.o.ready)
            | (store.o.valid & store.o.ready)
            | reads.o.valid
            | self.weight_queue.o.valid
            | self.issue.o.valid
            | (self.in_array != 0)
            | self.drain.enable
        )

    def _connect_axi4(self, m: Module) -> None:
        units = {
            **dict.fromkeys(READ_CHANNELS, self.read_manager),
            **dict.fromkeys(WRITE_CHANNELS, self.write_manager),
        }
        for name, unit in units.items():
            inner, outer = getattr(unit, name), getattr(self, name)
            is_input = self.signature.members[name].flow == In
            m.d.comb += inner.eq(outer) if is_input else outer.eq(inner)

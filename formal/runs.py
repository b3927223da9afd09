"""`rtl.memory.runs` offers every row of every block of a descriptor, once and in order."""

from amaranth.hdl import Signal

from formal.addresses import exceeds_any_burst, is_aligned, longest_burst
from formal.proof import Proof
from formal.streams import claim_held, drain, drive
from hwsim.arch.config import Config
from hwsim.rtl.memory.runs import RUNS, Runs


def runs(config: Config) -> Proof:
    """The descriptors pass the check: they are aligned, and none of their sizes is 0."""
    proof = Proof()
    m = proof.module
    m.submodules.runs = runs = Runs(config)
    i, o = runs.i, runs.o
    drive(proof, i, "i")
    drain(proof, o, "o")
    for name in ("row_words", "rows", "blocks"):
        proof.promise((i.payload[name] != 0) | ~i.valid)
    for name in ("address", "row_stride_bytes", "block_stride_bytes"):
        proof.promise(is_aligned(i.payload[name], config) | ~i.valid)

    # What must be offered: a row, and how many are left of its block, and blocks, with it.
    leaves = o.valid & o.ready
    job = Signal(RUNS)
    is_offered = Signal()
    address, block = Signal.like(job.address), Signal.like(job.address)
    rows_left, blocks_left = Signal.like(job.rows), Signal.like(job.blocks)
    next_row = (address + job.row_stride_bytes)[: len(address)]
    next_block = (block + job.block_stride_bytes)[: len(block)]
    last_row, last_block = rows_left == 1, blocks_left == 1
    last = last_row & last_block
    with m.If(i.ready):  # also where nothing is offered: then it is of no meaning
        new = i.payload
        m.d.sync += [
            is_offered.eq(i.valid),
            job.eq(new),
            address.eq(new.address),
            block.eq(new.address),
            rows_left.eq(new.rows),
            blocks_left.eq(new.blocks),
        ]
    with m.Elif(leaves & last_row):
        m.d.sync += [
            address.eq(next_block),
            block.eq(next_block),
            rows_left.eq(job.rows),
            blocks_left.eq(blocks_left - 1),
        ]
    with m.Elif(leaves):
        m.d.sync += [address.eq(next_row), rows_left.eq(rows_left - 1)]

    run = o.payload
    claim_held(proof, "o", o.valid, o.ready, run)
    proof.reach("o: a second block", o.valid & (address != job.address) & (address == block))
    proof.claim("o: offered where rows are left, and only there", o.valid == is_offered)
    proof.claim(
        "i: the next descriptor behind the last row", ~(i.ready & is_offered) | (leaves & last)
    )
    for name, holds in {
        "the row's address": proof.equal(run.address, address),
        "the row's words": proof.equal(run.words, job.row_words),
        "the longest first burst": proof.equal(run.limit, longest_burst(address, config)),
        "longer than any burst": run.is_long == exceeds_any_burst(job.row_words, config),
        "last of its block": run.last_of_block == last_row,
        "last of its descriptor": run.last == last,
    }.items():
        proof.claim(f"o: {name}", holds | ~o.valid.replicate(len(holds)))
    return proof

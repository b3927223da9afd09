"""Prove all of `formal.proofs`, or those that are named, with a line for each."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from formal.counterexample import broken_claims
from formal.engine import Verdict, judge
from formal.proof import Proof
from formal.proofs import PROOFS, proof_of
from hwsim.errors import InputError

SECONDS = 900  # for each thing that a solver is asked; the slowest takes 264 on an idle machine
WAVES = Path("build") / "formal"


def main(names: Sequence[str]) -> int:
    """Return 0 where every claim holds, 1 where one does not, 2 where a name is unknown."""
    if unknown := [name for name in names if name not in PROOFS]:
        print(f"formal: there is no proof '{unknown[0]}': {', '.join(PROOFS)}", file=sys.stderr)
        return 2
    try:
        failures = [name for name in names or PROOFS if not _prove(name)]
    except InputError as error:
        print(f"formal: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("formal: interrupted", file=sys.stderr)
        return 130
    return 1 if failures else 0


def _prove(name: str) -> bool:
    print(f"{name} ...", end=" ", flush=True)
    proof = proof_of(name)
    began = perf_counter()
    verdict = judge(proof, SECONDS)
    print(f"{len(proof.broken)} claims, {perf_counter() - began:.1f} s")
    for claim, cycles in proof.cycles.items():
        print(f"  {claim}: in the first {cycles} cycles")
    for claim in verdict.unproved:
        print(f"  NOT PROVED in {SECONDS} s: {claim}")
    for situation in verdict.unreached:
        print(f"  NEVER HAPPENS: {situation}")
    if verdict.breaks:
        for claim in broken_claims(proof, verdict.breaks):
            print(f"  BROKEN in cycle {len(verdict.breaks) - 1}: {claim}")
        _write_waves(name, proof, verdict)
    return not (verdict.unproved or verdict.unreached or verdict.breaks)


def _write_waves(name: str, proof: Proof, verdict: Verdict) -> None:
    waves = WAVES / f"{name.replace(' ', '_')}.vcd"
    try:
        WAVES.mkdir(parents=True, exist_ok=True)
        broken_claims(proof, verdict.breaks, waves)
        print(f"  waveform: {waves}")
    except OSError as error:
        print(f"formal: cannot write '{waves}': {error.strerror}", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m formal", description="Prove docs/formal.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(PROOFS)}")
    sys.exit(main(parser.parse_args().names))

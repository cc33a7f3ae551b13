"""What a logical inductor of finite size learns, and by when: each theorem's bound beside what was measured.

Garrabrant et al. 2016 (Logical Induction, arXiv 1609.03543) prove what an inductor does in the limit. Each proof names
a trader, and as no trader is exploited, so much is true of a finite run already: a day on which the price is wrong is a
day on which that trader gains, and all that it may ever gain is known. The experiments below count these days among
rivals that pull the other way, with that trader and without it. What each assumes is told at the top of its file.

    python examples/logic                       # all of them
    python examples/logic coherence --quick     # one, small
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import calibration
import coherence
import conditional
import convergence
import decimals
import occam
import paradox
import provability

EXPERIMENTS = {
    "pi": decimals,
    "provability": provability,
    "coherence": coherence,
    "calibration": calibration,
    "occam": occam,
    "conditional": conditional,
    "paradox": paradox,
    "convergence": convergence,
}


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="logic", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help=f"of: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--out", type=Path, default=Path("out/logic"), help="folder to write (default: %(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="fewer days, places and orders: seconds instead of minutes"
    )
    args = parser.parse_args(given)
    if unknown := sorted(set(args.experiments) - set(EXPERIMENTS)):
        parser.error(f"unknown experiment: {', '.join(unknown)}; known: {', '.join(EXPERIMENTS)}")
    return args


def main(given: Sequence[str] | None = None) -> int:
    """Runs experiments, prints and writes what they found; 1 if a bound does not hold."""
    args = arguments(given)
    held = True
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        for name in args.experiments or EXPERIMENTS:
            start = time.perf_counter()
            finding = EXPERIMENTS[name].find(quick=args.quick)
            seconds = time.perf_counter() - start
            finding.save(args.out, name)
            print(finding.text(), f"  plot: {args.out / name}.html, .png ({seconds:.1f} s)", "", sep="\n", flush=True)
            held = held and finding.holds
    except OSError as error:
        print(f"cannot write to {args.out}: {error}; name another folder with --out", file=sys.stderr)
        return 1
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

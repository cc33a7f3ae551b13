"""Prints what the benches measured as a Markdown table: `table.py target/bench.json [--write README.md]`.

A ratio is that of two medians of one run; a row that misses its target says so.
"""

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

BEGIN, END = "<!-- bench table -->", "<!-- /bench table -->"
HEAD = ["case | against | must | measured | medians", "--- | --- | --- | --- | ---"]
QUIET = 1.7  # what two threads of plain arithmetic gain at least where nobody else works
ORDER = (
    "market",
    "grue",
    "sparse",
    "threads",
    "clearing",
    "forecasts",
    "scale",
    "experts",
    "text",
    "context_tree",
    "programs",
    "logic",
    "logic_maker",
    "machine",
)


def duration(seconds: float) -> str:
    """Three digits and a unit.

    >>> duration(0.01234), duration(2), duration(98.76e-6)
    ('12.3 ms', '2.00 s', '98.8 µs')
    """
    unit, scale = next((u, s) for u, s in (("s", 1), ("ms", 1e3), ("µs", 1e6)) if seconds * s >= 1 or u == "µs")
    value = seconds * scale
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {unit}"


def verdict(*, good: bool | None, measured: str) -> str:
    """The measured value, marked if a target was missed."""
    return measured if good is not False else f"**{measured}, missed**"


def ratio_row(case: str, own: float, goal: dict[str, Any], theirs: float) -> str:
    """One comparison.

    >>> ratio_row("known rounds", 0.1, {"rival": "numpy loop", "must": 2.8, "faster": True}, 0.3)
    'known rounds | numpy loop | ≥ 2.8 x as fast | 3.00 x as fast | 100 ms : 300 ms'
    >>> ratio_row("known rounds", 0.3, {"rival": "one read", "must": 2.0, "faster": False}, 0.1)
    'known rounds | one read | ≤ 2 x the time | **3.00 x the time, missed** | 300 ms : 100 ms'
    """
    must, faster = goal["must"], goal["faster"]
    ratio = theirs / own if faster else own / theirs
    words = "x as fast" if faster else "x the time"
    good = None if must is None else (ratio >= must if faster else ratio <= must)
    target = "" if must is None else f"{'≥' if faster else '≤'} {must:g} {words}"
    measured = verdict(good=good, measured=f"{ratio:.{2 if ratio < 100 else 0}f} {words}")
    return f"{case} | {goal['rival']} | {target} | {measured} | {duration(own)} : {duration(theirs)}"


def second_core(row: str, gain: float) -> str:
    """A row of two threads, with what the machine gave to two threads of plain arithmetic.

    >>> second_core("2 threads | **1.10 x as fast, missed**", 1.02)
    "2 threads | **1.10 x as fast, machine not quiet** (numpy's sine 1.02 x)"
    """
    told = row if gain >= QUIET else row.replace("missed**", "machine not quiet**")
    cells = told.split(" | ")
    column = next(i for i in reversed(range(len(cells))) if "as fast" in cells[i])
    cells[column] += f" (numpy's sine {gain:.2f} x)"
    return " | ".join(cells)


def memory_row(info: dict[str, Any]) -> str:
    """How much memory the books took."""
    state, must = info["state_gb"], info["must_state_gb"]
    measured = verdict(good=state <= must, measured=f"{state:.2f} GB of state")
    peaks = f"building {info['building_gb']:.1f} GB, running {info['running_gb']:.1f} GB"
    beside = f"input {info['input_gb']:.1f} GB; peaks of the process: {peaks}"
    return f"{info['case']} | | ≤ {must:g} GB of state | {measured} | {beside}"


def text_row(info: dict[str, Any], seconds: float) -> str:
    """How many bits a text costs, and how fast it is read.

    >>> info = {"case": "reading", "bytes": 2_000_000, "bits_per_byte": 1.4, "must": {"ratio": 1.015, "mb_per_s": 1}}
    >>> row = text_row(info | {"rival": "PPMd", "rival_bits_per_byte": 1.5, "rival_seconds": 0.2}, 2.5)
    >>> row.split(" | ")[2:4]
    ['≤ 1.015 x the bits, ≥ 1 MB/s', '0.933 x the bits, **0.80 MB/s, missed**']
    >>> row.split(" | ")[4]
    '1.400 : 1.500 bits/byte, 2.50 s : 200 ms'
    >>> info |= {"rival": "PPMd", "rival_bits_per_byte": 1, "rival_seconds": 1, "must": {"ratio": None, "mb_per_s": 1}}
    >>> text_row(info, 1).split(" | ")[2:4]
    ['≥ 1 MB/s', '1.400 x the bits, 2.00 MB/s']
    """
    must, ratio, size = info["must"], info["bits_per_byte"] / info["rival_bits_per_byte"], info["bytes"] / 1e6
    bits = verdict(good=must["ratio"] is None or ratio <= must["ratio"], measured=f"{ratio:.3f} x the bits")
    speed = verdict(good=size / seconds >= must["mb_per_s"], measured=f"{size / seconds:.2f} MB/s")
    goals = [f"≥ {must['mb_per_s']:g} MB/s"]
    if must["ratio"] is not None:
        goals.insert(0, f"≤ {must['ratio']:g} x the bits")
    costs = f"{info['bits_per_byte']:.3f} : {info['rival_bits_per_byte']:.3f}"
    cells = [
        f"{info['case']}, {size:.2f} MB",
        info["rival"],
        ", ".join(goals),
        f"{bits}, {speed}",
        f"{costs} bits/byte, {duration(seconds)} : {duration(info['rival_seconds'])}",
    ]
    return " | ".join(cells)


def work_row(info: dict[str, Any], seconds: float) -> str:
    """How long a piece of work takes, how fast it goes, or how much memory it needs.

    >>> work_row({"case": "draws", "amount": 300_000, "unit": "programs", "must_rate": 300_000}, 1.5)
    'draws | | ≥ 300,000 programs/s | **200,000 programs/s, missed** | 1.50 s'
    >>> work_row({"case": "all", "amount": 3e9, "unit": "programs", "must_seconds": 5}, 1.5)
    'all | | ≤ 5 s | 2,000,000,000 programs/s | 1.50 s'
    >>> work_row({"case": "all", "amount": 3e9, "unit": "programs", "must_gb": 2, "peak_gb": 1.04}, 1.5)
    'all | | ≤ 2 GB at most | 1.04 GB, 2,000,000,000 programs/s | 1.50 s'
    """
    rate = info["amount"] / seconds
    goal, good, measured = "", None, f"{rate:,.0f} {info['unit']}/s"
    if info.get("must_rate"):
        goal, good = f"≥ {info['must_rate']:,} {info['unit']}/s", rate >= info["must_rate"]
    if info.get("must_seconds"):
        goal, good = f"≤ {info['must_seconds']:g} s", seconds <= info["must_seconds"]
    if info.get("must_gb"):
        goal, good = f"≤ {info['must_gb']:g} GB at most", info["peak_gb"] <= info["must_gb"]
        measured = f"{info['peak_gb']:.2f} GB, {measured}"
    return f"{info['case']} | | {goal} | {verdict(good=good, measured=measured)} | {duration(seconds)}"


def rows(bench: dict[str, Any]) -> list[str]:
    """All rows of one bench; one that took several passes shows what one of them took.

    >>> goal = {"rival": "Kelly round", "must": 6, "faster": False}
    >>> info = {"case": "one of 4 passes", "passes": 4, "rivals": {"Kelly round": [0.5]}, "goals": [goal]}
    >>> rows({"extra_info": info, "stats": {"median": 8.0}})
    ['one of 4 passes | Kelly round | ≤ 6 x the time | 4.00 x the time | 2.00 s : 500 ms']
    """
    info = bench["extra_info"]
    if "text" in info:
        return [text_row(info["text"], bench["stats"]["median"])]
    if "work" in info:
        return [work_row(info["work"], info["work"].get("seconds", bench["stats"]["median"]))]
    if "case" not in info:
        return []
    own, rivals = bench["stats"]["median"] / info.get("passes", 1), info["rivals"]
    found = [ratio_row(info["case"], own, goal, median(rivals[goal["rival"]])) for goal in info["goals"]]
    if "second_core" in info:
        one, two = (median(rivals[name]) for name in info["second_core"])
        found = [second_core(row, one / two) for row in found]
    if "bits_per_byte" in info:
        costs = ", ".join(f"{name} {bits:.3f}" for name, bits in info["bits_per_byte"].items())
        found = [f"{row}; bits/byte: {costs}" for row in found]
    return [*([memory_row(info)] if "state_gb" in info else []), *found]


def place(bench: dict[str, Any]) -> int:
    """Where a bench stands in the table: the market first.

    >>> place({"fullname": "benches/bench_grue.py::bench_provenance"})
    1
    """
    return ORDER.index(bench["fullname"].partition(".py")[0].rpartition("bench_")[2])


def machine(report: dict[str, Any]) -> str:
    """What it was measured on."""
    info = report["machine_info"]
    bandwidth = [
        f"one core reads {b['extra_info']['read_bytes'] / b['stats']['median'] / 1e9:.1f} GB/s "
        f"from {b['extra_info']['read_bytes'] / 2**30:.1f} GiB ({b['extra_info']['read']})"
        for b in report["benchmarks"]
        if "read_bytes" in b["extra_info"]
    ]
    cpu = info["cpu"]
    caches = f"{cpu.get('l3_cache_size', 0) / 2**20:.0f} MiB of last-level cache, shared"
    parts = [
        f"{cpu.get('brand_raw', info['processor'])}, {cpu.get('count')} cores, {caches}",
        *bandwidth,
        f"numpy {info['numpy']} ({', '.join(info['blas'])}, {info['blas_threads']} thread)",
        f"load before the run {info['load_before']:.1f}",
    ]
    return "; ".join(parts)


def table(report: dict[str, Any]) -> str:
    """The whole of it in Markdown."""
    benches = sorted(report["benchmarks"], key=place)
    lines = [*HEAD, *(row for bench in benches for row in rows(bench))]
    missed = sum("missed**" in line for line in lines)
    told = [f"Measured on: {machine(report)}.", "Medians are the engine's and the other's, side by side in one run."]
    if missed:
        told.append(f"{missed} of the targets {'was' if missed == 1 else 'were'} missed in this run.")
    return "\n".join(f"| {line} |" for line in lines) + "\n\n" + "\n".join(told)


def main() -> None:
    """Reads the report, prints the table, and writes it between the markers of a file if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="what pytest wrote with --benchmark-json")
    parser.add_argument("--write", type=Path, help=f"a file that holds the lines {BEGIN} and {END}")
    given = parser.parse_args()
    text = table(json.loads(given.report.read_text()))
    print(text)
    if given.write:
        page = given.write.read_text()
        before, found, rest = page.partition(BEGIN)
        _, closed, after = rest.partition(END)
        if not (found and closed):
            parser.error(f"{given.write} has no lines {BEGIN} and {END}")
        given.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()

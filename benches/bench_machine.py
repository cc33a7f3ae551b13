"""The machine's floor: how fast one core reads memory, from an array that no cache holds."""

from pathlib import Path

import numpy as np
from rivals import one_read

GIB = 2**30
L3 = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")


def _last_level_cache() -> int:
    """Bytes, or 0 where the system does not tell."""
    return int(L3.read_text().strip().removesuffix("K")) * 1024 if L3.exists() else 0


def bench_memory_bandwidth(benchmark):
    size = max(GIB, 2 * _last_level_cache())
    values = np.ones(size // 8)
    name, read = one_read(values)
    benchmark.pedantic(read.turn, rounds=7, warmup_rounds=1)
    benchmark.extra_info |= {"read": name, "read_bytes": values.nbytes}

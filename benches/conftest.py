"""What all benches share: one thread for everybody, and who and what is noted beside the numbers.

A BLAS kernel that the environment forces (for the sake of old builds) would only slow numpy down, so it is let go.
"""

import gc
import os
import sys
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ[name] = "1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
LOAD_BEFORE = os.getloadavg()[0]
sys.path.insert(0, str(Path(__file__).parent))  # benches import their rivals by name

import gruemarket as gm  # noqa: E402  numpy reads the environment as it is loaded
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from race import Race  # noqa: E402
from threadpoolctl import threadpool_info  # noqa: E402


@pytest.fixture
def race(benchmark):
    """A `Race` that this bench may hold once."""
    return Race(benchmark)


@pytest.fixture(autouse=True)
def _one_thread_and_no_leftovers():
    gm.set_threads(1)
    gc.collect()  # what earlier benches held; some of it is gigabytes


def pytest_benchmark_update_machine_info(machine_info):
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    machine_info["numpy"] = np.__version__
    machine_info["blas"] = sorted({f"{library['internal_api']} {library.get('architecture')}" for library in blas})
    machine_info["blas_threads"] = max((library["num_threads"] for library in blas), default=1)
    machine_info["load_before"] = LOAD_BEFORE
    machine_info["gruemarket"] = gm.build_info()

"""How much memory the process took at most."""

import resource
import sys
from contextlib import suppress
from pathlib import Path


def forget_peak() -> None:
    """Lets the peak count from here; where the system cannot, it is the process's own so far, which is no less."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9

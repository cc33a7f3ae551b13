"""Progress: bars in a terminal, plain lines elsewhere, nothing when asked."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY = 15.0  # seconds between two plain lines of one stage


class Shown:
    """The progress of stages on stderr; a context manager."""

    def __init__(self, *, wanted: bool) -> None:
        console = Console(stderr=True)
        self._bars: Progress | None = None
        self._plain = wanted and not console.is_terminal
        if wanted and console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bars = Progress(*columns, TextColumn("{task.fields[note]}"), console=console)
        self._task: Any = None
        self._name, self._total, self._said = "", 0, 0.0

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """A stage of so many steps begins, or goes on."""
        self._name, self._total, self._said = name, total, time.monotonic()
        if self._bars is not None:
            self._task = self._bars.add_task(name, total=total, completed=done, note="")
        self._say(f"{name}: {total} steps" + (f", {done} of them done" if done else ""))

    def step(self, done: int, note: str) -> None:
        """So many steps are done."""
        if self._bars is not None:
            self._bars.update(self._task, completed=done, note=note)
        if done == self._total or time.monotonic() - self._said > EVERY:
            self._said = time.monotonic()
            self._say(f"{self._name}: {done}/{self._total}  {note}")

    def note(self, text: str) -> None:
        """A line that stays."""
        if self._bars is not None:
            self._bars.console.print(text, highlight=False, markup=False)
        self._say(text)

    def _say(self, line: str) -> None:
        if self._plain:
            print(line, file=sys.stderr, flush=True)  # noqa: T201  # this is what it is for

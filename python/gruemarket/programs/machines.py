"""One program on one machine."""

from dataclasses import dataclass

from gruemarket._core import run_program
from gruemarket.errors import InputError
from gruemarket.programs import checks

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def text(symbols: bytes) -> str:
    """Symbols as text: a digit or letter each, or numbers with spaces between them if there are larger ones.

    >>> text(bytes([0, 1, 10])), text(bytes([0, 40]))
    ('01a', '0 40')
    """
    if not symbols or max(symbols) < len(_DIGITS):
        return "".join(_DIGITS[symbol] for symbol in symbols)
    return " ".join(map(str, symbols))


@dataclass(frozen=True)
class Run:
    """What a program did within its limits."""

    output: list[int]
    """The symbols that it printed."""
    steps: int
    """One for each instruction that was evaluated."""
    status: str
    """HALTED, TIMEOUT or OUTPUT_LIMIT; the step limit is tested before the output limit."""
    cells: int
    """How many cells the head has visited."""

    @property
    def text(self) -> str:
        """The output as text."""
        return text(bytes(self.output))


def run(
    program: str,
    *,
    machine: str = "brainphoque",
    alphabet: int = 2,
    memory: int = 64,
    steps: int = 1000,
    max_output: int = 32,
) -> Run:
    """Runs a program to its end, or to a limit.

    Args:
        program: its tokens, of `+ - > < [ ] .`; a history reader also has `,`, which hears nothing but 0 here.
        machine: "brainphoque" (Grau-Moya et al. 2024, arXiv 2401.14953: `]` jumps back without a condition, for `[` to
            decide, and both jumps are steps), "brainfuck" (matched brackets; `]` jumps back if the cell is not 0) or
            "reader" (Brainfuck with `,`).
        alphabet: symbols, 2 to 256; cells count around.
        memory: cells of the circular tape.
        steps: the run ends once it has taken so many.
        max_output: the run ends once it has printed so many symbols.

    Raises:
        InputError: an unknown machine or token, brackets that do not match, a limit out of range.

    >>> run("+[.]", steps=100, max_output=4)
    Run(output=[1, 1, 1, 1], steps=12, status='OUTPUT_LIMIT', cells=1)
    """
    if not isinstance(machine, str):
        raise InputError(f'machine {machine!r}; give "brainfuck", "brainphoque" or "reader"')
    limits = checks.limits(alphabet, memory, steps, max_output)
    output, taken, status, cells = run_program(checks.text(program), machine, limits)
    return Run(list(output), taken, status, cells)

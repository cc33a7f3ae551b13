"""Settings of machines and enumerations, as users give them."""

from typing import Any

import numpy as np

from gruemarket.checks import whole
from gruemarket.errors import InputError

MACHINES = ("brainfuck", "brainphoque", "reader", "turing")
ORDERS = ("mass", "rank")
LARGEST = 1 << 30  # what the core refuses, whatever it is of


def text(program: Any) -> str:
    """A program as text.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(program, str):
        raise InputError(f"program {program!r}; give its tokens as text, such as '+[.]'")
    return program


def real(given: Any, what: str) -> float:
    """A number; the core knows its range.

    Raises:
        InputError: it is none.

    >>> real(1, "a")
    1.0
    """
    if isinstance(given, bool) or not isinstance(given, int | float | np.integer | np.floating):
        raise InputError(f"{what} {given!r}; give a number")
    return float(given)


def limits(alphabet: Any, memory: Any, steps: Any, max_output: Any) -> tuple[int, int, int, int]:
    """What a program may use.

    Raises:
        InputError: no whole number, or out of range.
    """
    return (
        whole(alphabet, "alphabet", 2, 256),
        whole(memory, "memory", 1, 32_768),
        whole(steps, "steps", 1, LARGEST),
        whole(max_output, "max_output", 1, 65_536),
    )


def settings(
    machine: Any, *, max_length: Any, a: Any, b: Any, order: Any, horizon: Any, **sizes: Any
) -> dict[str, Any]:
    """The arguments of an enumeration, as plain numbers.

    Raises:
        InputError: an unknown machine or order, or something else than numbers.
    """
    if machine not in MACHINES:
        raise InputError(f"machine {machine!r}; give one of {', '.join(MACHINES)}")
    if order not in ORDERS:
        raise InputError(f'order {order!r}; give "mass" or "rank"')
    alphabet, memory, steps, max_output = limits(**sizes)
    return {
        "machine": machine,
        "max_length": min(whole(max_length, "max_length", 0), LARGEST),
        "steps": steps,
        "alphabet": alphabet,
        "memory": memory,
        "max_output": max_output,
        "a": real(a, "a"),
        "b": real(b, "b"),
        "order": order,
        "horizon": whole(horizon, "horizon", 1, 64),
    }

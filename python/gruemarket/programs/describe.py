"""What one program does, in words."""

from typing import TYPE_CHECKING

from gruemarket._core import Predictor
from gruemarket.programs.machines import run, text

if TYPE_CHECKING:
    from gruemarket.programs.family import Programs

SHOWN = 16  # symbols
FAR = 4096  # symbols, to tell parts of an account from each other
HISTORIES = 3  # of a reader, by length: shorter than this


def described(family: "Programs", program: str) -> str:
    """What a program prints, how fast, in how many cells, and which account it is in."""
    settings = family.arguments
    if settings["machine"] == "reader":
        return f"{program!r} {_answers(family, program)}. {_account(family, _answered(family, program))}"
    told = f"{program!r} {_printed(family, program)}"
    if settings["machine"] != "turing":
        limits = {name: settings[name] for name in ("alphabet", "memory", "steps", "max_output")}
        done = run(program, machine=settings["machine"], **limits)
        told += f": {done.steps} steps for {_many(len(done.output), 'symbol')}, {_many(done.cells, 'cell')}"
    return f"{told}. {_account(family, _place(family, program))}"


def _printed(family: "Programs", program: str) -> str:
    first, cycle = family.unrolled(program, family.arguments["max_output"])
    once = text(first[:SHOWN]) + ("..." if len(first) > SHOWN else "")
    if cycle is None:
        return f"prints {once}"
    if not cycle:
        return f"prints {once} and nothing more" if first else "prints nothing"
    again = text(cycle[:SHOWN]) + ("..." if len(cycle) > SHOWN else "")
    return f"prints {once}, then {again} again and again" if first else f"prints {again} again and again"


def _answers(family: "Programs", program: str) -> str:
    histories, answers = _histories(family, program, HISTORIES)
    pairs = zip(histories, answers, strict=True)
    shown = ["nothing" if answer is None else text(bytes([answer])) for _, answer in pairs]
    parts = [f"{text(bytes(past)) or 'the start'}: {said}" for past, said in zip(histories, shown, strict=True)]
    return f"says after {', '.join(parts)}"


def _histories(family: "Programs", program: str, horizon: int) -> tuple[list[tuple[int, ...]], list[int | None]]:
    """All histories shorter than the horizon, the shortest first, and the answer to each; None for no more answers."""
    settings = family.arguments
    asked: dict[tuple[int, ...], Predictor] = {
        (): Predictor(program, "reader", settings["alphabet"], settings["memory"])
    }
    histories: list[tuple[int, ...]] = []
    answers: list[int | None] = []
    for _ in range(horizon):
        longer: dict[tuple[int, ...], Predictor] = {}
        for past, predictor in asked.items():
            histories.append(past)
            answers.append(predictor.next(settings["steps"])[0])
            for symbol in range(settings["alphabet"]):
                longer[*past, symbol] = predictor.fork()
                longer[*past, symbol].hear(symbol)
        asked = longer
    return histories, answers


def _answered(family: "Programs", program: str) -> int | None:
    """A reader's account, where its answers tell."""
    _, answers = _histories(family, program, family.arguments["horizon"])
    if None in answers:
        return None
    places = _of(family, bytes(answer for answer in answers if answer is not None))
    names = family.names
    return next((place for place in places if names[place] == program), places[0] if len(places) == 1 else None)


def _place(family: "Programs", program: str) -> int | None:
    """A program's account, by what it prints."""
    start = _symbols(family, program, family.arguments["max_output"])
    said = [symbol for symbol in start if symbol is not None]
    places = _of(family, bytes(said)) if len(said) == family.arguments["max_output"] else []
    if len(places) < 2:
        return next(iter(places), None)
    names, own = family.names, _symbols(family, program, FAR)
    alike = [_alike(own, _symbols(family, names[place], FAR)) for place in places]
    return places[alike.index(max(alike))]


def _of(family: "Programs", output: bytes) -> list[int]:
    """The accounts of an output, which are several where it was split."""
    outputs = family.found.outputs
    row = outputs.index(output) if output in outputs else None
    account = -1 if row is None else int(family.rows[row])
    return [place for place, origin in enumerate(family.origins) if origin == account]


def _symbols(family: "Programs", program: str, symbols: int) -> list[int | None]:
    """So many symbols, None for those that never come."""
    first, cycle = family.unrolled(program, symbols)
    rest = [] if cycle is None else [None] if not cycle else list(cycle)
    told: list[int | None] = list(first)
    while rest and len(told) < symbols:
        told += rest
    return told[:symbols]


def _alike(some: list[int | None], others: list[int | None]) -> int:
    """How many symbols two programs have in common, or one and the other's complement."""
    same = [one == other for one, other in zip(some, others, strict=False)]
    return same.index(not same[0]) if same and (not same[0]) in same else len(same)


def _account(family: "Programs", place: int | None) -> str:
    if place is None:
        return "It has no account of its own: too few symbols, or none that tell it apart; its mass is in the reserve"
    row = family.table().row(place, named=True)
    merged = " or its complement" if family.arguments["noise"] and family.outcomes == 2 else ""
    return (
        f"Account {place}, {row['name']!r}: {_many(row['members'], 'program')} that print this{merged}, "
        f"{row['mass_bits_upper']:.1f} bits together"
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"

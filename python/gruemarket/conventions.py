"""What engine and reference agree on: how blocks are given, which names are taken, how a history is told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gruemarket.arrays import floats, integers, vector
from gruemarket.errors import InputError, ShapeError

COUNTERPARTIES = ("market", "tax", "reserve", "entry", "reinforcement")  # of the ledger
TRADER_COLUMNS = ("trader", "name", "group", "wealth", "never")  # of provenance, beside its stages
BLOCK_KEYS = ("forecasts", "outcomes", "stakes", "likelihoods")


def keywords(block: Any) -> dict[str, Any]:
    """A block of rounds as keywords of `Market.run`."""
    if isinstance(block, Mapping):
        unknown = [key for key in block if key not in BLOCK_KEYS]
        if unknown:
            raise InputError(f"unknown keys {unknown} in a block; give {', '.join(BLOCK_KEYS)}")
        return dict(block)
    if isinstance(block, tuple):
        if len(block) not in (2, 3):
            raise InputError(f"a block of {len(block)} parts; give (forecasts, outcomes) or these and stakes")
        return dict(zip(BLOCK_KEYS, block, strict=False))
    return {"likelihoods": block}


def blocks_of_one_kind(blocks: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Blocks as keywords, one by one: forecasts in all of them, or likelihoods in all."""
    first = None
    for block in blocks:
        given = keywords(block)
        kind = "forecasts" if given.get("likelihoods") is None else "likelihoods"
        first = kind if first is None else first
        if kind != first:
            raise InputError(f"{kind} after blocks or episodes of {first}; give the same in all")
        yield given


def stage_name(given: Any) -> str | None:
    """The name of a stage, or None to stay in the present one; its name heads a column of provenance."""
    if given is None:
        return None
    if not (isinstance(given, str) and given):
        raise InputError(f"stage {given!r}; give a name, or None to stay in the present stage")
    if given in TRADER_COLUMNS:
        raise InputError(f"stage {given!r} would hide a column of provenance; give another name")
    return given


def check_groups(labels: Iterable[str]) -> None:
    """Raises InputError if a group has the name of one of the ledger's counterparties."""
    for label in labels:
        if label in COUNTERPARTIES:
            raise InputError(f"group {label!r} has the name of a counterparty in the ledger; give another name")


def redefinitions(
    traders: Any, bits: Any, names: Any, groups: Any, market: Any
) -> tuple[list[int], list[float], list[str], list[str]]:
    """What `Market.redefined` is given, one item a redefinition: sources, bits, names and groups of the new traders."""
    sources = integers(traders, "traders").tolist()
    lengths = floats(bits, "bits")
    lengths = np.full(len(sources), lengths) if lengths.ndim == 0 else lengths
    if (wrong := next((i for i in sources if not 0 <= i < len(market.names)), None)) is not None:
        raise InputError(f"trader {wrong} is not one of 0 to {len(market.names) - 1}")
    added = [f"{market.names[i]} (redefined)" for i in sources] if names is None else [str(name) for name in names]
    given = [market.groups[i] for i in sources] if groups is None else [str(group) for group in groups]
    if not len(sources) == len(lengths) == len(added) == len(given):
        counts = f"{len(lengths)} bits, {len(added)} names and {len(given)} groups"
        raise ShapeError(f"{len(sources)} traders to redefine, with {counts}; give one each")
    check_groups(given)
    return sources, lengths.tolist(), added, given


def splits(sources: Any, shares: Any, names: Any, market: Any) -> tuple[list[tuple[int, float]], list[str]]:
    """What `Market.split` is given, one item a new trader: source and share; and the names."""
    came, given = integers(sources, "sources").tolist(), vector(shares, "shares").tolist()
    if (wrong := next((i for i in came if not 0 <= i < len(market.names)), None)) is not None:
        raise InputError(f"trader {wrong} is not one of 0 to {len(market.names) - 1}")
    old = market.names
    called = [old[i] for i in came] if names is None else [str(name) for name in names]
    if not len(came) == len(given) == len(called):
        raise ShapeError(f"{len(came)} sources with {len(given)} shares and {len(called)} names; give one each")
    return list(zip(came, given, strict=True)), called


def rule(segments: Sequence[tuple[int, int]], names: Sequence[str], tax_bits: float) -> str:
    """A history as text: from which index to which, which trader.

    >>> rule([(0, 1), (120, 0)], ["green", "blue"], 9.25)
    '0..119 blue; 120.. green (tax 9.2 bits)'
    """
    ends = [str(start - 1) for start, _ in segments[1:]] + [""]
    parts = [f"{start}..{end} {names[trader]}" for (start, trader), end in zip(segments, ends, strict=True)]
    return f"{'; '.join(parts)} (tax {tax_bits:.1f} bits)"

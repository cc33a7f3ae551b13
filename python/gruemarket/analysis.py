"""What a market's money means: measures on inductors and histories, as Polars frames, with nulls beside them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from gruemarket.complexity import Complexity, complexity
from gruemarket.diversity import distinct, entropy_bits, similarity, vendi
from gruemarket.errors import InputError
from gruemarket.history import History
from gruemarket.inductor import Inductor
from gruemarket.intervals import wilson
from gruemarket.learning import learning_time
from gruemarket.run import Floats
from gruemarket.selection import selection_share

__all__ = [
    "Complexity",
    "bits_to_win_back",
    "complexity",
    "distinct",
    "entropy_bits",
    "inductive_bias",
    "learning_time",
    "mode_collapse",
    "responsibility",
    "selection_share",
    "similarity",
    "vendi",
    "voice_accuracy",
]

LN2 = math.log(2)

MEASURES: dict[str, Any] = {
    "entropy_bits": pl.Float64,
    "effective_accounts": pl.Float64,
    "samples": pl.Int64,
    "distinct_1": pl.Float64,
    "distinct_2": pl.Float64,
    "distinct_3": pl.Float64,
    "vendi": pl.Float64,
    "vendi_share": pl.Float64,
}


# --- What an inductor predicts, and how soon


def inductive_bias(
    inductor: Inductor, probes: Any, *, virgin: Inductor | None = None, every: int = 8, max_bytes: int = 2048
) -> pl.DataFrame:
    r"""How well and how soon each probe voice is predicted, by the trained market and by a virgin one.

    The *learning time* of a document is the least number of bytes from which on the account that is best at its end
    holds more than half of the fast wealth, at every look until that end; 0 if it does from the start. There is a look
    every `every` bytes. A document whose best account holds half or less at the end is never learned.

    Args:
        inductor: the trained one; nothing in it moves.
        probes: a `Corpus`, or a frame with the columns voice and text.
        virgin: what to compare with; None takes `inductor.virgin()`, the same families with their prior cash.
        every: bytes between two looks.
        max_bytes: how much of each document is read.

    Returns:
        One row a market and voice: market ("virgin" or "trained"), voice, documents, bytes, bits, bits_per_byte,
        learning_bytes (the median over documents, null if most are never learned), learned (the share that is).

    Raises:
        InputError: no documents, or documents without a voice or text.

    >>> import gruemarket as gm
    >>> inductor = gm.Inductor({"ones": gm.Table([[[0.9]] * 16]), "noughts": gm.Table([[[0.2]] * 16])})
    >>> inductive_bias(inductor, pl.DataFrame({"voice": ["ones"], "text": [b"\xff\xff"]}), every=1).row(1)[:6]
    ('trained', 'ones', 1, 2, 3.4..., 1.7...)
    """
    documents = _documents(probes, max_bytes)
    frames = []
    for name, one in (("virgin", inductor.virgin() if virgin is None else virgin), ("trained", inductor)):
        start = _shares(one.market.wealth)
        rows = [_probe(one, start, text, every) for text in documents["text"]]
        found = pl.DataFrame(rows, {"bytes": pl.Int64, "bits": pl.Float64, "time": pl.Float64}, orient="row")
        frames.append(pl.concat([documents.select("voice"), found], how="horizontal").with_columns(market=pl.lit(name)))
    median = pl.col("time").median()
    return (
        pl.concat(frames)
        .group_by("market", "voice", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("documents"),
            pl.col("bytes", "bits").sum(),
            (pl.col("bits").sum() / pl.col("bytes").sum()).alias("bits_per_byte"),
            pl.when(median.is_finite()).then(median).alias("learning_bytes"),
            pl.col("time").is_finite().mean().alias("learned"),
        )
    )


def _probe(inductor: Inductor, start: Floats, text: bytes, every: int) -> tuple[int, float, float]:
    marks = range(every, len(text), every)
    [told] = inductor.rehearse([text], marks=marks)
    shares = np.vstack([start, _shares(told.wealth)])
    return len(text), told.bits, learned_at(shares, [0, *marks, len(text)])


def learned_at(shares: Floats, marks: Sequence[int]) -> float:
    """The first mark from which on the account that is best at the end holds more than half, to the end; inf if none.

    Args:
        shares: (M, N) each account's share at each mark.
        marks: (M,) bytes.

    >>> learned_at(np.array([[0.6, 0.4], [0.3, 0.7], [0.6, 0.4], [0.8, 0.2]]), [0, 8, 16, 24])
    16.0
    """
    above = shares[:, shares[-1].argmax()] > 0.5
    if not above[-1]:
        return math.inf
    return float(marks[len(above) - int(np.argmin(above[::-1])) if not above.all() else 0])


def responsibility(inductor: Inductor, texts: Iterable[Any], *, marks: Sequence[int] = (100,)) -> pl.DataFrame:
    r"""Who is behind the prediction of a text: each account's fast wealth after some bytes of it and after all of it.

    With full Kelly clearing this is the posterior probability of each account, given what was read.

    Args:
        inductor: nothing in it moves.
        texts: bytes or text.
        marks: bytes after which to look, rising; marks past a text's end are left out.

    Returns:
        One row a text, look and account: text (its index), bytes (read so far), account, wealth, share (of what all
        accounts hold).

    >>> import gruemarket as gm
    >>> inductor = gm.Inductor({"ones": gm.Table([[[0.9]] * 16]), "noughts": gm.Table([[[0.2]] * 16])})
    >>> responsibility(inductor, [b"\xff"], marks=[]).select("account", pl.col("share").round(6)).rows()
    [('ones', 0.999994), ('noughts', 6e-06)]
    """
    names, frames = inductor.names, []
    for index, text in enumerate(texts):
        length = len(text.encode() if isinstance(text, str) else text)
        looks = [mark for mark in marks if mark < length]
        [told] = inductor.rehearse([text], marks=looks)
        for read, wealth in zip([*looks, length], told.wealth, strict=True):
            place = pl.select(pl.lit(index, pl.Int64).alias("text"), pl.lit(read, pl.Int64).alias("bytes"))
            book = pl.DataFrame({"account": names, "wealth": wealth, "share": _shares(wealth)})
            frames.append(place.join(book, how="cross"))
    schema = {"text": pl.Int64, "bytes": pl.Int64, "account": pl.String, "wealth": pl.Float64, "share": pl.Float64}
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def voice_accuracy(
    inductor: Inductor, corpus: Any, *, after_bytes: int = 100, voices: Mapping[str, str] | None = None
) -> pl.DataFrame:
    r"""Whether a document's beginning is given to its own voice: the one whose accounts hold the most fast wealth.

    Args:
        inductor: nothing in it moves.
        corpus: held-out documents: a `Corpus`, or a frame with the columns voice and text.
        after_bytes: how much of each document is read; shorter ones are read whole.
        voices: family -> voice. None takes the family's own name, without what a redefinition added (`name@stage`).

    Returns:
        One row a voice, and one for "all": voice, documents, right, accuracy, low and high (Wilson's 95 % interval),
        chance (of a guess among the corpus's voices), most_common (the accuracy of always naming the commonest voice;
        for "all" only).

    >>> import gruemarket as gm
    >>> inductor = gm.Inductor({"ones": gm.Table([[[0.9]] * 64]), "noughts": gm.Table([[[0.2]] * 64])})
    >>> corpus = pl.DataFrame({"voice": ["ones", "noughts", "noughts"], "text": [b"\xff", b"\x00", b"\xf7"]})
    >>> voice_accuracy(inductor, corpus).select("voice", "documents", "right", "chance").rows()
    [('ones', 1, 1, 0.5), ('noughts', 2, 1, 0.5), ('all', 3, 2, 0.5)]
    """
    documents = _documents(corpus, after_bytes)
    if "all" in documents["voice"]:
        raise InputError("a voice is called 'all', which stands for all of them; rename it")
    told = inductor.rehearse(documents["text"].to_list())
    owners = _owners(inductor, voices)
    given = [_voice_shares(rehearsal.wealth[-1], owners) for rehearsal in told]
    right = pl.Series([max(shares, key=lambda name: shares[name]) for shares in given], dtype=pl.String)
    judged = documents.select("voice", right=right == documents["voice"])
    count, kinds = judged["voice"].value_counts()["count"], judged["voice"].n_unique()
    both = pl.concat([judged, judged.with_columns(voice=pl.lit("all"))])
    totals = both.group_by("voice", maintain_order=True).agg(pl.len().alias("documents"), pl.col("right").sum())
    rows = []
    for voice, number, hits in totals.rows():
        common = float(count.to_numpy().max()) / number if voice == "all" else None
        rows.append((voice, number, hits, hits / number, *wilson(hits, number), 1 / kinds, common))
    floats = ("accuracy", "low", "high", "chance", "most_common")
    schema: dict[str, Any] = {"voice": pl.String, "documents": pl.Int64, "right": pl.Int64}
    return pl.DataFrame(rows, schema | dict.fromkeys(floats, pl.Float64), orient="row")


# --- Where the money lies


def bits_to_win_back(source: Inductor | History) -> pl.DataFrame:
    """By how many bits each account must out-predict the rest to hold half of all money: log2((1 - w) / w).

    With full Kelly clearing an account's odds w / (1 - w) grow by 2^(bits by which it predicts better than the others'
    price); a smaller fraction makes it slower. Below 0 for who holds more than half.

    Args:
        source: an inductor, or a history, whose wealth after the last batch counts.

    Returns:
        account, wealth, log2_wealth, bits; for a history seed before them.

    >>> import gruemarket as gm
    >>> inductor = gm.Inductor({"a": gm.Table([[[0.9]] * 64]), "b": gm.Table([[[0.2]] * 64])}, bits={"a": 0.5, "b": 3})
    >>> bits_to_win_back(inductor).select("account", pl.col("bits").round(3)).rows()
    [('a', -1.272), ('b', 2.807)]
    """
    if isinstance(source, History):
        last = pl.col("batch") == pl.col("batch").max().over("seed")
        found = source.wealth.filter(last).select("seed", "account", "wealth", "log2_wealth")
    else:
        market = source.market
        found = pl.DataFrame(
            {"account": source.names, "wealth": market.wealth, "log2_wealth": market.log2_wealth},
            {"account": pl.String, "wealth": pl.Float64, "log2_wealth": pl.Float64},
        )
    rest = (-pl.col("wealth").clip(0, 1)).log1p() / LN2
    return found.with_columns((rest - pl.col("log2_wealth")).alias("bits"))


# --- How much is left


def mode_collapse(
    source: Inductor | History,
    prompts: Mapping[str, Sequence[Any]] | None = None,
    *,
    n: int = 16,
    max_bytes: int = 200,
    seed: int = 0,
    voices: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    r"""Whether money and samples have run together, and what a prompt still brings back.

    The book: entropy_bits, H of the slow wealth, and effective_accounts, 2^H. The samples: distinct_1 to distinct_3
    (different n-grams of words over all of them, Li et al. 2016), vendi (the effective number of different samples,
    Friedman and Dieng 2022, by the cosines of their counts of 1- and 2-grams) and vendi_share, that over their number.

    Args:
        source: a history, whose samples are judged stage by stage, those from prompts and those from none apart; or an
            inductor, which is asked for samples without a prompt and with `prompts`.
        prompts: voice -> prompts in that voice, for an inductor.
        n: samples for each prompt, for an inductor.
        max_bytes: of each sample.
        seed: of the samples.
        voices: family -> voice; None takes the family's own name, without what a redefinition added.

    Returns:
        For a history one row a seed, stage and kind: seed, stage, prompted, and the measures above. For an inductor one
        row without a prompt and one a voice: voice (null: no prompt), the measures above, wealth (the voice's share of
        the slow wealth), recovered (its mean share of the fast wealth after its prompts) and kept (that at the samples'
        ends).

    Raises:
        InputError: prompts for a history, or none for a voice.

    >>> import gruemarket as gm
    >>> families = {"ones": gm.Table([[[0.9]] * 64]), "noughts": gm.Table([[[0.2]] * 64])}
    >>> inductor = gm.Inductor(families, bits={"ones": 12, "noughts": 0.001})
    >>> found = mode_collapse(inductor, {"ones": [b"\xff\xff"]}, n=4, max_bytes=4)
    >>> found.select("voice", pl.col("wealth", "recovered").round(3)).rows()
    [(None, None, None), ('ones', 0.0, 1.0)]
    """
    if isinstance(source, History):
        if prompts is not None:
            raise InputError("prompts for a history, which has its own; give an inductor to ask it for new samples")
        return _collapse_by_stage(source)
    rows = [_collapse_row(source, None, [b""], (n, max_bytes, seed), voices)]
    for voice, asked in (prompts or {}).items():
        if isinstance(asked, str | bytes) or not asked:
            raise InputError(f"prompts of {voice!r}: {asked!r}; give a list of one or more")
        rows.append(_collapse_row(source, voice, asked, (n, max_bytes, seed), voices))
    shares = dict.fromkeys(("wealth", "recovered", "kept"), pl.Float64)
    return pl.DataFrame(rows, {"voice": pl.String} | MEASURES | shares)


def _collapse_by_stage(history: History) -> pl.DataFrame:
    rows = []
    texts = history.samples.with_columns(prompted=pl.col("prompt").fill_null("") != "")
    for (seed, stage, prompted), some in texts.group_by("seed", "stage", "prompted", maintain_order=True):
        wealth = _wealth_after(history, seed, stage)
        place = {"seed": seed, "stage": stage, "prompted": prompted}
        rows.append(place | _measures(wealth, some["text"].fill_null("").to_list()))
    schema: dict[str, Any] = {"seed": pl.Int64, "stage": pl.String, "prompted": pl.Boolean} | MEASURES
    return pl.DataFrame(rows, schema)


def _wealth_after(history: History, seed: Any, stage: Any) -> Floats:
    mine = history.wealth.filter(seed=seed)
    last = history.stages.filter(seed=seed, stage=stage)["last_batch"]
    batch = -1 if stage == "before" or last.is_empty() else last.item()
    return mine.filter(batch=batch)["wealth"].to_numpy()


def _measures(wealth: Floats, texts: Sequence[str]) -> dict[str, Any]:
    entropy = entropy_bits(wealth) if wealth.sum() > 0 else None
    score = vendi(similarity(texts))
    grams = {f"distinct_{n}": distinct(texts, n) for n in (1, 2, 3)}
    return {
        "entropy_bits": entropy,
        "effective_accounts": None if entropy is None else 2**entropy,
        "samples": len(texts),
        **{name: None if math.isnan(value) else value for name, value in grams.items()},
        "vendi": score,
        "vendi_share": score / len(texts),
    }


def _collapse_row(
    inductor: Inductor,
    voice: str | None,
    prompts: Sequence[Any],
    how: tuple[int, int, int],
    voices: Mapping[str, str] | None,
) -> dict[str, Any]:
    n, max_bytes, seed = how
    drawn = [
        one
        for i, prompt in enumerate(prompts)
        for one in inductor.generate(prompt, max_bytes, n=n, seed=[seed, i])  # type: ignore[arg-type] # numpy takes lists
    ]
    row = {"voice": voice, **_measures(inductor.market.wealth, [one.text for one in drawn])}
    if voice is None:
        return row | dict.fromkeys(("wealth", "recovered", "kept"))
    owners = _owners(inductor, voices)
    held = _voice_shares(inductor.market.wealth, owners)
    if voice not in held:
        raise InputError(f"no family has the voice {voice!r}; there are {', '.join(held)}")
    recovered, kept = (
        np.mean([_voice_shares(one.responsibility[at], owners)[voice] for one in drawn]) for at in (0, -1)
    )
    return row | {"wealth": held[voice], "recovered": float(recovered), "kept": float(kept)}


# --- Shared


def _documents(given: Any, max_bytes: int) -> pl.DataFrame:
    """The voice and the first bytes of every document that has any."""
    frame = getattr(given, "documents", given)
    if not isinstance(frame, pl.DataFrame) or not {"voice", "text"} <= {*frame.columns}:
        raise InputError(
            f"{type(given).__name__} is not a corpus; give one, or a frame with the columns voice and text"
        )
    if max_bytes < 1:
        raise InputError(f"{max_bytes} bytes of each document; give 1 or more")
    texts = frame.select(pl.col("voice").cast(pl.String), pl.col("text").cast(pl.Binary))
    kept = texts.filter(pl.col("text").bin.size() > 0, pl.col("voice").is_not_null())
    if kept.is_empty():
        raise InputError("no documents with a voice and a text; give one or more")
    return kept.with_columns(pl.col("text").bin.slice(0, max_bytes))


def _owners(inductor: Inductor, voices: Mapping[str, str] | None) -> list[str]:
    """(N,) the voice of each account."""
    named = voices or {}
    return [named.get(family, _origin(family, inductor)) for family in inductor.market.groups]


def _origin(family: str, inductor: Inductor) -> str:
    """The family that redefinitions (`name@stage`) began with; an "@" of its own is part of a name."""
    parts = family.split("@")
    starts = ("@".join(parts[:end]) for end in range(1, len(parts)))
    return next((start for start in starts if start in inductor.families), family)


def _voice_shares(wealth: Floats, owners: Sequence[str]) -> dict[str, float]:
    shares = dict.fromkeys(owners, 0.0)
    for owner, share in zip(owners, _shares(wealth).tolist(), strict=True):
        shares[owner] += share
    return shares


def _shares(wealth: Floats) -> Floats:
    """Of what the accounts hold together: the reserve does not bet."""
    return np.asarray(wealth / wealth.sum(axis=-1, keepdims=True))

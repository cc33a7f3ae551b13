"""The numbers behind each plot: frames out of a history, of which the plots draw every row."""

from collections.abc import Iterator

import polars as pl

from gruemarket.history import History, mean_and_interval

HUBS = ("market", "tax", "entry", "reinforcement")  # counterparties through which money only passes
POINTS = 200  # of a line, in each stage: more cannot be seen
BINS = 40  # of a learning curve, in each stage

MEAN_OF_SEEDS = ["mean", "low", "high", "seeds"]


def bands(history: History) -> pl.DataFrame:
    """Each stage's span, in episodes and on an axis where every stage has length 1: stage, start, end, place.

    A history that does not say its stages has one, without a name.
    """
    end = pl.col("episodes").cum_sum()
    one = history.stages.filter(pl.col("seed") == pl.col("seed").first()).sort("first_batch", maintain_order=True)
    spans = one.select("stage", (end - pl.col("episodes")).alias("start"), end.alias("end"))
    if spans.is_empty():
        counted = pl.concat([history.wealth["episodes"], history.bits["episode"], pl.Series([1])])
        spans = pl.DataFrame({"stage": [""], "start": [0], "end": [counted.max()]})
    return spans.with_row_index("place").with_columns(pl.col("place").cast(pl.Int64))


def _placed(frame: pl.DataFrame, bands: pl.DataFrame, episode: str) -> pl.DataFrame:
    """With `place`: the number of the stage, and how far into it the episode lies."""
    known = bands.rename({"place": "index"})
    joined = frame.join(known, on="stage", how="left", maintain_order="left")
    filled = joined.with_columns(pl.col("index", "start").fill_null(0), pl.col("end").fill_null(bands["end"].max()))
    length = (pl.col("end") - pl.col("start")).clip(1)
    part = ((pl.col(episode) - pl.col("start")) / length).clip(0, 1)
    return filled.with_columns(place=(pl.col("index") + part).round(4)).drop("index", "start", "end")


def wealth(history: History) -> pl.DataFrame:
    """Every account's money: panel (share or log2), stage, batch, episodes, account, place, mean, low, high, seeds."""
    keys = ["stage", "batch", "episodes", "account"]
    panels = [
        history.interval(measure, keys).with_columns(panel=pl.lit(panel))
        for measure, panel in (("wealth", "share"), ("log2_wealth", "log2"))
    ]
    linear, log2 = panels
    shares = linear.with_columns(pl.col("low", "high").clip(0, 1))
    both = pl.concat([shares, log2.with_columns(pl.col("low", "high").clip(upper_bound=0))])
    placed = _placed(both, bands(history), "episodes")
    return _thinned(placed.select("panel", *keys, "place", *MEAN_OF_SEEDS))


def _thinned(frame: pl.DataFrame) -> pl.DataFrame:
    """At most POINTS batches of each stage, its first and last among them."""
    kept = []
    for (stage,), rows in frame.group_by("stage", maintain_order=True):
        batches = rows["batch"].unique().sort()
        every = -(-len(batches) // POINTS)
        some = pl.concat([batches.gather_every(every), batches.tail(1)]).unique().to_list()
        kept.append(pl.col("batch").is_in(some) & (pl.col("stage") == stage))
    return frame.filter(pl.any_horizontal(kept)) if kept else frame


def learning(history: History) -> pl.DataFrame:
    """Bits per byte of what was read, by voice, in bins of batches.

    Columns: stage, voice, batch (the first of the bin), episode (its mean), place, mean, low, high, seeds.
    """
    rows = history.bits.join(history.stages.select("seed", "stage", "first_batch", "last_batch"), on=["seed", "stage"])
    width = ((pl.col("last_batch") - pl.col("first_batch") + 1) / BINS).ceil().cast(pl.Int64)
    binned = rows.with_columns(pl.col("batch") - (pl.col("batch") - pl.col("first_batch")) % width)
    middle = binned.group_by("stage", "batch").agg(pl.col("episode").mean().round(1))
    keys = ["stage", "voice", "batch"]
    total = pl.col("bits").sum() / pl.col("bytes").sum()
    by_seed = binned.group_by("seed", *keys, maintain_order=True).agg(total.alias("value"))
    found = mean_and_interval(by_seed, "value", keys).join(middle, on=["stage", "batch"], maintain_order="left")
    return _placed(found, bands(history), "episode").select(*keys, "episode", "place", *MEAN_OF_SEEDS)


def net_flows(history: History) -> pl.DataFrame:
    """What each account won (> 0) or lost in each stage, by cause: stage, cause, account, mean, low, high, seeds."""
    ledger, accounts = history.ledger, _parties(history, reserve=False)
    received = ledger.select("seed", "stage", "cause", pl.col("to").alias("account"), pl.col("amount"))
    paid = ledger.select("seed", "stage", "cause", pl.col("from").alias("account"), -pl.col("amount"))
    moved = pl.concat([received, paid])
    # who has no row in a seed moved nothing there
    causes, stages = (ledger.select(name).unique(maintain_order=True) for name in ("cause", "stage"))
    everybody = (
        stages.join(causes, how="cross")
        .join(accounts, how="cross")
        .join(pl.DataFrame({"seed": history.seeds}), how="cross")
    )
    keys = ["stage", "cause", "account"]
    rows = pl.concat(
        [everybody.with_columns(amount=0.0).select(moved.columns), moved.join(accounts, on="account", how="semi")]
    )
    by_seed = rows.group_by("seed", *keys, maintain_order=True).agg(pl.col("amount").sum())
    return mean_and_interval(by_seed, "amount", keys).with_columns(pl.col("low", "high").clip(-1, 1))


def paid_to(history: History) -> pl.DataFrame:
    """Who paid whom in each stage, in net: stage, from, to, amount (mean over seeds).

    All money goes through a counterparty, batch by batch and cause by cause; each payer's is taken to reach those who
    receive in proportion to what they receive.
    """
    keys = ["seed", "stage", "batch", "cause"]
    ledger, parties = history.ledger, _parties(history, reserve=True)
    pays = ledger.join(parties, left_on="from", right_on="account", how="semi")
    pays = pays.group_by(*keys, "from", maintain_order=True).agg(pl.col("amount").sum().alias("paid"))
    gets = ledger.join(parties, left_on="to", right_on="account", how="semi")
    gets = gets.group_by(*keys, "to", maintain_order=True).agg(pl.col("amount").sum().alias("got"))
    gets = gets.with_columns(part=pl.col("got") / pl.col("got").sum().over(keys))
    pairs = pays.join(gets, on=keys, maintain_order="left").filter(pl.col("from") != pl.col("to"))
    amount = (pl.col("paid") * pl.col("part")).sum() / len(history.seeds)
    gross = pairs.group_by("stage", "from", "to", maintain_order=True).agg(amount.alias("amount"))
    back = gross.select("stage", pl.col("to").alias("from"), pl.col("from").alias("to"), pl.col("amount").alias("back"))
    net = gross.join(back, on=["stage", "from", "to"], how="left", maintain_order="left")
    net = net.with_columns(pl.col("amount") - pl.col("back").fill_null(0.0)).drop("back")
    return net.filter(pl.col("amount") > 0)


def _parties(history: History, *, reserve: bool) -> pl.DataFrame:
    """Those of the ledger who own money, in the order in which their accounts first appear."""
    ends = pl.concat([history.wealth["account"], history.ledger["from"], history.ledger["to"]])
    hidden = HUBS if reserve else (*HUBS, "reserve")
    named = ends.alias("account").unique(maintain_order=True).to_frame()
    present = pl.concat([history.ledger["from"], history.ledger["to"]]).unique().to_list()
    return named.filter(~pl.col("account").is_in(hidden), pl.col("account").is_in(present))


def phases(history: History) -> list[str]:
    """What was evaluated, in order: before, and after each stage."""
    known = ["before", *history.stage_names]
    present = history.evaluation["stage"].unique(maintain_order=True).to_list()
    return [phase for phase in known if phase in present] + [phase for phase in present if phase not in known]


def evaluation(history: History) -> pl.DataFrame:
    """Bits per byte of held-out documents: stage, voice, account, mean, low, high, seeds."""
    return history.interval("evaluation", ["stage", "voice", "account"])


def changes(history: History) -> pl.DataFrame:
    """What each stage did to the market's bits per byte: stage, voice, mean, low, high, seeds; < 0 is better."""
    order = phases(history)
    rate = (pl.col("bits").sum() / pl.col("bytes").sum()).alias("rate")
    rows = history.evaluation.filter(pl.col("account") == "market")
    rates = rows.group_by("seed", "stage", "voice", maintain_order=True).agg(rate)
    pairs = dict(zip(order[1:], order[:-1], strict=True))
    after = rates.filter(pl.col("stage").is_in(list(pairs)))
    after = after.with_columns(last=pl.col("stage").replace_strict(pairs, return_dtype=pl.String))
    last = rates.rename({"stage": "last", "rate": "rate_before"})
    both = after.join(last, on=["seed", "last", "voice"], maintain_order="left")
    both = both.with_columns(change=pl.col("rate") - pl.col("rate_before"))
    return mean_and_interval(both, "change", ["stage", "voice"])


def provenance(history: History) -> pl.DataFrame:
    """Where each account's money comes from: account, origin (never, or a stage), share, part (of the account's)."""
    stages = [name for name in history.provenance.columns if name not in ("seed", "account", "wealth")]
    rows = history.provenance.unpivot(stages, index=["seed", "account"], variable_name="origin", value_name="share")
    means = rows.group_by("account", "origin", maintain_order=True).agg(pl.col("share").sum() / len(history.seeds))
    total = pl.col("share").sum().over("account")
    return means.with_columns(part=pl.when(total > 0).then(pl.col("share") / total))


def rewards(history: History) -> pl.DataFrame:
    """The mean reward and the scale of each step: stage, batch, step, reward, low, high, scale, rollouts.

    With several seeds the interval is Student's over their means; with one, over its rollouts, which share prompts and
    steps and so are not quite independent. It is cut at the least and the greatest reward that was ever given.
    """
    keys, several = ["stage", "batch"], len(history.seeds) > 1
    rows = history.rewards.group_by("seed", *keys, maintain_order=True).agg(pl.col("reward").mean())
    found = mean_and_interval(rows if several else history.rewards, "reward", keys)
    more = history.rewards.group_by(*keys, maintain_order=True).agg(
        pl.col("scale").mean(), pl.len().cast(pl.Int64).alias("rollouts")
    )
    joined = found.join(more, on=keys, maintain_order="left").sort("batch", maintain_order=True)
    given = history.rewards.select(least=pl.col("reward").min(), greatest=pl.col("reward").max())
    ends = pl.col("low", "high").clip(*given.row(0))
    step = pl.int_range(1, pl.len() + 1).over("stage").alias("step")
    return joined.select(*keys, step, pl.col("mean").alias("reward"), ends, "scale", "rollouts")


def samples(history: History, seed: int) -> Iterator[tuple[str, dict[str, list[dict[str, object]]]]]:
    """For each prompt, what was written from it at each stage."""
    rows = history.samples.filter(pl.col("seed") == seed)
    for (prompt,), some in rows.group_by("prompt", maintain_order=True):
        by_stage = some.group_by("stage", maintain_order=True)
        yield str(prompt), {str(stage): found.to_dicts() for (stage,), found in by_stage}

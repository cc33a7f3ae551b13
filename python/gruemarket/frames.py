"""What a market keeps, as frames."""

from typing import Any

import polars as pl

from gruemarket.conventions import rule

CAUSES = ("settlement", "grue tax", "grue tax", "entry", "reinforcement")
PAYERS = ("market", "tax", "tax", "entry", "reinforcement")  # the counterparty of each cause


def ledger_frame(columns: Any, groups: list[str]) -> pl.DataFrame:
    """The ledger: stage, batch, cause, from, to, amount."""
    group = pl.Series("group", groups, dtype=pl.String).gather(columns["group"])
    cause, amount = columns["cause"], pl.Series("amount", columns["amount"])
    rows = pl.DataFrame(
        {
            "stage": pl.Series(columns["stages"], dtype=pl.String).gather(columns["stage"]),
            "batch": pl.Series(columns["batch"], dtype=pl.Int64),
            "cause": pl.Series(CAUSES, dtype=pl.String).gather(cause),
        }
    )
    other = pl.Series(PAYERS, dtype=pl.String).gather(cause)
    # a group pays where it lost, and where it paid tax
    pays = pl.Series((cause == 1) | (columns["amount"] < 0), dtype=pl.Boolean)
    rows = rows.with_columns(
        pl.Series("from", other.zip_with(~pays, group)),
        pl.Series("to", group.zip_with(~pays, other)),
        amount.abs().alias("amount"),
        order=pl.int_range(pl.len()),
    )
    waiting = rows.filter(pl.col("cause") == "entry").with_columns(
        pl.lit("reserve").alias("from"), pl.lit("entry").alias("to"), order=pl.col("order") - 0.5
    )
    rows = rows.with_columns(pl.col("order").cast(pl.Float64))
    return pl.concat([rows, waiting]).sort("order").drop("order")


def definition_frame(found: list[Any], names: list[str] | None, groups: list[str]) -> pl.DataFrame:
    """The most probable histories, a row each."""

    def name(trader: int) -> str:
        return str(trader) if names is None else names[trader]

    rows = []
    for trader, group, wealth, log2_wealth, segments, tax_bits, log2_share in found:
        # each segment with a name of its own: only those that are shown are looked up, which may be few of many
        shown = [(start, place) for place, (start, _) in enumerate(segments)]
        history = rule(shown, [name(holder) for _, holder in segments], tax_bits)
        who = (trader, name(trader), groups[group], wealth, log2_wealth)
        rows.append((*who, history, len(segments) - 1, tax_bits, log2_share))
    schema = {"trader": pl.Int64, "name": pl.String, "group": pl.String, "wealth": pl.Float64}
    schema |= {"log2_wealth": pl.Float64, "definition": pl.String, "switches": pl.Int64}
    schema |= {"tax_bits": pl.Float64, "log2_share": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row").with_row_index("rank", offset=1)

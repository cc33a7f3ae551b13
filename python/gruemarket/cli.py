"""The command `gruemarket`: runs curricula from TOML files and looks at what came of them.

Exit codes: 0 done, 1 the run failed, 2 the command or the configuration is wrong, 130 stopped by Ctrl-C.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast

import polars as pl
import typer
from rich.console import Console
from rich.table import Table

import gruemarket
from gruemarket import compared, corpora, experiments, rundir
from gruemarket.complexity import Complexity
from gruemarket.complexity import complexity as measure_complexity
from gruemarket.config import Config
from gruemarket.corpora.corpus import size
from gruemarket.errors import InputError, MarketError
from gruemarket.history import History

FAILED, WRONG = 1, 2
MOST = 2**31  # bytes and texts that may be asked for
EXPERIMENTS = "experiments"  # their folder in a run's
MOST_ROWS = 12  # of a table of results; the report and the Parquet files have them all

app = typer.Typer(
    help="Markets of traders: of text, trained by transfers of cash; and of real forecasters.",
    epilog="Exit codes: 0 done, 1 the run failed, 2 the command or the configuration is wrong, 130 stopped by Ctrl-C.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a defect shows Python's own traceback
)


# --- Commands


def _version(asked: bool) -> None:  # noqa: FBT001 # as typer calls it
    if asked:
        typer.echo(f"gruemarket {gruemarket.__version__}")
        raise typer.Exit


VERSION = typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)


@app.callback()
def main(context: typer.Context, *, version: Annotated[bool, VERSION] = False) -> None:  # noqa: ARG001 # see _version
    """Prepares every command."""
    context.obj = context.obj or gruemarket  # whoever calls `app(obj=...)` may hand over another


@app.command()
def run(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The run; see examples/voices.toml.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change it: inductor.clearing.fraction=0.5. Repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the results, in place of its own.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed, in place of its own. Repeatable.")] = None,
    *,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Show no progress.")] = False,
) -> None:
    """Runs a curriculum, or continues it: the same command goes on where it stopped."""
    with failing(WRONG):
        read = Config.load(config, changes or [])
        given = {"out": out and str(out), "seeds": seed or None}
        asked = {key: value for key, value in given.items() if value is not None}
        plan = Config({**read.tables, **asked}, read.folder).plan(context.obj)
    with failing(FAILED):
        try:
            history = plan.curriculum.run(plan.inductor, out=plan.out, progress=not no_progress, report=False)
            if plan.experiments is not None:
                first = history.seeds[0]
                pretrained = context.obj.Inductor.load(plan.out / "inductors" / f"{plan.pretrained}-{first}")
                plan.experiments.run(pretrained, plan.out / EXPERIMENTS, seed=first, progress=not no_progress)
        except KeyboardInterrupt:
            typer.echo(f"stopped; the same command continues the run in {plan.out}", err=True)
            raise
        page = _report(history, plan.out)
    _show(*results(history), *_headlines(plan.out))
    typer.echo(f"results: {plan.out}\nreport:  {page}")


@app.command()
def report(directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")]) -> None:
    """Shows the results of a run and writes its report anew."""
    with failing(WRONG):
        history = _history(directory)
    with failing(FAILED):
        page = _report(history, directory)
    _show(*results(history), *_headlines(directory))
    typer.echo(f"report: {page}")


@app.command("corpora")
def list_corpora() -> None:
    """Lists the voices that a corpus may have: sizes, licences, and whether they are installed."""
    table = Table(title="Voices")
    for column in ("voice", "what it is", "licence", "documents", "size", "from"):
        table.add_column(column, justify="right" if column in ("documents", "size") else "left")
    for row in corpora.catalogue().iter_rows(named=True):
        found = (str(row["documents"]), size(row["bytes"])) if row["installed"] else ("", "")
        origin = row["source"] if row["installed"] else f"pip install 'gruemarket[{row['extra']}]'"
        table.add_row(row["voice"], row["about"], row["licence"], *found, origin)
    _show(table)


@app.command()
def generate(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")],
    *,
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="How the text begins.")] = "",
    max_bytes: Annotated[int, typer.Option(min=0, max=MOST, help="How much to write.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the likeliest, 1 samples from the price.")] = 1.0,
    n: Annotated[int, typer.Option("-n", "--n", min=1, max=MOST, help="How many texts.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the draws; the run's own if not given.")] = None,
) -> None:
    """Writes text from the market as a run has left it: after its last seed, if it has several."""
    with failing(WRONG):
        inductor = context.obj.Inductor.load(_trained(directory))
    start = prompt.encode(errors="surrogateescape")  # the bytes that were given, UTF-8 or not
    with failing(FAILED):
        samples = inductor.generate(start, max_bytes, temperature=temperature, n=n, seed=seed)
    for number, sample in enumerate(samples, start=1):
        share, name = max(zip(sample.responsibility[-1], inductor.names, strict=True))
        count = len(sample.data)
        rate = f", {sample.bits / count:.2f} bits/byte" if count else ""
        _show(f"# {number}: {count} bytes{rate}, {share:.0%} {name}", to=sys.stderr)
        typer.echo((start + sample.data).decode(errors="replace"))


@app.command()
def score(
    forecasts: Annotated[
        Path,
        typer.Argument(metavar="FORECASTS", help="Parquet or CSV: question, forecaster, time, outcome, probability."),
    ],
    resolutions: Annotated[
        Path,
        typer.Option(
            "--resolutions",
            "-r",
            metavar="FILE",
            help="Parquet or CSV: question, outcome (empty if open); closes, resolves.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and report.")] = Path("scores"),
    outcomes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="All outcomes, if not all are named: question, outcome.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="How far from 1 a forecast may sum, before it is divided by it.")
    ] = 1e-6,
    clearing: Annotated[str, typer.Option(help="kelly, isoelastic or logpool.")] = "kelly",
    fraction: Annotated[float | None, typer.Option(help="Of kelly: how much of it is bet.")] = None,
    aversion: Annotated[float | None, typer.Option(help="Of isoelastic: of risk; 1 is kelly.")] = None,
    step: Annotated[float | None, typer.Option(help="Of logpool: how fast money moves.")] = None,
    grue: Annotated[
        str | None, typer.Option(help="Grue tax: inverse, elias-gamma, elias-delta, elias-omega or a constant rate.")
    ] = None,
    lock: Annotated[
        float | None,
        typer.Option(help="Share of wealth locked in a question; by default 1 / how many are open, as seen so far."),
    ] = None,
    order: Annotated[str, typer.Option(help="close: no look-ahead. resolve: the sequential game.")] = "close",
    at: Annotated[str | None, typer.Option(help="Price then: a time, or 7d (w, d, h, m, s) before close.")] = None,
    which: Annotated[str, typer.Option(help="Of a forecaster's forecasts of a question: last or every.")] = "last",
    floor: Annotated[float, typer.Option(help="Least probability of a forecast.", show_default="2^-20")] = 2**-20,
    methods: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Score this and the market only; give it again for more. By default all."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals.")] = 0,
    streamed: Annotated[bool, typer.Option("--stream", help="For Parquet files larger than memory.")] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Show no progress.")] = False,
) -> None:
    """Combines real forecasters: scores markets on resolved questions, prices open ones."""
    from gruemarket.forecasts import command  # noqa: PLC0415 # what draws takes long to import

    with failing(WRONG):
        rule = command.clearing_of(clearing, fraction=fraction, aversion=aversion, step=step)
        settings = {"clearing": rule, "grue": command.tax_of(grue), "order": order, "at": at, "which": which}
        settings |= {"methods": methods or None, "lock": lock}
        more = {"outcomes": outcomes, "tolerance": tolerance, "floor": floor, "seed": seed, "progress": not no_progress}
        try:
            command.run(
                forecasts,
                resolutions,
                out,
                streamed=streamed,
                show=lambda scores: _show(*command.tables(scores)),
                **settings,
                **more,
            )
        except KeyboardInterrupt:
            typer.echo("stopped before any results were written", err=True)
            raise
    typer.echo(f"results: {out}\nreport:  {out / 'report.html'}")


@app.command()
def complexity(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    process: Annotated[
        list[str] | None, typer.Option("--process", "-p", help="A named process, such as 'even'; all. Repeatable.")
    ] = None,
    symbols: Annotated[
        list[Path] | None, typer.Option(help="A file of symbols, as 0110 or 3, 12, 3. Repeatable.")
    ] = None,
    machines: Annotated[int, typer.Option("--generated", min=0, help="How many machines to generate besides.")] = 30,
    length: Annotated[int, typer.Option(min=1, help="Symbols a sequence.")] = 2000,
    seeds: Annotated[int, typer.Option(min=1, help="Sequences of each process.")] = 5,
    epsilon: Annotated[float, typer.Option(min=0.0, help="Excess loss, bits a symbol, that counts as learned.")] = 0.05,
    states: Annotated[int, typer.Option(min=1, help="Of the state machines, at most.")] = 4,
    depth: Annotated[int, typer.Option(min=0, max=64, help="Of the context trees, in symbols.")] = 16,
    tokens: Annotated[int, typer.Option(min=4, max=14, help="Of the programs, at most; readers have 4 less.")] = 12,
    pretrain: Annotated[
        int, typer.Option(min=0, help="Other machines that the pretrained have read; 0: none are.")
    ] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of the generated machines.")] = 0,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Show no progress.")] = False,
) -> None:
    """Measures how long inductors take to learn processes, or continues: the same command goes on where it stopped."""
    with failing(WRONG):
        chosen = compared.processes(process, symbols or [], machines, seed)
        makers = compared.inductors(states=states, depth=depth, tokens=tokens)
        if pretrain:
            before = {
                f"pretrained {name}": compared.pretrained(make, episodes=pretrain, seed=seed + 1, without=chosen)
                for name, make in makers.items()
            }
            makers = {**makers, **before}
    with failing(FAILED):
        try:
            found = measure_complexity(
                makers, chosen, length=length, seeds=seeds, epsilon=epsilon, out=out, progress=not no_progress
            )
        except KeyboardInterrupt:
            typer.echo(f"stopped; the same command continues in {out}", err=True)
            raise
        page = import_module("gruemarket.report.complexity").write(found, out / "report.html", manifest=_manifest(out))
    _show(*_learned(found))
    typer.echo(f"results: {out}\nreport:  {page}")


# --- What it reads and writes


def _manifest(directory: Path) -> dict[str, Any]:
    try:
        return rundir.read_manifest(directory)
    except FileNotFoundError as error:
        raise InputError(f"{directory} is not the folder of a run; give the --out of one") from error


def _history(directory: Path) -> History:
    """What a run has written down, once it was finished or stopped."""
    _manifest(directory)
    try:
        return History.load(directory)
    except FileNotFoundError as error:
        raise InputError(f"the run in {directory} has no results yet; give its command again to continue it") from error


def _trained(directory: Path) -> Path:
    """Where a run has last saved its inductor."""
    _manifest(directory)
    snapshot = rundir.latest(directory)
    if snapshot is None:
        raise InputError(f"the run in {directory} has no whole checkpoint; give its command again to continue it")
    return snapshot / "inductor"


def _report(history: History, directory: Path) -> Path:
    """Writes the report into a run's folder."""
    found = experiments.load(directory / EXPERIMENTS) or []
    return gruemarket.report.report(
        history,
        directory / "report.html",
        manifest=_manifest(directory),
        tables={one.title: one.table for one in found},
        captions={one.title: one.caption for one in found},
    )


def _headlines(directory: Path) -> list[Table]:
    """What the experiments found, in short; nothing if there were none."""
    found = experiments.load(directory / EXPERIMENTS)
    if not found:
        return []
    table = Table("asked", "found", "beside it", title="Experiments")
    for one in found:
        for row in one.headlines:
            table.add_row(*row)
    return [table]


def results(history: History) -> list[Table]:
    """The results in short: what the market learned of each voice, and who holds the money, stage by stage.

    Means over the seeds. Tables of which the history has nothing are left out.
    """
    stages = history.stage_names
    ends = history.stages.select("seed", "stage", batch="last_batch")
    wealth = history.wealth.filter(pl.col("batch") == -1).with_columns(stage=pl.lit("before"))
    after = history.wealth.drop("stage").join(ends, on=["seed", "batch"], how="inner").select(wealth.columns)
    market = history.evaluation.filter(pl.col("account") == "market")
    wealth = pl.concat([wealth, after])
    found = [
        _by_stage("Held-out text, bits/byte", market, stages, rows="voice", value="bits_per_byte", form="{:.3f}"),
        _by_stage("Wealth, shares of all money", wealth, stages, rows="account", value="wealth", form="{:.4f}"),
    ]
    return [table for table in found if table is not None]


def _by_stage(
    title: str, frame: pl.DataFrame, stages: Sequence[str], *, rows: str, value: str, form: str
) -> Table | None:
    if frame.is_empty():
        return None
    columns = [stage for stage in ("before", *stages) if stage in frame["stage"]]
    wide = frame.pivot(on="stage", index=rows, values=value, aggregate_function="mean", sort_columns=False)
    shown = wide if len(wide) <= MOST_ROWS else wide.top_k(MOST_ROWS, by=columns[-1])
    table = Table(title=title if len(shown) == len(wide) else f"{title} (the {MOST_ROWS} most of {len(wide)})")
    table.add_column(rows)
    for stage in columns:
        table.add_column(stage, justify="right")
    for row in shown.iter_rows(named=True):
        table.add_row(row[rows], *("" if row[stage] is None else form.format(row[stage]) for stage in columns))
    return table


def _learned(found: Complexity) -> list[Table]:
    """Learning times and their rank correlations between inductors, in short."""
    times = found.times().filter(arm="process").with_columns(stage="inductor")
    cost = _by_stage("Regret, bits", times, found.inductors, rows="process", value="regret_bits", form="{:.1f}")
    both = found.correlations().filter(pl.col("second").is_in(found.inductors))
    agree = Table("inductor", "and", "Spearman's rank correlation of regrets", "95 %", title="Agreement")
    for row in both.iter_rows(named=True):
        known = row["low"] is not None
        interval = f"{row['low']:.2f} .. {row['high']:.2f}" if known else ""
        agree.add_row(row["first"], row["second"], f"{row['spearman']:.2f}" if known else "", interval)
    return [*([cost] if cost else []), *([agree] if len(both) else [])]


# --- Showing


def _show(*what: Table | str, to: Any = None) -> None:
    """Prints for people; where there is no terminal, tables take what room they need."""
    stream = to or sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else 160, markup=False, highlight=False)
    for one in what:
        console.print(one)


@contextmanager
def failing(code: int) -> Iterator[None]:
    """What goes wrong in here is one message on stderr and an exit code, without a traceback; warnings are one line."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = cast("Any", _warn)  # takes less than Python's own: where does not matter here
            yield
    except BrokenPipeError:  # nobody reads on, as in `gruemarket corpora | head`
        raise
    except (MarketError, OSError) as error:
        told = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.filename else str(error)
        typer.secho(f"error: {told}", fg="red", err=True)
        raise typer.Exit(code) from None


def _warn(message: Warning | str, *_where: Any, **_and_how: Any) -> None:
    typer.secho(f"warning: {message}", fg="yellow", err=True)

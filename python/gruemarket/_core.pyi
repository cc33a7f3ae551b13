"""The engine, as the extension gives it to `gruemarket.market`; users want `gruemarket.Market`.

It reads C-contiguous arrays of exactly the types that stand here: `gruemarket.arrays` makes them. Every error is one of
`gruemarket.errors`, and leaves a market as it was before the call.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Never, Self, TypeAlias, TypedDict, final

import numpy as np
import numpy.typing as npt

from gruemarket.clearing import Demand, RuleSpec
from gruemarket.grue import TaxSpec
from gruemarket.logic.steps import Steps

__all__ = [
    "ContextTree",
    "DeductiveProcess",
    "Enumeration",
    "FeatureProgram",
    "ForecastBook",
    "ForecastRun",
    "LogicalInductor",
    "Market",
    "Members",
    "PlausibleWorlds",
    "Predictor",
    "Programs",
    "Run",
    "Sentence",
    "Text",
    "atom",
    "build_info",
    "clear_features",
    "hazards",
    "one_of",
    "parse_sentence",
    "run_program",
    "sample_programs",
    "set_threads",
    "threads",
]

_Floats: TypeAlias = npt.NDArray[np.float64]
_Values: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.float32]
_Layout: TypeAlias = str
"""How values are laid out.

"likelihood": (T, N), what happened; "binary": (T, N), outcome 1 of two; "full": (T, K, N).
"""
_Outcomes: TypeAlias = npt.NDArray[np.uint32] | None
_Block: TypeAlias = tuple[_Values, _Layout, _Outcomes, _Floats | None]
"""Values, layout, outcomes (T,), stakes (N,) or (T, N)."""
_Ints: TypeAlias = npt.NDArray[np.int64]
_SparseBlock: TypeAlias = tuple[_Ints, _Ints, _Values, _Layout, _Outcomes, _Floats | None]
"""Starts (T+1,), traders (M,), values, layout, outcomes (T,), stakes (M,)."""
_Uints: TypeAlias = npt.NDArray[np.uint32]
_Questions: TypeAlias = tuple[_Ints, _Uints, _Uints, _Floats]
"""Starts (Q+1,), forecasters (M,), numbers of outcomes (Q,), values entry after entry."""
_Resolutions: TypeAlias = tuple[_Ints, _Ints, _Ints]
"""Resolved questions (R,), what happened (R,), after how many questions (R,)."""

_Limits: TypeAlias = tuple[int, int, int, int]
"""Alphabet, memory, steps, output limit."""

class _BuildInfo(TypedDict):
    version: str
    profile: Literal["release", "debug"]
    commit: str | None
    rustc: str | None
    target: str | None

class _Ledger(TypedDict):
    stages: list[str]
    stage: npt.NDArray[np.uint32]
    batch: npt.NDArray[np.uint64]
    cause: npt.NDArray[np.uint32]
    group: npt.NDArray[np.uint32]
    amount: _Floats

class _ContextTreeConfig(TypedDict):
    depth: int
    factored: bool
    estimator: float
    leaf_bits: float
    taxed: bool
    memory_mib: float

def build_info() -> _BuildInfo:
    """What this extension was built from: version, profile, git commit (None if unknown), rustc and target."""

def hazards(kind: str, values: Sequence[float], start: int, stop: int) -> list[float]:
    """The hazards of a schedule for the indices start..stop; that of 0 is 0, as no tax is levied there."""

def threads() -> int:
    """The number of worker threads: what was set, else `GRUEMARKET_THREADS`, else every core."""

def set_threads(count: int) -> None:
    """Sets the number of worker threads, 1 or more. Results never depend on it."""

@final
class Run:
    """What a call of the market gave."""

    @property
    def prices(self) -> _Floats:
        """(T * K,) prices, round after round; (T,) of what happened where only likelihoods were given."""

    @property
    def losses(self) -> _Floats:
        """(T,) -log2 of the price of what happened."""

    @property
    def passes(self) -> npt.NDArray[np.uint32]:
        """(T,) passes over the traders that each price took; empty with Kelly's rule."""

    @property
    def residuals(self) -> _Floats:
        """(T,) how far each price is from clearing; empty with Kelly's rule."""

    @property
    def first(self) -> int:
        """The market's index of the first round."""

    def regret_bits(self) -> _Floats:
        """(N,) regret, worked out now if it has not been; empty where it was not asked for."""

    def regret_is_pending(self) -> bool:
        """Whether the regret still holds on to the accounts it is to be worked out from."""

@final
class Market:
    """The books of N traders, in float64 or float32."""

    def __new__(
        cls,
        prior: _Floats,
        is_bits: bool,
        outcomes: int,
        clearing: RuleSpec,
        tax: TaxSpec | None,
        groups: npt.NDArray[np.uint32] | None,
        group_count: int,
        enters_at: _Ints | None,
        dtype: str,
        normalize: bool,
        provenance: bool,
        definitions: bool,
    ) -> Self:
        """A market in which nothing has happened; `gruemarket.Market` describes the arguments."""

    def run(self, block: _Block, stage: str | None, new_episode: bool, regret: bool) -> Run:
        """Plays rounds of one episode."""

    def run_sparse(self, block: _SparseBlock, stage: str | None, new_episode: bool, regret: bool) -> Run:
        """Plays rounds of one episode for those who are listed."""

    def run_batch(self, episodes: Sequence[_Block], stage: str | None, regret: bool) -> Run:
        """Plays episodes that are resolved all at once."""

    def price(self, block: _Block) -> _Floats:
        """(K,) the prices of the next round, the tax that is due included; nothing moves."""

    def virgin(self) -> Market:
        """The same traders before anything has happened."""

    def with_wealth(self, shares: _Floats) -> Market:
        """The same traders and clocks with other cash."""

    def redefined(self, redefinitions: list[tuple[int, float, int]], groups: int, stage: str | None) -> Market:
        """The market with one more trader for each (source, bits, group)."""

    def split(self, parts: list[tuple[int, float]]) -> Market:
        """The market whose traders are (source, share) of the present ones."""

    def reinforce(self, parts: npt.NDArray[np.float64], advantages: _Floats, step: float) -> tuple[_Floats, float]:
        """(amounts, scale) of a payment from the traders behind bad rollouts to those behind good ones."""

    def without_records(self) -> Market:
        """The same accounts at the same time, without the records."""

    def wealth(self) -> _Floats:
        """(N,) shares of all money."""

    def log2_wealth(self) -> _Floats:
        """(N,) log2 of the shares."""

    def bits(self) -> _Floats:
        """(N,) the prior in bits."""

    def groups(self) -> npt.NDArray[np.uint32]:
        """(N,) each trader's group; empty where there is one group."""

    @property
    def reserve(self) -> float:
        """The share that no entered trader owns."""

    @property
    def stage(self) -> str:
        """The present stage; empty before the first."""

    @property
    def clock(self) -> tuple[int, int, int, int]:
        """Rounds, episodes, batches, stages begun so far."""

    @property
    def traders(self) -> int:
        """N."""

    @property
    def outcomes(self) -> int:
        """K."""

    def clearing(self) -> tuple[str, list[float], _Floats | None, int, Demand | None]:
        """The fields of the clearing rule's `RuleSpec`."""

    @property
    def dtype(self) -> str:
        """How wealth is kept: "f64" or "f32"."""

    @property
    def unit(self) -> str:
        """What the tax's index counts; empty without a tax."""

    @property
    def follows_definitions(self) -> bool:
        """Whether the most probable histories are followed."""

    @property
    def keeps_provenance(self) -> bool:
        """Whether the market follows in which stage money was redefined."""

    @property
    def state_bytes(self) -> int:
        """Memory of the books and of what stands beside each trader."""

    def ledger(self) -> _Ledger:
        """The names of the stages; per entry stage, batch, cause, group and amount."""

    def provenance(self) -> list[tuple[str | None, _Floats]]:
        """Stage (None: never redefined) and (N,) each trader's share of its own money."""

    def definitions(self, top: int) -> list[tuple[int, int, float, float, list[tuple[int, int]], float, float]]:
        """Of the richest: trader, group, wealth, its log2; history (first index, trader), its tax in bits, its log2."""

    def save(self, path: Path, note: str) -> None:
        """Saves the market and a note to a file, which is whole or the one before."""

    @staticmethod
    def load(path: Path) -> tuple[Market, str]:
        """A saved market and the note kept with it."""

    def to_bytes(self, note: str) -> bytes:
        """What `save` writes."""

    @staticmethod
    def from_bytes(saved: bytes) -> tuple[Market, str]:
        """The market that `to_bytes` gave, and the note kept with it."""

    def __copy__(self) -> Market: ...

@final
class Members:
    """Families whose accounts stand side by side in one market."""

    def __new__(cls, families: Sequence[object]) -> Self:
        """Families with the same outcomes."""

    @property
    def accounts(self) -> int:
        """All accounts of all members."""

    @property
    def outcomes(self) -> int:
        """K of every round."""

    def likelihoods(
        self, episodes: list[npt.NDArray[np.uint32]], learn: npt.NDArray[np.bool_], every: bool = False
    ) -> list[_Floats]:
        """(rounds, accounts) probabilities of what happened, for each episode; `learn` is (members, episodes).

        With `every`, (rounds * outcomes, accounts) of every outcome.
        """

    def sample(
        self,
        market: Market,
        context: npt.NDArray[np.uint32],
        symbols: int,
        rounds: int,
        temperature: float,
        stop: list[list[int]],
        new_episode: bool,
        seeds: list[int],
    ) -> list[tuple[npt.NDArray[np.uint32], float, _Floats]]:
        """(outcomes, bits, (symbols + 1, accounts) fast wealth) of a rollout for each seed."""

class _TextConfig(TypedDict):
    memory_mib: float
    orders: list[int]
    word: bool
    matches: bool
    clearing: tuple[str, float]
    floor: float
    estimator: float
    limit: float
    endowment: float
    seed: int

class _ByteFamily:
    """What `Text` and `ContextTree` have alike; no class of the extension."""

    def begin_episode(self) -> None:
        """Forgets the context, not what was learned."""

    def forecast(self) -> _Floats:
        """(2, 1) the probability of each next bit."""

    def byte_forecast(self) -> _Floats:
        """(256,) the probability of each next byte; where a byte begins, of trees that are factored."""

    def observe(self, outcome: int) -> None:
        """Learns the bit, unless frozen, and goes on."""

    def read(self, outcomes: npt.NDArray[np.uint8] | npt.NDArray[np.uint32]) -> _Floats:
        """(T, 1) the probability of each bit that happened, forecast before it is learned."""

    def bits(self, data: bytes) -> float:
        """Reads bytes, learning: their code length in bits. `Text` begins an episode first, `ContextTree` goes on."""

    def freeze(self, frozen: bool = True) -> None:
        """While frozen, nothing is learned; the context moves on."""

    @property
    def frozen(self) -> bool:
        """Whether nothing is learned."""

    def fork(self) -> Self:
        """An independent copy."""

    def save(self, path: Path) -> None:
        """Saves the family to a file, which is whole or the one before."""

    @property
    def traders(self) -> int:
        """How many traders have been asked and are still in the tables; how many contexts trees have seen."""

    @property
    def awake(self) -> int:
        """How many traders bet on the next bit; how many contexts seen before are those of the next bit."""

    @property
    def memory_bytes(self) -> int:
        """Memory of everything the family holds."""

@final
class Text(_ByteFamily):
    """A dense cluster of specialists that read bytes as bits; `gruemarket.Text` describes it."""

    def __new__(
        cls,
        memory_mib: float,
        orders: Sequence[int],
        word: bool,
        matches: bool,
        clearing: tuple[str, float],
        floor: float,
        estimator: float,
        limit: float,
        endowment: float,
        seed: int,
    ) -> Self:
        """A family that has read nothing; clearing is "log pool" and its step, or "Kelly" and its fraction."""

    @staticmethod
    def load(path: Path) -> Text:
        """The family that was saved.

        Raises:
            CheckpointError: a file that is damaged, newer than this package or of something else.
        """

    @property
    def config(self) -> _TextConfig:
        """The arguments it was made with."""

@final
class ContextTree(_ByteFamily):
    """All prunable suffix trees of a depth, cleared as one full-Kelly market: context-tree weighting, or switching.

    A trader is a suffix tree with the prior `2^-bits` of its code; its leaves forecast by their counts. Every node is a
    market of two accounts, "stop here" and "descend" (Willems, Shtarkov, Tjalkens 1995). With a tax, each node's market
    is taxed as any other: before every visit of the node but its first, by the kernel "anything". That is context-tree
    switching (Veness, Ng, Hutter, Bowling 2012, arXiv 1111.3182), but for their hazard: they turn `1/t` of each account
    into the other, where t counts all outcomes.
    """

    def __new__(
        cls, depth: int, factored: bool, estimator: float, leaf_bits: float, tax: TaxSpec | None, memory_mib: float
    ) -> Self:
        """Trees that have read nothing.

        Args:
            depth: the longest context in bits, 0 to 64, the most recent bit first.
            factored: whether the bits are those of bytes, most significant first: eight trees, one for each place in a
                byte, whose contexts are the bits of this byte so far, then those of the bytes before it.
            estimator: what is added to each count of a belief, > 0; 0.5 is Krichevsky-Trofimov, and 1/16 is
                better on text.
            leaf_bits: what a tree's code spends on a leaf above the full depth; an inner node costs
                `-log2(1 - 2^-leaf_bits)`. 1 is one bit a node; on text, 4 is far better.
            tax: moves money inside the nodes, its index counts the visits of each: kernel "anything", unit "round".
            memory_mib: the most that nodes may take, in MiB, 32 bytes for a node and 16 for a path that has seen one
                context. When they are full, no more are born: a context that was never seen forecasts as its longest
                seen suffix, and contexts that were not told apart until then are counted together.

        Raises:
            InputError: a setting out of range, a tax with another kernel or unit, or with a stage's landmark.
        """

    @staticmethod
    def load(path: Path) -> ContextTree:
        """The trees that were saved.

        Raises:
            CheckpointError: a file that is damaged, newer than this package or of something else.
        """

    @property
    def config(self) -> _ContextTreeConfig:
        """What it was built from; of the tax, whether there is one."""

@final
class ForecastRun:
    """What a call of a book of forecasts gave, for its Q questions in order."""

    @property
    def prices(self) -> _Floats:
        """(sum of K,) the price of each outcome, question after question."""

    @property
    def staked(self) -> _Floats:
        """(Q,) what was locked, as a share of all money."""

    @property
    def locks(self) -> _Floats:
        """(Q,) the share of its wealth that each question asked of its forecasters."""

    @property
    def passes(self) -> npt.NDArray[np.uint32]:
        """(Q,) how often the clearing went over the forecasters."""

    @property
    def residual(self) -> _Floats:
        """(Q,) how far each price is from clearing."""

    @property
    def watched(self) -> _Floats:
        """(Q * w,) log2 of the wealth of the watched, question after question."""

@final
class ForecastBook:
    """The books of N forecasters, with stakes that stay locked until their question is resolved."""

    def __new__(
        cls,
        bits: _Floats,
        clearing: RuleSpec,
        lock: float | None,
        tax: TaxSpec | None,
        normalize: bool,
        entering: bool,
    ) -> Self:
        """A book in which nothing has happened; `gruemarket.forecasts.book.ForecastBook` describes the arguments."""

    def play(self, questions: _Questions, resolutions: _Resolutions, watch: _Ints) -> ForecastRun:
        """Prices the next questions, and resolves some among them."""

    def log2_wealth(self) -> _Floats:
        """(N,) log2 of the share of all money, locked stakes included."""

    def wealth(self) -> _Floats:
        """(N,) shares of all money, locked stakes included."""

    def locked(self) -> _Floats:
        """(N,) the part of it that is locked."""

    def regret_bits(self) -> _Floats:
        """(N,) sum over resolved questions of the stake's share of wealth times log2(q(x) / c(x))."""

    def answered(self) -> _Ints:
        """(N,) of how many resolved questions each was listed."""

    def open(self) -> _Ints:
        """The numbers of the questions that are not resolved, rising."""

    def questions(self) -> int:
        """How many questions have been priced."""

    def tax_bits(self) -> float:
        """What taxes took so far from who never received any, in bits."""

    def __len__(self) -> int:
        """How many forecasters there are."""

def run_program(program: str, machine: str, limit: _Limits) -> tuple[bytes, int, str, int]:
    """Runs a program.

    Returns:
        Its output, its steps, why it ended, and how many cells it visited.

    Raises:
        InputError: an unknown machine or token, brackets that do not match, limits out of range.
    """

def sample_programs(start: int, stop: int, seed: int, limit: _Limits) -> dict[str, Any]:
    """The BrainPhoque programs start..stop of a seed, drawn from `7^-tokens`: columns of programs and their runs."""

@final
class Enumeration:
    """Every program up to a size, by behaviour."""

    def __new__(
        cls,
        machine: str,
        size: int,
        limit: _Limits,
        prior: tuple[float, float],
        prune: bool,
        horizon: int,
    ) -> Self:
        """Enumerates, runs and groups.

        Args:
            machine: "brainfuck", "brainphoque", "reader" or "turing".
            size: the most tokens; of Turing machines, the number of states.
            limit: alphabet, memory, steps, output limit.
            prior: the exponents of time and memory.
            prune: False runs every Brainfuck program.
            horizon: readers are told apart by their answers to all histories shorter than this.

        Raises:
            InputError: a setting out of range.
        """

    @property
    def programs(self) -> int:
        """How many programs there are."""

    @property
    def runs(self) -> int:
        """How many runs it took."""

    @property
    def mass(self) -> float:
        """The mass of all programs by length alone."""

    def behaviours(self) -> dict[str, Any]:
        """Columns, one row a behaviour."""

    def members(self, behaviour: int | None = None) -> dict[str, Any]:
        """Columns, one row a member of a full behaviour, or of all of them."""

@final
class Programs:
    """Programs as a family: one account a behaviour."""

    def __new__(
        cls,
        found: Enumeration,
        machine: str,
        masses: _Floats,
        drawn: list[tuple[str, int, int, bytes, float]],
        manner: tuple[bool, bool, float],
    ) -> Self:
        """Accounts for the behaviours that have a mass.

        Args:
            found: what was enumerated.
            machine: as it was enumerated.
            masses: of each behaviour; 0 for none.
            drawn: further programs, their steps and cells, what they print, what they weigh.
            manner: whether programs err as often as they have, whether they forget between episodes, a coin's mass.
        """

    @property
    def accounts(self) -> int:
        """N."""

    def bits(self) -> _Floats:
        """(N,) -log2 of the masses."""

    def begin_episode(self) -> None:
        """Every program begins anew."""

    def forecast(self) -> _Floats:
        """(K, N) probabilities."""

    def observe(self, outcome: int) -> None:
        """Learns the outcome, unless frozen, and goes on."""

    def read(self, outcomes: npt.NDArray[np.uint32]) -> _Floats:
        """(T, N) probabilities of what happened."""

    def split(self, episodes: list[npt.NDArray[np.uint32]], fresh: bool) -> list[tuple[int, float]]:
        """(source, share) of every account after a split; none if no account is split."""

    def freeze(self, frozen: bool) -> None:
        """While frozen, nothing is learned."""

    @property
    def frozen(self) -> bool:
        """Whether nothing is learned."""

    def fork(self) -> Programs:
        """An independent copy."""

    def examples(self) -> list[tuple[int, str, str, int, str, int] | None]:
        """How many programs each account has; the shortest, the fastest, its steps, the leanest, its cells.

        None for the coin.
        """

    def unroll(self, program: str, symbols: int) -> tuple[bytes, bytes | None]:
        """What a program prints: first symbols, and what comes again and again where that is known."""

    def rows(self) -> npt.NDArray[np.int64]:
        """The account of each row of the enumeration, -1 for none."""

    def origins(self) -> npt.NDArray[np.uint32]:
        """The account that each account was part of at first."""

    @property
    def undecided(self) -> int:
        """How many programs are still stepped."""

    def record(self) -> dict[str, npt.NDArray[Any]]:
        """What was seen, as arrays."""

    def restore(
        self, masses: list[float], hits: list[float], misses: list[float], coin: list[float], partition: list[int]
    ) -> None:
        """Takes over what was seen."""

@final
class Predictor:
    """A program that is asked for one symbol after the other, and keeps its state in between.

    Args:
        program: its tokens.
        machine: "reader" (Brainfuck with `,`, which writes the last revealed symbol into the cell), "brainfuck" or
            "brainphoque".
        alphabet: the number of symbols.
        memory: the number of cells, around.

    Raises:
        InputError: an unknown machine or token, brackets that do not match, a size out of range.

    >>> echo = Predictor("+[,.+]", alphabet=3)
    >>> echo.next(100)
    (0, True)
    >>> echo.hear(1)
    >>> echo.next(100)
    (1, True)
    """

    def __new__(cls, program: str, machine: str = "reader", alphabet: int = 2, memory: int = 64) -> Self: ...
    def hear(self, symbol: int) -> None:
        """Reveals what happened."""

    def next(self, steps: int) -> tuple[int | None, bool]:
        """The next symbol that it prints within so many steps, and whether one may still come if not."""

    def symbols(self, count: int, steps: int) -> npt.NDArray[np.uint8]:
        """The next symbols, up to so many, each within so many steps; nothing is revealed in between."""

    @property
    def steps(self) -> int:
        """Steps so far."""

    @property
    def cells(self) -> int:
        """Cells visited so far."""

    def fork(self) -> Predictor:
        """An independent copy in the same state."""

@final
class FeatureProgram:
    """Features of so many prices of one day, compiled."""

    def __new__(cls, spec: Steps, prices: int) -> Self:
        """Leaf number j of the steps is the price at place j."""

    def __len__(self) -> int:
        """Steps that remain once equal ones are one."""

    def exact(self, prices: Sequence[Fraction]) -> list[Fraction]:
        """The values at exact prices, exactly."""

    def estimate(self, prices: Sequence[float]) -> list[float]:
        """The values at prices, in floats."""

    def enclose(self, prices: Sequence[Fraction], bits: int) -> list[tuple[Fraction, Fraction]]:
        """Between which exact numbers the values lie, worked out with so many bits after the point."""

    def bounds(self) -> list[tuple[float, float]]:
        """Between which floats the values lie whatever the prices."""

def clear_features(
    features: FeatureProgram,
    start: Sequence[Fraction],
    tolerance: Fraction,
    polish: Fraction | None,
    evaluations: int,
    simple_fractions: bool,
) -> tuple[list[Fraction], Fraction, list[tuple[Fraction, Fraction]], str, int]:
    """Prices at which buying feature j of sentence j gains no more than the tolerance in any world.

    Also the certificate, what is bought of each, what found the prices, and how often demand was worked out.
    """

@final
class Sentence:
    """A sentence; made by `gm.logic.Atom`, `gm.logic.parse` and operators, never by `Sentence()`.

    `a & b`, `a | b`, `~a`, `a >> b` (implies), `a == b` (if and only if), `a != b` (its negation); True and False may
    stand beside a sentence. `>>` binds more tightly than `&` and `==` more loosely than all: use brackets. Equal
    sentences are the same object, so "the same sentence?" is `a is b`, and sentences are keys of dicts and sets like
    any other object. Since `==` makes a sentence, the truth value of a sentence is an error: `if a == b`, `a in [...]`
    and chains such as `a == b == c` raise it.

    >>> import gruemarket as gm
    >>> a, b = gm.logic.Atom("a"), gm.logic.Atom("b")
    >>> (a & ~b) >> (a == b), {a & b: 1}[a & b]
    (<a & ~b -> (a <-> b)>, 1)
    """

    def __and__(self, value: Sentence | bool, /) -> Sentence: ...
    def __rand__(self, value: Sentence | bool, /) -> Sentence: ...
    def __or__(self, value: Sentence | bool, /) -> Sentence: ...
    def __ror__(self, value: Sentence | bool, /) -> Sentence: ...
    def __rshift__(self, value: Sentence | bool, /) -> Sentence: ...
    def __rrshift__(self, value: Sentence | bool, /) -> Sentence: ...
    def __invert__(self) -> Sentence: ...
    def __eq__(self, value: Sentence | bool, /) -> Sentence: ...  # type: ignore[override]  # it says so, it does not ask
    def __ne__(self, value: Sentence | bool, /) -> Sentence: ...  # type: ignore[override]  # the same
    def __hash__(self) -> int: ...
    def __bool__(self) -> Never: ...
    def __reduce__(self) -> tuple[Any, tuple[str]]: ...
    @property
    def kind(self) -> Literal["constant", "atom", "not", "and", "or", "implies", "iff", "one"]:
        """How it is made."""

    @property
    def name(self) -> str | None:
        """Of an atom; None of any other sentence."""

    @property
    def parts(self) -> list[Sentence]:
        """What it is made of, in order."""

    @property
    def atoms(self) -> list[Sentence]:
        """All atoms in it, each once, in the order in which they were first spoken of."""

def atom(name: str) -> Sentence:
    """The atom of this name."""

def parse_sentence(text: str) -> Sentence:
    """Reads a sentence."""

def one_of(*sentences: Sentence) -> Sentence:
    """Exactly one of these holds."""

@final
class PlausibleWorlds:
    """The worlds that agree with what is revealed; users want `gm.logic.Worlds`."""

    def __new__(cls) -> Self: ...
    def reveal(self, sentences: Sequence[Sentence]) -> None:
        """All of these or none."""

    def truth(self, sentence: Sentence) -> bool | None:
        """In every world; None if it differs."""

    def decided(self) -> list[tuple[Sentence, bool]]:
        """What is decided of atoms, and of sentences whose worth was asked for, in the order in which it came about."""

    def extreme(
        self, sentences: Sequence[Sentence], shares: Sequence[Fraction], greatest: bool
    ) -> tuple[Fraction, list[bool]]:
        """The least or greatest worth of so many shares of each sentence, and the sentences' truth values there."""

    def __copy__(self) -> PlausibleWorlds: ...

@final
class LogicalInductor:
    """The inductor of `gm.logic.LogicalInductor`: sentences and traders by number, from 0; days from 1."""

    def __new__(cls) -> LogicalInductor: ...
    def fork(self) -> LogicalInductor:
        """A copy without the process: a process cannot be copied, only begun again."""

    def follow_process(self, process: DeductiveProcess) -> None:
        """From now on this process reveals. It is asked for the days so far first, and must reveal the same."""

    def numbers(self, sentences: Sequence[Sentence]) -> list[int]:
        """The numbers of sentences."""

    def sentences(self, ids: Sequence[int]) -> list[Sentence]:
        """The sentences of numbers."""

    def stand_in(self) -> int:
        """A sentence that stands for another one each day."""

    def mean(self, stands: int, today: int) -> None:
        """From now on it stands for this one."""

    def text(self, number: int) -> str:
        """A sentence as text; of one that is too long for that, the beginning."""

    def told(self) -> list[tuple[str, str, list[int]]]:
        """All sentences but the two constants, by number: kind, name (of an atom), parts."""

    def restore(self, told: Sequence[tuple[str, str, Sequence[int]]]) -> None:
        """Gives sentences the numbers that they had."""

    def enter(self, weight: Fraction | int) -> int:
        """Lets a trader in; its number."""

    def follow(
        self,
        trader: int,
        traded: Sequence[int],
        features: Steps | None,
        leaves: Sequence[tuple[int, bool, int]],
    ) -> None:
        """What a trader buys from now on; leaves are a sentence, whether days are counted from today, and the day."""

    def reveal(self, revealed: Sequence[int]) -> None:
        """Begins a day with these sentences."""

    def begin_day(self) -> None:
        """Begins a day with what the process reveals, unless it has begun."""

    def is_open(self) -> bool:
        """Whether a day has begun that has no prices yet."""

    def clear(
        self,
        tolerance: Fraction | int,
        polish: Fraction | int | None,
        evaluations: int,
        given: tuple[Sequence[Fraction | int], str, int] | None,
    ) -> None:
        """Finds the prices of the day that has begun and enters what is bought, or takes given prices."""

    def days(self) -> int:
        """How many days have prices."""

    def price(self, number: int | None, day: int) -> Fraction:
        """A sentence's price on a day; 0 where it was not traded."""

    def day(self, day: int) -> tuple[list[Sentence], list[Fraction]]:
        """What was traded on a day, and at which prices."""

    def revealed(self, day: int) -> list[Sentence]:
        """What was revealed on a day."""

    def truth(self, sentence: Sentence) -> bool | None:
        """A sentence's truth value, where what was revealed decides it."""

    def truth_of(self, number: int) -> bool | None:
        """The same of a sentence by number."""

    def prices(self, after: int) -> tuple[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]], _Floats]:
        """Day, sentence and price, of all days after this one."""

    def net_worth(self, after: int) -> tuple[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]], _Floats, _Floats]:
        """Day, trader, the least and the most that it is worth, of all days after this one."""

    def certificates(self, after: int) -> tuple[_Floats, _Floats, list[str], list[int]]:
        """Certificate, tolerance, solver and evaluations, of all days after this one."""

    def certificate(self, day: int) -> Fraction:
        """The certificate of a day."""

    def trade(self, trader: int, day: int) -> tuple[list[int], list[Fraction], int, list[Fraction]] | None:
        """Sentences, shares before any budget, the first budget left, and the factors from there on."""

    def audit(self) -> list[tuple[str, bool, float | None, int | None, int | None, int | None]]:
        """What was checked, whether it holds, the least slack, its day, trader and budget."""

@final
class DeductiveProcess:
    """A deductive process that was begun; made by `gm.logic.begin`."""

    @staticmethod
    def revealed(days: dict[int, list[Sentence]]) -> DeductiveProcess:
        """These sentences on these days."""

    @staticmethod
    def theory(
        axioms: Sequence[Sentence], questions: Sequence[Sentence], days: Sequence[int], axioms_day: int | None
    ) -> DeductiveProcess:
        """What the axioms say of each question, on its day."""

    @staticmethod
    def digits(number: str, digit: int, delay: int | Callable[[int], int]) -> DeductiveProcess:
        """Whether the n-th decimal is this digit, on day f(n); or n + delay."""

    @staticmethod
    def generated(generator: Any) -> DeductiveProcess:
        """What a generator yields day by day; it is sent a day's prices."""

    def next(self) -> list[Sentence]:
        """What is revealed on the next day."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> list[Sentence]: ...
    def cleared(self, sentences: Sequence[Sentence], prices: Sequence[Fraction]) -> None:
        """The exact prices of the day that it gave last."""

    @property
    def hears_prices(self) -> bool:
        """Whether it wants to know the prices of each day."""

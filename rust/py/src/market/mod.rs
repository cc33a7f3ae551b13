//! The market as Python sees it: parse, release the GIL, call the core, map the error.

mod play;
mod run;

pub use run::Run;

use crate::clearing::{self, RuleParts, RuleSpec};
use crate::errors::{InputError, PyResult, exception, in_use};
use crate::gil::released;
use crate::input::{Block, TaxSpec};
use gruemarket_core::MarketError;
use gruemarket_core::accounts::groups::Groups;
use gruemarket_core::accounts::prior::Given;
use gruemarket_core::checkpoint::Checkpoint;
use gruemarket_core::families::members::{Members, Rollout, Sampling};
use gruemarket_core::grue::Unit;
use gruemarket_core::market::read::Definition;
use gruemarket_core::market::redefine::Redefinition;
use gruemarket_core::market::regret::Regret;
use gruemarket_core::market::split::Part;
use gruemarket_core::market::{Config, Interrupt, Market as Core, When};
use gruemarket_core::real::Real;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use play::{SparseBlock, price, run, run_batch, run_sparse};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use run::Pending;
use std::path::PathBuf;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

/// A book in either float type.
#[derive(Clone)]
enum Book {
    F64(Core<f64>),
    F32(Core<f32>),
}

/// The same expression on a market of either type.
macro_rules! on {
    ($book:expr, $market:ident => $body:expr) => {
        match $book {
            Book::F64($market) => $body,
            Book::F32($market) => $body,
        }
    };
}

/// A market, locked: Python's threads may call it at once.
#[pyclass(module = "gruemarket._core", frozen)]
pub struct Market {
    book: RwLock<Book>,
}

trait Hold: Real {
    fn pending(regret: Regret<Self>) -> Pending;
    fn book(core: Core<Self>) -> Book;
}

impl Hold for f64 {
    fn pending(regret: Regret<Self>) -> Pending {
        Pending::F64(regret)
    }
    fn book(core: Core<Self>) -> Book {
        Book::F64(core)
    }
}

impl Hold for f32 {
    fn pending(regret: Regret<Self>) -> Pending {
        Pending::F32(regret)
    }
    fn book(core: Core<Self>) -> Book {
        Book::F32(core)
    }
}

impl Market {
    fn of(book: Book) -> Self {
        Self {
            book: RwLock::new(book),
        }
    }

    /// The book to read, unless a thread is changing it.
    fn book(&self) -> PyResult<RwLockReadGuard<'_, Book>> {
        match self.book.try_read() {
            Ok(book) => Ok(book),
            Err(TryLockError::Poisoned(left)) => Ok(left.into_inner()),
            Err(TryLockError::WouldBlock) => Err(in_use()),
        }
    }

    /// The book to change, unless a thread is using it.
    fn book_mut(&self) -> PyResult<RwLockWriteGuard<'_, Book>> {
        match self.book.try_write() {
            Ok(book) => Ok(book),
            Err(TryLockError::Poisoned(left)) => Ok(left.into_inner()),
            Err(TryLockError::WouldBlock) => Err(in_use()),
        }
    }

    /// Draws a rollout from the prices of this market's accounts.
    pub fn sample(
        &self,
        members: &Members,
        context: &[u32],
        how: &Sampling<'_>,
        seed: u64,
        interrupt: Interrupt<'_>,
    ) -> gruemarket_core::Result<Rollout> {
        let book = self.book().map_err(|busy| MarketError::Foreign(Box::new(busy)))?;
        on!(&*book, m => members.sample(m, context, how, seed, interrupt))
    }
}

fn build<F: Hold>(config: Config<'_>) -> PyResult<Book> {
    Core::<F>::new(config).map(F::book).map_err(exception)
}

/// The market of a checkpoint, and the note kept with it.
fn loaded(
    py: Python<'_>,
    read: impl FnOnce() -> gruemarket_core::Result<Checkpoint> + Send,
) -> PyResult<(Market, String)> {
    let (book, note) = released(py, |_| {
        let file = read()?;
        match file.dtype() {
            "f32" => file.market().map(|(m, note)| (Book::F32(m), note)),
            _ => file.market().map(|(m, note)| (Book::F64(m), note)),
        }
    })?;
    Ok((Market::of(book), note))
}

/// One definition: trader, (first index, trader) segments, tax in bits, log2 of its share.
type DefinitionRow = (u32, u32, f64, f64, Vec<(u64, u32)>, f64, f64);

/// A stage, or None for "never", and each trader's share of its own money.
type StageColumn<'py> = (Option<String>, Bound<'py, PyArray1<f64>>);

#[pymethods]
impl Market {
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)] // the keywords of the Python class
    #[new]
    #[pyo3(signature = (prior, is_bits, outcomes, clearing, tax, groups, group_count, enters_at, dtype, normalize,
                        provenance, definitions))]
    fn new(
        prior: PyReadonlyArray1<'_, f64>,
        is_bits: bool,
        outcomes: usize,
        clearing: RuleSpec<'_>,
        tax: Option<TaxSpec<'_>>,
        groups: Option<PyReadonlyArray1<'_, u32>>,
        group_count: usize,
        enters_at: Option<PyReadonlyArray1<'_, i64>>,
        dtype: &str,
        normalize: bool,
        provenance: bool,
        definitions: bool,
    ) -> PyResult<Self> {
        let values = prior.as_slice()?;
        let ids = groups.as_ref().map_or(Ok(&[][..]), |g| g.as_slice())?;
        let config = Config {
            prior: if is_bits {
                Given::Bits(values)
            } else {
                Given::Shares(values)
            },
            normalize,
            outcomes,
            rule: clearing.parse()?,
            tax: tax.map(|spec| spec.parse(values.len())).transpose()?,
            groups: Groups::new(ids.iter().copied(), group_count),
            enters_at: enters_at.as_ref().map_or(Ok(&[][..]), |e| e.as_slice())?,
            provenance,
            definitions,
        };
        let book = match dtype {
            "f64" => build::<f64>(config)?,
            "f32" => build::<f32>(config)?,
            _ => return Err(InputError::new_err(format!("dtype {dtype:?}; \"f64\" or \"f32\""))),
        };
        Ok(Self::of(book))
    }

    #[pyo3(signature = (block, stage, new_episode, regret))]
    fn run(
        &self,
        py: Python<'_>,
        block: Block<'_>,
        stage: Option<&str>,
        new_episode: bool,
        regret: bool,
    ) -> PyResult<Run> {
        let when = When { stage, new_episode };
        on!(&mut *self.book_mut()?, m => run(py, m, &block, when, regret))
    }

    #[pyo3(signature = (block, stage, new_episode, regret))]
    fn run_sparse(
        &self,
        py: Python<'_>,
        block: SparseBlock<'_>,
        stage: Option<&str>,
        new_episode: bool,
        regret: bool,
    ) -> PyResult<Run> {
        let when = When { stage, new_episode };
        on!(&mut *self.book_mut()?, m => run_sparse(py, m, &block, when, regret))
    }

    #[pyo3(signature = (episodes, stage, regret))]
    fn run_batch(&self, py: Python<'_>, episodes: Vec<Block<'_>>, stage: Option<&str>, regret: bool) -> PyResult<Run> {
        on!(&mut *self.book_mut()?, m => run_batch(py, m, &episodes, stage, regret))
    }

    fn price<'py>(&self, py: Python<'py>, block: Block<'_>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let prices = on!(&*self.book()?, m => price(py, m, &block))?;
        Ok(prices.into_pyarray(py))
    }

    fn virgin(&self) -> PyResult<Self> {
        Ok(Self::of(on!(&*self.book()?, m => Hold::book(m.virgin()))))
    }

    fn with_wealth(&self, shares: PyReadonlyArray1<'_, f64>) -> PyResult<Self> {
        let shares = shares.as_slice()?;
        let book = on!(&*self.book()?, m => m.with_wealth(shares).map(Hold::book));
        book.map(Self::of).map_err(exception)
    }

    /// The market with one more trader for each (source, bits, group).
    fn redefined(
        &self,
        py: Python<'_>,
        redefinitions: Vec<(u32, f64, u32)>,
        groups: usize,
        stage: Option<&str>,
    ) -> PyResult<Self> {
        let new = |(source, bits, group)| Redefinition { source, bits, group };
        let new: Vec<_> = redefinitions.into_iter().map(new).collect();
        on!(&*self.book()?, m => released(py, |_| m.redefined(&new, groups, stage).map(Hold::book))).map(Self::of)
    }

    /// The market whose traders are (source, share) of the present ones.
    fn split(&self, py: Python<'_>, parts: Vec<(u32, f64)>) -> PyResult<Self> {
        let parts: Vec<_> = parts
            .into_iter()
            .map(|(source, share)| Part { source, share })
            .collect();
        on!(&*self.book()?, m => released(py, |_| m.split(&parts).map(Hold::book))).map(Self::of)
    }

    /// (amounts, scale) of a payment from the traders behind bad rollouts to those behind good ones.
    fn reinforce<'py>(
        &self,
        py: Python<'py>,
        parts: PyReadonlyArray2<'_, f64>,
        advantages: PyReadonlyArray1<'_, f64>,
        step: f64,
    ) -> PyResult<(Bound<'py, PyArray1<f64>>, f64)> {
        let (parts, advantages) = (parts.as_slice()?, advantages.as_slice()?);
        let transfer = on!(&mut *self.book_mut()?, m => released(py, |_| m.reinforce(parts, advantages, step)))?;
        Ok((transfer.amounts.into_pyarray(py), transfer.scale))
    }

    /// The same accounts at the same time, without the records.
    fn without_records(&self) -> PyResult<Self> {
        Ok(Self::of(on!(&*self.book()?, m => Hold::book(m.without_records()))))
    }

    fn wealth<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        Ok(on!(&*self.book()?, m => py.detach(|| m.wealth())).into_pyarray(py))
    }

    fn log2_wealth<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        Ok(on!(&*self.book()?, m => py.detach(|| m.log2_wealth())).into_pyarray(py))
    }

    fn bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        Ok(on!(&*self.book()?, m => py.detach(|| m.bits())).into_pyarray(py))
    }

    #[getter]
    fn reserve(&self) -> PyResult<f64> {
        Ok(on!(&*self.book()?, m => m.reserve()))
    }

    #[getter]
    fn stage(&self) -> PyResult<String> {
        Ok(on!(&*self.book()?, m => m.stage().to_owned()))
    }

    /// (rounds, episodes, batches, stages) begun so far.
    #[getter]
    fn clock(&self) -> PyResult<(u64, u64, u64, u64)> {
        let book = self.book()?;
        let clock = on!(&*book, m => m.clock());
        Ok((clock.rounds, clock.episodes, clock.batches, clock.stages))
    }

    #[getter]
    fn traders(&self) -> PyResult<usize> {
        Ok(on!(&*self.book()?, m => m.len()))
    }

    #[getter]
    fn outcomes(&self) -> PyResult<usize> {
        Ok(on!(&*self.book()?, m => m.traders().outcomes))
    }

    /// The clearing rule: kind, numbers, each trader's aversion, maker, function.
    fn clearing<'py>(&self, py: Python<'py>) -> PyResult<RuleParts<'py>> {
        Ok(on!(&*self.book()?, m => clearing::parts(py, &m.traders().rule)))
    }

    #[getter]
    fn dtype(&self) -> PyResult<&str> {
        Ok(match &*self.book()? {
            Book::F64(_) => "f64",
            Book::F32(_) => "f32",
        })
    }

    /// What the tax's index counts; "" without a tax.
    #[getter]
    fn unit(&self) -> PyResult<&str> {
        Ok(
            match on!(&*self.book()?, m => m.traders().tax.as_ref().map(|tax| tax.unit)) {
                None => "",
                Some(Unit::Round) => "round",
                Some(Unit::Episode) => "episode",
                Some(Unit::Batch) => "batch",
                Some(Unit::Stage) => "stage",
            },
        )
    }

    #[getter]
    fn follows_definitions(&self) -> PyResult<bool> {
        Ok(on!(&*self.book()?, m => m.traders().definitions))
    }

    #[getter]
    fn keeps_provenance(&self) -> PyResult<bool> {
        Ok(on!(&*self.book()?, m => m.traders().provenance))
    }

    /// Each trader's group; empty where there is one group.
    fn groups<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<u32>>> {
        Ok(on!(&*self.book()?, m => m.groups().ids.iter().collect::<Vec<_>>()).into_pyarray(py))
    }

    #[getter]
    fn state_bytes(&self) -> PyResult<usize> {
        Ok(on!(&*self.book()?, m => m.bytes()))
    }

    /// Columns of the ledger: stage names, and per entry stage, batch, cause, group, amount.
    fn ledger<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (entries, stages) = on!(&*self.book()?, m => (m.ledger(), m.clock().names.clone()));
        let columns = PyDict::new(py);
        columns.set_item("stages", stages)?;
        columns.set_item(
            "stage",
            entries.iter().map(|e| e.stage).collect::<Vec<_>>().into_pyarray(py),
        )?;
        columns.set_item(
            "batch",
            entries.iter().map(|e| e.batch).collect::<Vec<_>>().into_pyarray(py),
        )?;
        columns.set_item(
            "cause",
            entries
                .iter()
                .map(|e| e.cause as u32)
                .collect::<Vec<_>>()
                .into_pyarray(py),
        )?;
        columns.set_item(
            "group",
            entries.iter().map(|e| e.group).collect::<Vec<_>>().into_pyarray(py),
        )?;
        columns.set_item(
            "amount",
            entries.iter().map(|e| e.amount).collect::<Vec<_>>().into_pyarray(py),
        )?;
        Ok(columns)
    }

    /// (stage or None for "never", each trader's share of its own money).
    fn provenance<'py>(&self, py: Python<'py>) -> PyResult<Vec<StageColumn<'py>>> {
        let columns = on!(&*self.book()?, m => py.detach(|| m.provenance()));
        let arrays = |(stage, shares): (_, Vec<f64>)| (stage, shares.into_pyarray(py));
        Ok(columns.into_iter().map(arrays).collect())
    }

    fn definitions(&self, py: Python<'_>, top: usize) -> PyResult<Vec<DefinitionRow>> {
        let found = on!(&*self.book()?, m => py.detach(|| m.definitions(top)));
        let found = found.ok_or_else(|| {
            InputError::new_err("this market does not follow definitions; build it with definitions=True")
        })?;
        Ok(found
            .into_iter()
            .map(|d| {
                let Definition {
                    trader,
                    group,
                    wealth,
                    log2_wealth,
                    segments,
                    tax_bits,
                    log2_share,
                } = d;
                (trader, group, wealth, log2_wealth, segments, tax_bits, log2_share)
            })
            .collect())
    }

    /// Saves the market; `note` is kept with it.
    fn save(&self, py: Python<'_>, path: PathBuf, note: &str) -> PyResult<()> {
        on!(&*self.book()?, m => released(py, |_| m.save(&path, note)))
    }

    /// A saved market and the note kept with it.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<(Self, String)> {
        loaded(py, || Checkpoint::read(&path))
    }

    /// What `save` writes.
    fn to_bytes<'py>(&self, py: Python<'py>, note: &str) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = on!(&*self.book()?, m => released(py, |_| m.to_bytes(note)))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The market that `to_bytes` gave, and the note kept with it.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, saved: &[u8]) -> PyResult<(Self, String)> {
        let saved = saved.to_vec();
        loaded(py, || Checkpoint::from_bytes(saved))
    }

    fn __copy__(&self) -> PyResult<Self> {
        Ok(Self::of(self.book()?.clone()))
    }
}

//! The book of forecasts as Python sees it: parse, release the GIL, call the core, map the error.

use crate::clearing::RuleSpec;
use crate::errors::{PyResult, exception, in_use};
use crate::gil::released;
use crate::input::TaxSpec;
use gruemarket_core::accounts::prior::Given;
use gruemarket_core::forecasts::{Chunk, Config, ForecastBook as Core, Lock, Played};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use std::sync::{RwLock, RwLockReadGuard, TryLockError};

type Floats<'py> = Bound<'py, PyArray1<f64>>;
type Ints<'py> = PyReadonlyArray1<'py, i64>;

#[pyclass(module = "gruemarket._core", frozen)]
pub struct ForecastBook {
    book: RwLock<Core>,
}

/// What a call of `ForecastBook.play` gave.
#[pyclass(module = "gruemarket._core", frozen)]
pub struct ForecastRun {
    #[pyo3(get)]
    prices: Py<PyArray1<f64>>,
    #[pyo3(get)]
    staked: Py<PyArray1<f64>>,
    #[pyo3(get)]
    locks: Py<PyArray1<f64>>,
    #[pyo3(get)]
    passes: Py<PyArray1<u32>>,
    #[pyo3(get)]
    residual: Py<PyArray1<f64>>,
    #[pyo3(get)]
    watched: Py<PyArray1<f64>>,
}

impl ForecastRun {
    fn new(py: Python<'_>, played: Played) -> Self {
        Self {
            prices: played.prices.into_pyarray(py).unbind(),
            staked: played.staked.into_pyarray(py).unbind(),
            locks: played.locks.into_pyarray(py).unbind(),
            passes: played.passes.into_pyarray(py).unbind(),
            residual: played.residuals.into_pyarray(py).unbind(),
            watched: played.watched.into_pyarray(py).unbind(),
        }
    }
}

/// Questions as Python hands them over: starts, forecasters, outcomes, values.
#[derive(FromPyObject)]
pub struct Questions<'py>(
    Ints<'py>,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, f64>,
);

/// Resolutions as Python hands them over: resolved, happened, after.
#[derive(FromPyObject)]
pub struct Resolutions<'py>(Ints<'py>, Ints<'py>, Ints<'py>);

impl ForecastBook {
    /// The book to read, unless a thread is changing it.
    fn book(&self) -> PyResult<RwLockReadGuard<'_, Core>> {
        match self.book.try_read() {
            Ok(book) => Ok(book),
            Err(TryLockError::Poisoned(left)) => Ok(left.into_inner()),
            Err(TryLockError::WouldBlock) => Err(in_use()),
        }
    }

    /// A number of each forecaster.
    fn each<'py>(&self, py: Python<'py>, number: impl Fn(&Core, usize) -> f64 + Sync + Send) -> PyResult<Floats<'py>> {
        let book = self.book()?;
        let core = &*book;
        let numbers: Vec<_> = py.detach(|| (0..core.len()).map(|j| number(core, j)).collect());
        Ok(numbers.into_pyarray(py))
    }
}

#[pymethods]
impl ForecastBook {
    #[new]
    fn new(
        bits: PyReadonlyArray1<'_, f64>,
        clearing: RuleSpec<'_>,
        lock: Option<f64>,
        tax: Option<TaxSpec<'_>>,
        normalize: bool,
        entering: bool,
    ) -> PyResult<Self> {
        let bits = bits.as_slice()?;
        let core = Core::new(Config {
            prior: Given::Bits(bits),
            normalize,
            rule: clearing.parse()?,
            lock: lock.map_or(Lock::Running, Lock::Share),
            tax: tax.map(|spec| spec.parse(bits.len())).transpose()?,
            entering,
        });
        Ok(Self {
            book: RwLock::new(core.map_err(exception)?),
        })
    }

    fn play(
        &self,
        py: Python<'_>,
        questions: Questions<'_>,
        resolutions: Resolutions<'_>,
        watch: Ints<'_>,
    ) -> PyResult<ForecastRun> {
        let mut book = match self.book.try_write() {
            Ok(book) => book,
            Err(TryLockError::Poisoned(left)) => left.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(in_use()),
        };
        let chunk = Chunk {
            starts: questions.0.as_slice()?,
            forecasters: questions.1.as_slice()?,
            outcomes: questions.2.as_slice()?,
            values: questions.3.as_slice()?,
            resolved: resolutions.0.as_slice()?,
            happened: resolutions.1.as_slice()?,
            after: resolutions.2.as_slice()?,
            watch: watch.as_slice()?,
        };
        let core = &mut *book;
        let played = released(py, |interrupt| core.play(&chunk, interrupt))?;
        Ok(ForecastRun::new(py, played))
    }

    fn log2_wealth<'py>(&self, py: Python<'py>) -> PyResult<Floats<'py>> {
        self.each(py, |book, j| book.wealth(j).log2())
    }

    fn wealth<'py>(&self, py: Python<'py>) -> PyResult<Floats<'py>> {
        self.each(py, |book, j| book.wealth(j).to_f64())
    }

    fn locked<'py>(&self, py: Python<'py>) -> PyResult<Floats<'py>> {
        self.each(py, |book, j| book.locked(j).to_f64())
    }

    fn regret_bits<'py>(&self, py: Python<'py>) -> PyResult<Floats<'py>> {
        self.each(py, |book, j| book.records()[j].regret_bits)
    }

    fn answered<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let book = self.book()?;
        let counts: Vec<_> = book.records().iter().map(|record| i64::from(record.answered)).collect();
        Ok(counts.into_pyarray(py))
    }

    fn open<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let open: Vec<_> = self.book()?.open().map(|question| question as i64).collect();
        Ok(open.into_pyarray(py))
    }

    fn questions(&self) -> PyResult<u64> {
        Ok(self.book()?.questions())
    }

    fn tax_bits(&self) -> PyResult<f64> {
        Ok(self.book()?.tax_bits())
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.book()?.len())
    }
}

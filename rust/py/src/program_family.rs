//! Programs as a family: parse, release the GIL, call the core, map the error.

use crate::errors::{InputError, PyResult, exception};
use crate::gil::released;
use crate::programs::Enumeration;
use gruemarket_core::families::Family;
use gruemarket_core::families::programs::build::{Built, Drawn, Machine, build};
use gruemarket_core::families::programs::unroll::{Printer, Unrolled};
use gruemarket_core::families::programs::{Best, Costs, Manner, Programs as Core, Record};
use gruemarket_core::programs::Limits;
use gruemarket_core::programs::token::parse;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyDict};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether programs err as often as they have, whether they forget between episodes, the mass of a coin.
type MannerSpec = (bool, bool, f64);
/// Programs that were drawn, their steps and cells, what they printed, what mass they stand for.
type DrawnSpec = Vec<(String, u32, u32, Vec<u8>, f64)>;
/// How many programs an account has; the shortest, the fastest and its steps, the leanest and its cells.
type BestSpec = (u64, String, String, u32, String, u32);

#[pyclass(module = "gruemarket._core", frozen)]
pub struct Programs {
    pub inner: Arc<Mutex<Core>>,
    /// The account of each row of the enumeration.
    rows: Arc<Vec<i64>>,
    machine: Machine,
    limits: Limits,
}

impl Programs {
    fn detached(&self) -> MutexGuard<'_, Core> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The family, for a caller with the GIL: it lets go of it while another thread holds the family.
    fn attached(&self, py: Python<'_>) -> MutexGuard<'_, Core> {
        self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Programs {
    #[new]
    fn new(
        py: Python<'_>,
        found: &Enumeration,
        machine: &str,
        masses: PyReadonlyArray1<'_, f64>,
        drawn: DrawnSpec,
        manner: MannerSpec,
    ) -> PyResult<Self> {
        let machine = match machine {
            "brainphoque" => Machine::Printer(Printer::BrainPhoque),
            "reader" => Machine::Reader,
            "turing" => Machine::Printer(Printer::Turing(found.states)),
            _ => Machine::Printer(Printer::Brainfuck),
        };
        let manner = Manner {
            outcomes: found.limits.alphabet,
            noise: manner.0,
            forget: manner.1,
            coin: manner.2,
        };
        let masses = masses.as_slice()?;
        let Built { family, accounts } = released(py, |_| {
            let drawn = drawn.into_iter().map(|(program, steps, cells, output, mass)| {
                Ok(Drawn {
                    tokens: parse(&program, false)?,
                    costs: Costs { steps, cells },
                    output,
                    mass,
                })
            });
            let drawn = drawn.collect::<gruemarket_core::Result<Vec<_>>>()?;
            build(&found.core.behaviours, masses, &drawn, machine, &found.limits, manner)
        })?;
        Ok(Self {
            inner: Arc::new(Mutex::new(family)),
            rows: Arc::new(
                accounts
                    .into_iter()
                    .map(|account| account.map_or(-1, i64::from))
                    .collect(),
            ),
            machine,
            limits: found.limits,
        })
    }

    #[getter]
    fn accounts(&self, py: Python<'_>) -> usize {
        self.attached(py).accounts()
    }

    fn bits<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.attached(py).bits().into_pyarray(py)
    }

    fn begin_episode(&self, py: Python<'_>) -> PyResult<()> {
        self.attached(py).begin_episode().map_err(exception)
    }

    fn forecast<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (out, k, n) = released(py, |_| {
            let mut family = self.detached();
            let (k, n) = (family.outcomes(), family.accounts());
            let mut out = vec![0.0; k * n];
            family.forecast(&mut out).map(|()| (out, k, n))
        })?;
        out.into_pyarray(py).reshape([k, n])
    }

    fn observe(&self, py: Python<'_>, outcome: u32) -> PyResult<()> {
        released(py, |_| self.detached().observe(outcome))
    }

    fn read<'py>(&self, py: Python<'py>, outcomes: PyReadonlyArray1<'py, u32>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let outcomes = outcomes.as_slice()?;
        let (out, n) = released(py, |_| {
            let mut family = self.detached();
            let n = family.accounts();
            let mut out = vec![0.0; n * outcomes.len()];
            family.read(outcomes, &mut out).map(|()| (out, n))
        })?;
        out.into_pyarray(py).reshape([outcomes.len(), n])
    }

    /// (source, share) of every account after a split; none if no account is split.
    fn split(
        &self,
        py: Python<'_>,
        episodes: Vec<PyReadonlyArray1<'_, u32>>,
        fresh: bool,
    ) -> PyResult<Vec<(u32, f64)>> {
        let slices = episodes
            .iter()
            .map(|episode| episode.as_slice())
            .collect::<std::result::Result<Vec<_>, _>>()?;
        released(py, |_| self.detached().split(&slices, fresh))
    }

    fn freeze(&self, py: Python<'_>, frozen: bool) {
        self.attached(py).freeze(frozen);
    }

    #[getter]
    fn frozen(&self, py: Python<'_>) -> bool {
        self.attached(py).frozen()
    }

    fn fork(&self, py: Python<'_>) -> Self {
        Self {
            inner: Arc::new(Mutex::new(self.attached(py).clone())),
            rows: Arc::clone(&self.rows),
            ..*self
        }
    }

    /// The best programs of each account; the coin has none.
    fn examples(&self, py: Python<'_>) -> PyResult<Vec<Option<BestSpec>>> {
        let told = |best: Best<String>| {
            let Costs { steps, cells } = best.costs;
            (best.programs, best.shortest, best.fastest, steps, best.leanest, cells)
        };
        released(py, |_| {
            let all = self.detached().examples();
            Ok::<_, gruemarket_core::MarketError>(all.into_iter().map(|best| best.map(told)).collect())
        })
    }

    /// What a program that hears nothing prints: the first symbols and, where that is known, what comes again and again.
    fn unroll<'py>(
        &self,
        py: Python<'py>,
        program: &str,
        symbols: usize,
    ) -> PyResult<(Bound<'py, PyBytes>, Option<Bound<'py, PyBytes>>)> {
        let Machine::Printer(printer) = self.machine else {
            return Err(InputError::new_err("what a reader prints depends on what it hears"));
        };
        let unrolled = released(py, |_| printer.unroll(&printer.script(program)?, &self.limits, symbols))?;
        Ok(match unrolled {
            Unrolled::Known(future) => (PyBytes::new(py, &future.first), Some(PyBytes::new(py, &future.cycle))),
            Unrolled::Open(symbols) => (PyBytes::new(py, &symbols), None),
        })
    }

    /// The account of each row of the enumeration, -1 for none.
    fn rows<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        PyArray1::from_slice(py, &self.rows)
    }

    /// The account that each account was part of at first.
    fn origins<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        self.attached(py).origins().into_pyarray(py)
    }

    #[getter]
    fn undecided(&self, py: Python<'_>) -> u64 {
        self.attached(py).undecided()
    }

    /// What was seen, as arrays.
    fn record<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let record = self.attached(py).record();
        let dict = PyDict::new(py);
        dict.set_item("masses", record.masses.into_pyarray(py))?;
        dict.set_item("hits", record.hits.into_pyarray(py))?;
        dict.set_item("misses", record.misses.into_pyarray(py))?;
        dict.set_item("coin", record.coin.into_pyarray(py))?;
        dict.set_item("partition", record.partition.into_pyarray(py))?;
        Ok(dict)
    }

    fn restore(
        &self,
        py: Python<'_>,
        masses: Vec<f64>,
        hits: Vec<f64>,
        misses: Vec<f64>,
        coin: Vec<f64>,
        partition: Vec<u32>,
    ) -> PyResult<()> {
        let record = Record {
            masses,
            hits,
            misses,
            coin,
            partition,
        };
        released(py, |_| self.detached().restore(record))
    }
}

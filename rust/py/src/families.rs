//! Families as Python sees them: the members of an inductor, and families written in Python.

use crate::errors::{InputError, PyResult};
use crate::gil::released;
use crate::market::Market;
use crate::program_family::Programs;
use crate::text::{ContextTree, Text};
use gruemarket_core::families::Family;
use gruemarket_core::families::members::{Members as Core, Rollout, Sampling, Shared};
use gruemarket_core::{MarketError, Result};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A family written in Python, as `gruemarket.families.Adapter` presents it: every array checked.
struct PyFamily {
    adapter: Py<PyAny>,
    outcomes: usize,
    accounts: usize,
    bits: Vec<f64>,
}

fn foreign(error: impl Into<PyErr>) -> MarketError {
    MarketError::Foreign(Box::new(error.into()))
}

impl PyFamily {
    fn new(adapter: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            outcomes: adapter.getattr("outcomes")?.extract()?,
            accounts: adapter.getattr("accounts")?.extract()?,
            bits: adapter.getattr("bits")?.extract()?,
            adapter: adapter.clone().unbind(),
        })
    }

    /// Calls the adapter; copies the array it returns into `out`, if there is one to fill.
    fn call(&self, method: &str, argument: Option<&[u32]>, out: &mut [f64]) -> Result<()> {
        let called = |py: Python<'_>| -> PyResult<()> {
            let adapter = self.adapter.bind(py);
            let given = match argument {
                None => adapter.call_method0(method)?,
                Some(x) => adapter.call_method1(method, (PyArray1::from_slice(py, x),))?,
            };
            if !out.is_empty() {
                out.copy_from_slice(given.extract::<PyReadonlyArray2<'_, f64>>()?.as_slice()?);
            }
            Ok(())
        };
        Python::attach(called).map_err(foreign)
    }
}

impl Family for PyFamily {
    fn outcomes(&self) -> usize {
        self.outcomes
    }

    fn accounts(&self) -> usize {
        self.accounts
    }

    fn bits(&self) -> Vec<f64> {
        self.bits.clone()
    }

    fn begin_episode(&mut self) -> Result<()> {
        self.call("begin_episode", None, &mut [])
    }

    fn forecast(&mut self, out: &mut [f64]) -> Result<()> {
        self.call("forecast", None, out)
    }

    fn observe(&mut self, outcome: u32) -> Result<()> {
        self.call("observe", Some(&[outcome]), &mut [])
    }

    fn read(&mut self, outcomes: &[u32], out: &mut [f64]) -> Result<()> {
        self.call("observe_all", Some(outcomes), out)
    }

    fn freeze(&mut self, frozen: bool) {
        if frozen != self.frozen() {
            Python::attach(|py| {
                let adapter = self.adapter.bind(py);
                if let Err(error) = adapter.call_method1("freeze", (frozen,)) {
                    error.write_unraisable(py, Some(adapter));
                }
            });
        }
    }

    fn frozen(&self) -> bool {
        Python::attach(|py| self.adapter.bind(py).getattr("frozen").and_then(|x| x.extract())).unwrap_or(false)
    }

    fn fork(&self) -> Result<Box<dyn Family>> {
        let forked = |py: Python<'_>| Self::new(&self.adapter.bind(py).call_method0("fork")?);
        Python::attach(forked)
            .map(|family| Box::new(family) as _)
            .map_err(foreign)
    }

    fn save(&self, path: &Path) -> Result<()> {
        let saved = |py: Python<'_>| self.adapter.bind(py).call_method1("save", (path,)).map(drop);
        Python::attach(saved).map_err(foreign)
    }
}

/// The family behind a Python object: the core's own, or an adapter of the user's.
fn shared(object: &Bound<'_, PyAny>) -> PyResult<Shared> {
    if let Ok(core) = object.getattr("family").and_then(|family| family.getattr("_core")) {
        if let Ok(text) = core.cast::<Text>() {
            return Ok(text.get().inner.clone());
        }
        if let Ok(tree) = core.cast::<ContextTree>() {
            return Ok(tree.get().inner.clone());
        }
        if let Ok(programs) = core.cast::<Programs>() {
            return Ok(programs.get().inner.clone());
        }
    }
    Ok(Arc::new(Mutex::new(PyFamily::new(object)?)))
}

/// Families whose accounts stand side by side in one market.
#[pyclass(module = "gruemarket._core", frozen)]
pub struct Members(Core);

/// (outcomes, bits, (symbols + 1, accounts) fast wealth) of what was drawn.
type Drawn<'py> = (Bound<'py, PyArray1<u32>>, f64, Bound<'py, PyArray2<f64>>);

#[pymethods]
impl Members {
    #[new]
    #[allow(clippy::needless_pass_by_value)]
    fn new(py: Python<'_>, families: Vec<Bound<'_, PyAny>>) -> PyResult<Self> {
        let families = families.iter().map(shared).collect::<PyResult<Vec<_>>>()?;
        released(py, |_| Core::new(families)).map(Self)
    }

    #[getter]
    fn accounts(&self) -> usize {
        self.0.accounts()
    }

    #[getter]
    fn outcomes(&self) -> usize {
        self.0.outcomes()
    }

    /// (rounds, accounts) probabilities of what happened, for each episode; `learn` is (members, episodes).
    /// With `every`, (rounds * outcomes, accounts) of every outcome.
    #[pyo3(signature = (episodes, learn, every=false))]
    fn likelihoods<'py>(
        &self,
        py: Python<'py>,
        episodes: Vec<PyReadonlyArray1<'py, u32>>,
        learn: PyReadonlyArray2<'py, bool>,
        every: bool,
    ) -> PyResult<Vec<Bound<'py, PyArray2<f64>>>> {
        let slices = episodes
            .iter()
            .map(|e| e.as_slice())
            .collect::<std::result::Result<Vec<_>, _>>()?;
        if learn.shape()[1] != slices.len() {
            return Err(InputError::new_err("learn must be (members, episodes)"));
        }
        let learn = learn.as_slice()?;
        let read = released(py, |interrupt| {
            if every {
                self.0.forecasts(&slices, learn, interrupt)
            } else {
                self.0.likelihoods(&slices, learn, interrupt)
            }
        })?;
        read.into_iter()
            .map(|rows| table(py, rows, self.0.accounts()))
            .collect()
    }

    /// Rollouts after a context, one for each seed.
    #[pyo3(signature = (market, context, symbols, rounds, temperature, stop, new_episode, seeds))]
    #[allow(clippy::too_many_arguments)] // the keywords of Inductor.generate
    fn sample<'py>(
        &self,
        py: Python<'py>,
        market: &Market,
        context: PyReadonlyArray1<'py, u32>,
        symbols: usize,
        rounds: usize,
        temperature: f64,
        stop: Vec<Vec<u32>>,
        new_episode: bool,
        seeds: Vec<u64>,
    ) -> PyResult<Vec<Drawn<'py>>> {
        let how = Sampling {
            symbols,
            rounds,
            temperature,
            stop: &stop,
            new_episode,
        };
        let context = context.as_slice()?;
        let drawn = released(py, |interrupt| {
            let draw = |&seed: &u64| market.sample(&self.0, context, &how, seed, interrupt);
            seeds.iter().map(draw).collect::<Result<Vec<Rollout>>>()
        })?;
        let shown = |rollout: Rollout| {
            let wealth = table(py, rollout.wealth, self.0.accounts())?;
            Ok((rollout.outcomes.into_pyarray(py), rollout.bits, wealth))
        };
        drawn.into_iter().map(shown).collect()
    }
}

fn table(py: Python<'_>, values: Vec<f64>, columns: usize) -> PyResult<Bound<'_, PyArray2<f64>>> {
    let rows = values.len() / columns;
    let table = Array2::from_shape_vec((rows, columns), values).map_err(|e| InputError::new_err(e.to_string()))?;
    Ok(table.into_pyarray(py))
}

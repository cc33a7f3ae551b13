//! Programs as Python sees them: run, drawn, enumerated, asked for one symbol after the other.

use crate::errors::{InputError, PyResult, exception};
use crate::gil::released;
use gruemarket_core::MarketError;
use gruemarket_core::programs::behaviours::{Ending, Example, Mass, Member};
use gruemarket_core::programs::enumerate::{self as brainfuck, Enumeration as Core};
use gruemarket_core::programs::prior::Prior;
use gruemarket_core::programs::readers::{self, Kind, Loaded, Predictor as Asked};
use gruemarket_core::programs::turing::{self, Table};
use gruemarket_core::programs::{Limits, Machine, lazy, plain, run, sample};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// alphabet, memory, steps, output limit
type LimitSpec = (usize, usize, u32, usize);

fn limits((alphabet, memory, steps, max_output): LimitSpec) -> Limits {
    Limits {
        alphabet,
        memory,
        steps,
        max_output,
    }
}

/// Runs a program; its output, steps, status, cells visited.
#[pyfunction]
pub fn run_program<'py>(
    py: Python<'py>,
    program: &str,
    machine: &str,
    limit: LimitSpec,
) -> PyResult<(Bound<'py, PyBytes>, u32, &'static str, u32)> {
    let limits = limits(limit);
    let done = released(py, |_| {
        let mut machine = Loaded::new(program, Kind::parse(machine)?, &limits)?;
        Ok::<_, MarketError>(run(&mut machine, &limits, std::iter::empty()))
    })?;
    Ok((
        PyBytes::new(py, &done.output),
        done.steps,
        done.status.name(),
        done.cells,
    ))
}

/// Draws `BrainPhoque` programs: programs, their numbers of tokens, outputs, steps, status.
#[pyfunction]
pub fn sample_programs(
    py: Python<'_>,
    start: u64,
    stop: u64,
    seed: u64,
    limit: LimitSpec,
) -> PyResult<Bound<'_, PyDict>> {
    let drawn = released(py, |_| sample::sample(start..stop, seed, &limits(limit)))?;
    let dict = PyDict::new(py);
    dict.set_item(
        "program",
        drawn.iter().map(|one| one.program.as_str()).collect::<Vec<_>>(),
    )?;
    dict.set_item(
        "tokens",
        drawn
            .iter()
            .map(|one| one.tokens as u32)
            .collect::<Vec<_>>()
            .into_pyarray(py),
    )?;
    dict.set_item(
        "output",
        drawn
            .iter()
            .map(|one| PyBytes::new(py, &one.run.output))
            .collect::<Vec<_>>(),
    )?;
    dict.set_item(
        "steps",
        drawn
            .iter()
            .map(|one| one.run.steps)
            .collect::<Vec<_>>()
            .into_pyarray(py),
    )?;
    dict.set_item(
        "status",
        drawn.iter().map(|one| one.run.status.name()).collect::<Vec<_>>(),
    )?;
    dict.set_item(
        "cells",
        drawn
            .iter()
            .map(|one| one.run.cells)
            .collect::<Vec<_>>()
            .into_pyarray(py),
    )?;
    Ok(dict)
}

/// Every program up to a size, by behaviour.
#[pyclass(module = "gruemarket._core", frozen)]
pub struct Enumeration {
    pub core: Core,
    pub limits: Limits,
    /// Of Turing machines; 0 for programs of tokens.
    pub states: usize,
}

impl Enumeration {
    fn text(&self, example: &Example) -> String {
        if self.states > 0 {
            Table::of(example.program, self.states).to_string()
        } else {
            example.program.to_string()
        }
    }

    fn bounds<'py>(
        &self,
        py: Python<'py>,
        of: impl Fn(&Mass) -> f64,
        dict: &Bound<'py, PyDict>,
        name: &str,
    ) -> PyResult<()> {
        let rows = &self.core.behaviours.rows;
        for (ending, mass) in [("full", 0), ("ended", 1), ("open", 2)] {
            let values = rows.iter().map(|row| of([&row.full, &row.ended, &row.open][mass]));
            dict.set_item(format!("{ending}_{name}"), values.collect::<Vec<_>>().into_pyarray(py))?;
        }
        Ok(())
    }

    fn examples<'py>(
        &self,
        py: Python<'py>,
        dict: &Bound<'py, PyDict>,
        name: &str,
        of: impl Fn(usize) -> Example,
    ) -> PyResult<()> {
        let all: Vec<Example> = (0..self.core.behaviours.rows.len()).map(of).collect();
        dict.set_item(name, all.iter().map(|example| self.text(example)).collect::<Vec<_>>())?;
        let tokens = all.iter().map(|example| example.program.len() as u32);
        dict.set_item(format!("{name}_tokens"), tokens.collect::<Vec<_>>().into_pyarray(py))?;
        let steps = all.iter().map(|example| example.steps);
        dict.set_item(format!("{name}_steps"), steps.collect::<Vec<_>>().into_pyarray(py))?;
        let cells = all.iter().map(|example| example.cells);
        dict.set_item(format!("{name}_cells"), cells.collect::<Vec<_>>().into_pyarray(py))
    }
}

#[pymethods]
impl Enumeration {
    #[new]
    #[pyo3(signature = (machine, size, limit, prior, prune, horizon))]
    fn new(
        py: Python<'_>,
        machine: &str,
        size: usize,
        limit: LimitSpec,
        prior: (f64, f64),
        prune: bool,
        horizon: u32,
    ) -> PyResult<Self> {
        let limits = limits(limit);
        let prior = Prior::new(prior.0, prior.1).map_err(exception)?;
        let states = if machine == "turing" { size } else { 0 };
        let core = released(py, |stop| match machine {
            "brainfuck" if prune => brainfuck::enumerate(size, &limits, prior, stop),
            "brainfuck" => plain::enumerate(size, &limits, prior, stop),
            "brainphoque" => lazy::enumerate(size, &limits, prior, stop),
            "reader" => readers::enumerate(size, horizon, &limits, prior, stop),
            "turing" => turing::enumerate(size, &limits, prior, stop),
            _ => Err(MarketError::input(format!(
                "machine {machine:?}; give \"brainfuck\", \"brainphoque\", \"reader\" or \"turing\""
            ))),
        })?;
        Ok(Self { core, limits, states })
    }

    #[getter]
    fn programs(&self) -> u64 {
        self.core.programs
    }

    #[getter]
    fn runs(&self) -> u64 {
        self.core.runs
    }

    #[getter]
    fn mass(&self) -> f64 {
        self.core.mass.value()
    }

    /// The columns of all behaviours.
    fn behaviours<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let rows = &self.core.behaviours.rows;
        let dict = PyDict::new(py);
        dict.set_item(
            "output",
            rows.iter().map(|row| PyBytes::new(py, &row.output)).collect::<Vec<_>>(),
        )?;
        self.bounds(py, Mass::lower, &dict, "lower")?;
        self.bounds(py, Mass::upper, &dict, "upper")?;
        dict.set_item("upper", self.core.behaviours.upper().into_pyarray(py))?;
        dict.set_item(
            "members",
            rows.iter().map(|row| row.programs).collect::<Vec<_>>().into_pyarray(py),
        )?;
        self.examples(py, &dict, "shortest", |i| rows[i].shortest)?;
        self.examples(py, &dict, "fastest", |i| rows[i].fastest)?;
        self.examples(py, &dict, "leanest", |i| rows[i].leanest)?;
        Ok(dict)
    }

    /// The columns of the members of a behaviour; of all behaviours if none is given.
    #[pyo3(signature = (behaviour = None))]
    fn members<'py>(&self, py: Python<'py>, behaviour: Option<usize>) -> PyResult<Bound<'py, PyDict>> {
        let found = &self.core.behaviours;
        let rows = match behaviour {
            None => 0..found.rows.len(),
            Some(i) if i < found.rows.len() => i..i + 1,
            Some(i) => {
                let count = found.rows.len();
                return Err(InputError::new_err(format!(
                    "behaviour {i}; there are {count}, counted from 0"
                )));
            }
        };
        let all: Vec<(usize, Member)> = released(py, |_| {
            let members = rows.map(|i| {
                Ok(found
                    .members(i, &self.limits)?
                    .into_iter()
                    .map(move |member| (i, member)))
            });
            Ok(members
                .collect::<gruemarket_core::Result<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect())
        })?;
        let bytes = |of: &dyn Fn(&Member) -> Option<&[u8]>| -> Vec<Option<Bound<'py, PyBytes>>> {
            all.iter()
                .map(|(_, member)| of(member).map(|symbols| PyBytes::new(py, symbols)))
                .collect()
        };
        let dict = PyDict::new(py);
        dict.set_item(
            "behaviour",
            all.iter().map(|(i, _)| *i as u32).collect::<Vec<_>>().into_pyarray(py),
        )?;
        dict.set_item(
            "program",
            all.iter()
                .map(|(_, member)| self.text(&member.example))
                .collect::<Vec<_>>(),
        )?;
        dict.set_item(
            "lower",
            all.iter()
                .map(|(_, member)| member.mass.lower())
                .collect::<Vec<_>>()
                .into_pyarray(py),
        )?;
        dict.set_item(
            "upper",
            all.iter()
                .map(|(_, member)| member.mass.upper())
                .collect::<Vec<_>>()
                .into_pyarray(py),
        )?;
        dict.set_item(
            "programs",
            all.iter()
                .map(|(_, member)| member.programs)
                .collect::<Vec<_>>()
                .into_pyarray(py),
        )?;
        dict.set_item(
            "first",
            bytes(&|member| member.future.as_ref().map(|future| &future.first[..])),
        )?;
        dict.set_item(
            "cycle",
            bytes(&|member| member.future.as_ref().map(|future| &future.cycle[..])),
        )?;
        dict.set_item(
            "steps",
            all.iter()
                .map(|(_, member)| member.example.steps)
                .collect::<Vec<_>>()
                .into_pyarray(py),
        )?;
        dict.set_item(
            "cells",
            all.iter()
                .map(|(_, member)| member.example.cells)
                .collect::<Vec<_>>()
                .into_pyarray(py),
        )?;
        Ok(dict)
    }
}

/// How many, as the core counts.
fn number(given: i64, what: &str) -> PyResult<u32> {
    let error = |_| InputError::new_err(format!("{what} {given}; give a whole number, 0 to {}", u32::MAX));
    u32::try_from(given).map_err(error)
}

/// A program that is asked for one symbol after the other.
#[pyclass(module = "gruemarket._core", frozen)]
pub struct Predictor {
    inner: Mutex<Asked<Loaded>>,
    alphabet: usize,
}

impl Predictor {
    fn held(&self) -> MutexGuard<'_, Asked<Loaded>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Predictor {
    #[new]
    #[pyo3(signature = (program, machine = "reader", alphabet = 2, memory = 64))]
    fn new(program: &str, machine: &str, alphabet: i64, memory: i64) -> PyResult<Self> {
        let (alphabet, memory) = (
            number(alphabet, "alphabet")? as usize,
            number(memory, "memory")? as usize,
        );
        let limits = limits((alphabet, memory, 1, 1));
        let loaded = Kind::parse(machine)
            .and_then(|kind| Loaded::new(program, kind, &limits))
            .map_err(exception)?;
        Ok(Self {
            inner: Mutex::new(Asked::new(loaded)),
            alphabet,
        })
    }

    fn hear(&self, symbol: i64) -> PyResult<()> {
        let last = self.alphabet - 1;
        let known = u8::try_from(symbol).ok().filter(|&symbol| usize::from(symbol) <= last);
        let error = || InputError::new_err(format!("symbol {symbol}; this machine knows 0 to {last}"));
        self.held().hear(known.ok_or_else(error)?);
        Ok(())
    }

    /// The next symbol, or None; and whether one may still come.
    fn next(&self, py: Python<'_>, steps: i64) -> PyResult<(Option<u8>, bool)> {
        let steps = number(steps, "steps")?;
        Ok(py.detach(|| match self.held().next(steps) {
            Ok(symbol) => (Some(symbol), true),
            Err(ending) => (None, ending == Ending::Open),
        }))
    }

    /// The next symbols, up to so many, each within so many steps.
    fn symbols<'py>(&self, py: Python<'py>, count: i64, steps: i64) -> PyResult<Bound<'py, PyArray1<u8>>> {
        let (count, steps) = (number(count, "count")?, number(steps, "steps")?);
        let symbols: Vec<u8> = py.detach(|| {
            let mut held = self.held();
            std::iter::from_fn(|| held.next(steps).ok())
                .take(count as usize)
                .collect()
        });
        Ok(symbols.into_pyarray(py))
    }

    #[getter]
    fn steps(&self) -> u64 {
        self.held().steps
    }

    #[getter]
    fn cells(&self) -> u32 {
        self.held().machine.cells()
    }

    fn fork(&self) -> Self {
        Self {
            inner: Mutex::new(self.held().clone()),
            alphabet: self.alphabet,
        }
    }
}

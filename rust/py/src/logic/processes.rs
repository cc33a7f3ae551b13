//! Deductive processes as Python sees them: those of the core, and generators of the caller's own.

use super::exact::{exact, fraction};
use super::sentences::{Sentence, exported, imported, object, with_all};
use crate::errors::{InputError, PyResult, exception};
use gruemarket_core::logic::number::Exact;
use gruemarket_core::logic::process::{Delay, Digits, Process as Core, Revealed, Theory};
use gruemarket_core::logic::{SentenceId, Sentences};
use gruemarket_core::{MarketError, Result};
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, TryLockError};

/// A process on its way; what its sentences are, in a collection of its own.
struct Running {
    sentences: Sentences,
    core: Box<dyn Core>,
}

/// A process that was begun. An inductor takes it away and steps it itself.
#[pyclass(module = "gruemarket._core", frozen)]
pub struct DeductiveProcess(Mutex<Option<Running>>);

impl DeductiveProcess {
    fn begun(core: impl Core + 'static) -> Self {
        Self(Mutex::new(Some(Running {
            sentences: Sentences::new(),
            core: Box::new(core),
        })))
    }

    /// Never waits: what holds it may be a generator that waits for Python.
    fn held(&self) -> PyResult<MutexGuard<'_, Option<Running>>> {
        match self.0.try_lock() {
            Ok(held) => Ok(held),
            Err(TryLockError::Poisoned(held)) => Ok(held.into_inner()),
            Err(TryLockError::WouldBlock) => Err(InputError::new_err(
                "this process is being asked for its next day already, by another thread or by itself",
            )),
        }
    }

    /// The process itself, for who steps it from now on.
    pub fn take(&self) -> PyResult<Box<dyn Core>> {
        let running = self.held()?.take();
        running.map(|running| running.core).ok_or_else(taken)
    }
}

fn taken() -> PyErr {
    InputError::new_err("this process was begun and taken by an inductor; begin a new one for each")
}

fn foreign(raised: PyErr) -> MarketError {
    MarketError::Foreign(Box::new(raised))
}

/// A delay that asks Python.
fn asked(delay: Py<PyAny>) -> Delay {
    Box::new(move |n| Python::attach(|py| delay.call1(py, (n,))?.extract(py)).map_err(foreign))
}

#[pymethods]
impl DeductiveProcess {
    #[staticmethod]
    fn revealed(days: BTreeMap<u64, Vec<PyRef<'_, Sentence>>>) -> PyResult<Self> {
        let mut own = Sentences::new();
        let days = days
            .iter()
            .map(|(&day, given)| (day, imported(&mut own, given)))
            .collect();
        Ok(Self::begun(Revealed::new(&own, &days).map_err(exception)?))
    }

    #[staticmethod]
    #[pyo3(signature = (axioms, questions, days, axioms_day))]
    fn theory(
        py: Python<'_>,
        axioms: Vec<PyRef<'_, Sentence>>,
        questions: Vec<PyRef<'_, Sentence>>,
        days: Vec<u64>,
        axioms_day: Option<u64>,
    ) -> PyResult<Self> {
        let mut own = Sentences::new();
        let (axioms, questions) = (imported(&mut own, &axioms), imported(&mut own, &questions));
        let questions: Vec<(SentenceId, u64)> = questions.into_iter().zip(days).collect();
        let core = py.detach(|| Theory::new(&own, &axioms, &questions, axioms_day));
        Ok(Self::begun(core.map_err(exception)?))
    }

    /// `delay`: f, called with 1, 2, 3, ...; or a number of days, for f(n) = n + days.
    #[staticmethod]
    fn digits(number: &str, digit: u8, delay: Py<PyAny>, py: Python<'_>) -> PyResult<Self> {
        let delay: Delay = match delay.extract::<u64>(py) {
            Ok(days) => Box::new(move |n| Ok(n.saturating_add(days))),
            Err(_) => asked(delay),
        };
        Ok(Self::begun(Digits::new(number, digit, delay).map_err(exception)?))
    }

    /// `generator`: yields the sentences of a day, and is sent the exact prices of that day.
    #[staticmethod]
    fn generated(generator: Py<PyAny>) -> Self {
        Self::begun(Generated {
            generator: Some(generator),
            prices: None,
        })
    }

    /// What is revealed on the next day.
    fn next(&self, py: Python<'_>) -> PyResult<Vec<Py<Sentence>>> {
        let mut held = self.held()?;
        let running = held.as_mut().ok_or_else(taken)?;
        let found = py.detach(|| {
            let ids = running.core.next(&mut running.sentences)?;
            Ok(with_all(|all| all.import(&running.sentences, &ids)))
        });
        found.map_err(exception)?.into_iter().map(|id| object(py, id)).collect()
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Vec<Py<Sentence>>> {
        self.next(py)
    }

    /// The exact prices of the day that it gave last.
    fn cleared(&self, sentences: Vec<PyRef<'_, Sentence>>, prices: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        let prices: Vec<Exact> = prices.iter().map(exact).collect::<PyResult<_>>()?;
        let mut held = self.held()?;
        let running = held.as_mut().ok_or_else(taken)?;
        let ids = imported(&mut running.sentences, &sentences);
        let prices: Vec<(SentenceId, Exact)> = ids.into_iter().zip(prices).collect();
        running.core.cleared(&running.sentences, &prices).map_err(exception)
    }

    #[getter]
    fn hears_prices(&self) -> PyResult<bool> {
        let held = self.held()?;
        held.as_ref()
            .map(|running| running.core.hears_prices())
            .ok_or_else(taken)
    }
}

/// A generator of the caller's own.
struct Generated {
    /// None once it has ended.
    generator: Option<Py<PyAny>>,
    /// To be sent when the next day is asked for.
    prices: Option<Py<PyDict>>,
}

impl Generated {
    fn advance(&mut self, py: Python<'_>, sentences: &mut Sentences) -> PyResult<Vec<SentenceId>> {
        let Some(generator) = &self.generator else {
            return Ok(Vec::new());
        };
        let given = match generator.call_method1(py, "send", (self.prices.take(),)) {
            Ok(given) => given,
            Err(ended) if ended.is_instance_of::<PyStopIteration>(py) => {
                self.generator = None;
                return Ok(Vec::new());
            }
            Err(raised) => return Err(raised),
        };
        let given = given.bind(py);
        let wrong = |_| {
            let shown = given
                .repr()
                .map_or_else(|_| "something".into(), |text| text.to_string());
            InputError::new_err(format!(
                "a process yielded {shown}; yield a list of sentences for each day, an empty one for nothing"
            ))
        };
        let listed: Vec<Bound<'_, PyAny>> = given.extract().map_err(wrong)?;
        listed
            .iter()
            .map(|one| super::sentences::given(sentences, one))
            .collect()
    }
}

impl Core for Generated {
    fn next(&mut self, sentences: &mut Sentences) -> Result<Vec<SentenceId>> {
        Python::attach(|py| self.advance(py, sentences)).map_err(foreign)
    }

    fn hears_prices(&self) -> bool {
        self.generator.is_some()
    }

    fn cleared(&mut self, sentences: &Sentences, prices: &[(SentenceId, Exact)]) -> Result<()> {
        let ids: Vec<SentenceId> = prices.iter().map(|(id, _)| *id).collect();
        let dict = Python::attach(|py| -> PyResult<Py<PyDict>> {
            let dict = PyDict::new(py);
            for (sentence, (_, price)) in exported(py, sentences, &ids)?.into_iter().zip(prices) {
                dict.set_item(sentence, fraction(py, price)?)?;
            }
            Ok(dict.unbind())
        });
        self.prices = Some(dict.map_err(foreign)?);
        Ok(())
    }
}

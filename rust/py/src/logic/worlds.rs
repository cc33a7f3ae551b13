//! PC(D) as Python sees it.

use super::exact::{exact, fraction};
use super::sentences::{Sentence, imported, object, with_all};
use crate::errors::{PyResult, exception};
use crate::gil::heard;
use gruemarket_core::logic::number::Exact;
use gruemarket_core::logic::worlds::Extreme;
use gruemarket_core::logic::{SentenceId, Sentences, Worlds as Core};
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Clone, Default)]
struct Held {
    sentences: Sentences,
    core: Core,
}

#[pyclass(module = "gruemarket._core", frozen)]
#[derive(Default)]
pub struct PlausibleWorlds(Mutex<Held>);

impl PlausibleWorlds {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PlausibleWorlds {
    #[new]
    fn new() -> Self {
        let mut held = Held::default();
        held.core.heed(heard);
        Self(Mutex::new(held))
    }

    /// All of these or none.
    fn reveal(&self, py: Python<'_>, sentences: Vec<PyRef<'_, Sentence>>) -> PyResult<()> {
        let ids = imported(&mut self.held().sentences, &sentences);
        drop(sentences);
        py.detach(|| {
            let held = &mut *self.held();
            held.core.reveal_all(&held.sentences, &ids)
        })
        .map_err(exception)
    }

    fn truth(&self, py: Python<'_>, sentence: PyRef<'_, Sentence>) -> PyResult<Option<bool>> {
        let id = imported(&mut self.held().sentences, &[sentence])[0];
        py.detach(|| {
            let held = self.held();
            held.core.truth(&held.sentences, id)
        })
        .map_err(exception)
    }

    /// What is decided of atoms, and of sentences whose worth was asked for, in the order in which it came about.
    fn decided(&self, py: Python<'_>) -> PyResult<Vec<(Py<Sentence>, bool)>> {
        let (ids, values): (Vec<SentenceId>, Vec<bool>) = {
            let held = self.held();
            let (ids, values): (Vec<SentenceId>, Vec<bool>) = held.core.decided().iter().copied().unzip();
            (with_all(|all| all.import(&held.sentences, &ids)), values)
        };
        let pairs = ids.into_iter().zip(values);
        pairs.map(|(id, value)| Ok((object(py, id)?, value))).collect()
    }

    /// The least or greatest worth of so many shares of each sentence, and the sentences' truth values there.
    fn extreme<'py>(
        &self,
        py: Python<'py>,
        sentences: Vec<PyRef<'py, Sentence>>,
        shares: Vec<Bound<'py, PyAny>>,
        greatest: bool,
    ) -> PyResult<(Bound<'py, PyAny>, Vec<bool>)> {
        let ids = imported(&mut self.held().sentences, &sentences);
        drop(sentences);
        let shares: Vec<Exact> = shares.iter().map(exact).collect::<PyResult<_>>()?;
        let terms: Vec<(SentenceId, Exact)> = ids.into_iter().zip(shares).collect();
        let found: Extreme<Exact> = py
            .detach(|| {
                let held = &mut *self.held();
                if greatest {
                    held.core.maximum(&held.sentences, &terms)
                } else {
                    held.core.minimum(&held.sentences, &terms)
                }
            })
            .map_err(exception)?;
        Ok((fraction(py, &found.value)?, found.truths))
    }

    fn __copy__(&self) -> Self {
        Self(Mutex::new(self.held().clone()))
    }
}

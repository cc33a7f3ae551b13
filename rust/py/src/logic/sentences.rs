//! Sentences as Python sees them. All of a process stand in one collection, and each has one Python object, so equal sentences are
//! the same object: that is what lets `==` build a sentence and dictionaries work all the same.

use crate::errors::{InputError, PyResult, exception};
use gruemarket_core::Result;
use gruemarket_core::logic::{Sentence as Made, SentenceId, Sentences};
use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::types::PyBool;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// Spreads the hashes of sentences, so that they do not meet those of small integers.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Default)]
struct Arena {
    sentences: Sentences,
    /// By id; None for those that Python has not asked for.
    objects: Vec<Option<Py<Sentence>>>,
}

static ARENA: LazyLock<Mutex<Arena>> = LazyLock::new(Mutex::default);

fn arena() -> MutexGuard<'static, Arena> {
    ARENA.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Works on all sentences of this process. Must not call Python.
pub fn with_all<T>(work: impl FnOnce(&mut Sentences) -> T) -> T {
    work(&mut arena().sentences)
}

/// The one object of a sentence.
pub fn object(py: Python<'_>, id: SentenceId) -> PyResult<Py<Sentence>> {
    let kept = |arena: &Arena| {
        let kept = arena.objects.get(id.index()).and_then(Option::as_ref);
        kept.map(|object| object.clone_ref(py))
    };
    if let Some(object) = kept(&arena()) {
        return Ok(object);
    }
    let new = Py::new(py, Sentence { id })?; // without the lock: Python may run anything now
    let mut arena = arena();
    if let Some(object) = kept(&arena) {
        return Ok(object);
    }
    if arena.objects.len() <= id.index() {
        arena.objects.resize_with(id.index() + 1, || None);
    }
    arena.objects[id.index()] = Some(new.clone_ref(py));
    Ok(new)
}

/// What an operation on all sentences made, as an object.
fn made(py: Python<'_>, work: impl FnOnce(&mut Sentences) -> SentenceId) -> PyResult<Py<Sentence>> {
    object(py, with_all(work))
}

/// Sentences of another collection as objects.
pub fn exported(py: Python<'_>, from: &Sentences, ids: &[SentenceId]) -> PyResult<Vec<Py<Sentence>>> {
    let here = with_all(|all| all.import(from, ids));
    here.into_iter().map(|id| object(py, id)).collect()
}

/// Objects as sentences of another collection.
pub fn imported(to: &mut Sentences, given: &[PyRef<'_, Sentence>]) -> Vec<SentenceId> {
    let ids: Vec<SentenceId> = given.iter().map(|sentence| sentence.id).collect();
    with_all(|all| to.import(all, &ids))
}

/// A sentence object or a text as a sentence of another collection.
pub fn given(to: &mut Sentences, given: &Bound<'_, PyAny>) -> PyResult<SentenceId> {
    if let Some(id) = operand(given) {
        return Ok(with_all(|all| to.import(all, &[id]))[0]);
    }
    let wrong = |_| InputError::new_err(format!("{given} is no sentence; give a sentence or its text"));
    let text: String = given.extract().map_err(wrong)?;
    to.parse(&text).map_err(exception)
}

/// A sentence, or True or False.
fn operand(given: &Bound<'_, PyAny>) -> Option<SentenceId> {
    if let Ok(sentence) = given.cast::<Sentence>() {
        return Some(sentence.get().id);
    }
    let constant = given.cast::<PyBool>().ok()?;
    Some(if constant.is_true() {
        SentenceId::TRUE
    } else {
        SentenceId::FALSE
    })
}

/// The result of an operator, or `NotImplemented`.
fn joined(
    py: Python<'_>,
    other: &Bound<'_, PyAny>,
    join: impl FnOnce(&mut Sentences, SentenceId) -> SentenceId,
) -> PyResult<Py<PyAny>> {
    match operand(other) {
        Some(other) => Ok(made(py, |all| join(all, other))?.into_any()),
        None => Ok(py.NotImplemented()),
    }
}

#[pyclass(module = "gruemarket._core", frozen)]
pub struct Sentence {
    pub id: SentenceId,
}

impl Sentence {
    fn text(&self) -> PyResult<String> {
        with_all(|all| all.text(self.id)).map_err(exception)
    }
}

#[pymethods]
impl Sentence {
    fn __and__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        joined(py, other, |all, other| all.and(self.id, other))
    }

    fn __rand__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        joined(py, other, |all, other| all.and(other, self.id))
    }

    fn __or__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        joined(py, other, |all, other| all.or(self.id, other))
    }

    fn __ror__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        joined(py, other, |all, other| all.or(other, self.id))
    }

    fn __rshift__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        joined(py, other, |all, other| all.implies(self.id, other))
    }

    fn __rrshift__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        joined(py, other, |all, other| all.implies(other, self.id))
    }

    fn __invert__(&self, py: Python<'_>) -> PyResult<Py<Self>> {
        made(py, |all| all.not(self.id))
    }

    fn __richcmp__(&self, py: Python<'_>, other: &Bound<'_, PyAny>, how: CompareOp) -> PyResult<Py<PyAny>> {
        match how {
            CompareOp::Eq => joined(py, other, |all, other| all.iff(self.id, other)),
            CompareOp::Ne => joined(py, other, |all, other| {
                let same = all.iff(self.id, other);
                all.not(same)
            }),
            _ => Ok(py.NotImplemented()),
        }
    }

    fn __hash__(&self) -> u64 {
        u64::from(self.id.0).wrapping_add(1).wrapping_mul(SPREAD)
    }

    fn __bool__(&self) -> PyResult<bool> {
        let shown = with_all(|all| all.shown(self.id));
        Err(InputError::new_err(format!(
            "the truth value of the sentence {shown} is asked for, but a sentence is only spoken of here: == and & build \
             sentences (for \"the same sentence\" write `is`; keep sentences in dictionaries or sets, not in lists that are \
             searched); what is known of its truth says Worlds.truth"
        )))
    }

    fn __str__(&self) -> PyResult<String> {
        self.text()
    }

    fn __repr__(&self) -> String {
        format!("<{}>", with_all(|all| all.shown(self.id)))
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (String,))> {
        let read = py.import("gruemarket._core")?.getattr("parse_sentence")?;
        Ok((read.unbind(), (self.text()?,)))
    }

    #[getter]
    fn kind(&self) -> &'static str {
        with_all(|all| all.get(self.id).kind())
    }

    #[getter]
    fn name(&self) -> Option<String> {
        with_all(|all| match all.get(self.id) {
            Made::Atom(name) => Some(name.to_string()),
            _ => None,
        })
    }

    #[getter]
    fn parts(&self, py: Python<'_>) -> PyResult<Vec<Py<Self>>> {
        let parts = with_all(|all| all.get(self.id).parts().to_vec());
        parts.into_iter().map(|id| object(py, id)).collect()
    }

    #[getter]
    fn atoms(&self, py: Python<'_>) -> PyResult<Vec<Py<Self>>> {
        let atoms = with_all(|all| all.atoms(self.id));
        atoms.into_iter().map(|id| object(py, id)).collect()
    }
}

fn tried(py: Python<'_>, work: impl FnOnce(&mut Sentences) -> Result<SentenceId>) -> PyResult<Py<Sentence>> {
    object(py, with_all(work).map_err(exception)?)
}

/// The atom of this name.
#[pyfunction]
pub fn atom(py: Python<'_>, name: &str) -> PyResult<Py<Sentence>> {
    tried(py, |all| all.atom(name))
}

/// Reads a sentence.
#[pyfunction]
pub fn parse_sentence(py: Python<'_>, text: &str) -> PyResult<Py<Sentence>> {
    tried(py, |all| all.parse(text))
}

/// Exactly one of these holds.
#[pyfunction]
#[pyo3(signature = (*sentences))]
pub fn one_of(py: Python<'_>, sentences: Vec<PyRef<'_, Sentence>>) -> PyResult<Py<Sentence>> {
    let ids: Vec<SentenceId> = sentences.iter().map(|sentence| sentence.id).collect();
    tried(py, |all| all.one(&ids))
}

//! Exact numbers across the border: Python's int and `fractions.Fraction`.

use crate::errors::{InputError, PyResult};
use dashu_int::{IBig, UBig};
use gruemarket_core::logic::number::Exact;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyInt;

/// An int or a Fraction.
pub fn exact(given: &Bound<'_, PyAny>) -> PyResult<Exact> {
    if given.is_instance_of::<PyInt>() {
        return whole(given).map(|whole| Exact::dyadic(whole, 0));
    }
    let py = given.py();
    let numerator = whole(&given.getattr(intern!(py, "numerator"))?)?;
    let denominator = UBig::try_from(whole(&given.getattr(intern!(py, "denominator"))?)?).unwrap_or_default();
    Exact::ratio(numerator, denominator).ok_or_else(|| InputError::new_err(format!("{given} is not a rational number")))
}

/// Several of them.
pub fn exacts(given: &[Bound<'_, PyAny>]) -> PyResult<Vec<Exact>> {
    given.iter().map(exact).collect()
}

fn whole(given: &Bound<'_, PyAny>) -> PyResult<IBig> {
    if let Ok(small) = given.extract::<i64>() {
        return Ok(small.into());
    }
    let digits: String = given.call_method1("__format__", ("x",))?.extract()?;
    IBig::from_str_radix(&digits, 16).map_err(|_| InputError::new_err(format!("{given} is not a whole number")))
}

/// The number as a `fractions.Fraction`.
pub fn fraction<'py>(py: Python<'py>, value: &Exact) -> PyResult<Bound<'py, PyAny>> {
    static FRACTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (numerator, denominator) = value.parts();
    let made = (int(py, &numerator)?, int(py, &denominator.into())?);
    FRACTION.import(py, "fractions", "Fraction")?.call1(made)
}

/// Several of them.
pub fn fractions<'py>(py: Python<'py>, values: &[Exact]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    values.iter().map(|value| fraction(py, value)).collect()
}

fn int<'py>(py: Python<'py>, value: &IBig) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(small) = i64::try_from(value) {
        return Ok(PyInt::new(py, small).into_any());
    }
    py.get_type::<PyInt>().call1((format!("{value:x}"), 16))
}

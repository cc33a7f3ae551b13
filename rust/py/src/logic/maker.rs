//! The market maker for features.

use super::exact::{exact, exacts, fraction, fractions};
use super::features::{FeatureProgram, pairs};
use crate::errors::PyResult;
use crate::gil::released;
use gruemarket_core::logic::maker::{Options, Strategy, solve};
use pyo3::prelude::*;

type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);
/// Prices, certificate, demand, solver, evaluations.
type Found<'py> = (
    Vec<Bound<'py, PyAny>>,
    Bound<'py, PyAny>,
    Vec<Pair<'py>>,
    &'static str,
    u32,
);

/// Clears: prices at which buying feature j of sentence j gains no more than the tolerance in any world.
#[pyfunction]
pub fn clear_features<'py>(
    py: Python<'py>,
    features: &FeatureProgram,
    start: Vec<Bound<'py, PyAny>>,
    tolerance: &Bound<'py, PyAny>,
    polish: Option<Bound<'py, PyAny>>,
    evaluations: u32,
    simple_fractions: bool,
) -> PyResult<Found<'py>> {
    let (start, tolerance) = (exacts(&start)?, exact(tolerance)?);
    let options = Options {
        polish: polish.as_ref().map(exact).transpose()?,
        evaluations,
        fractions: simple_fractions,
    };
    let mut strategy = Strategy::new(features.program.clone());
    let found = released(py, |_| solve(&mut strategy, &start, &tolerance, &options))?;
    Ok((
        fractions(py, &found.prices)?,
        fraction(py, &found.certificate)?,
        pairs(py, &found.demand)?,
        found.solver.name(),
        found.evaluations,
    ))
}

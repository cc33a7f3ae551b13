//! How many threads the engine may use.

use crate::errors::{PyResult, exception};
use pyo3::prelude::*;

/// The number of worker threads.
#[pyfunction]
pub fn threads() -> usize {
    gruemarket_core::threads::threads()
}

#[pyfunction]
pub fn set_threads(count: usize) -> PyResult<()> {
    gruemarket_core::threads::set_threads(count).map_err(exception)
}

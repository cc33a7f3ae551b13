//! Every error of the core as the Python exception that fits it.

use crate::gil::raised;
use gruemarket_core::MarketError;
use pyo3::PyErr;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError};
use pyo3::import_exception;

import_exception!(gruemarket.errors, InputError);
import_exception!(gruemarket.errors, ShapeError);
import_exception!(gruemarket.errors, ImpossibleOutcomeError);
import_exception!(gruemarket.errors, CheckpointError);
import_exception!(gruemarket.errors, NotClearedError);

pub type PyResult<T> = pyo3::PyResult<T>;

mod base {
    pyo3::import_exception!(gruemarket.errors, MarketError);
}

/// A call of a market that another thread is using.
pub fn in_use() -> PyErr {
    base::MarketError::new_err(
        "another thread is using this market; one thread at a time may: wait for its call to end, \
         or give each thread a copy of its own (copy.copy)",
    )
}

/// The one map from errors to exceptions.
pub fn exception(error: MarketError) -> PyErr {
    let error = match error {
        MarketError::Foreign(raised) => match raised.downcast::<PyErr>() {
            Ok(raised) => return *raised,
            Err(other) => MarketError::Foreign(other),
        },
        known => known,
    };
    let message = error.to_string();
    match error {
        MarketError::Input(_) | MarketError::Foreign(_) => InputError::new_err(message),
        MarketError::Shape(_) => ShapeError::new_err(message),
        MarketError::Impossible { .. } => ImpossibleOutcomeError::new_err(message),
        MarketError::NotCleared(_) => NotClearedError::new_err(message),
        MarketError::Interrupted { .. } => raised().unwrap_or_else(|| PyKeyboardInterrupt::new_err(message)),
        MarketError::Checkpoint { .. } => CheckpointError::new_err(message),
        // the operating system's own class: FileNotFoundError, PermissionError, ...
        MarketError::Io { source, path } => match source.raw_os_error() {
            Some(number) => PyOSError::new_err((number, source.to_string(), path)),
            None => PyOSError::new_err(format!("{path}: {source}")),
        },
    }
}

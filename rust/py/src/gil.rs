//! Leaving the GIL, running the core, noticing Ctrl-C, mapping the error: the one place for all four.

use crate::errors::{PyResult, exception};
use gruemarket_core::Result;
use gruemarket_core::market::Interrupt;
use pyo3::prelude::*;
use std::cell::RefCell;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often Python is asked whether a signal has come.
const LOOK: Duration = Duration::from_millis(50);

/// Runs `work` without the GIL; it is told to stop once Python has seen Ctrl-C.
pub fn released<T: Send>(py: Python<'_>, work: impl FnOnce(Interrupt<'_>) -> Result<T> + Send) -> PyResult<T> {
    let signal: Mutex<(Instant, Option<PyErr>)> = Mutex::new((Instant::now(), None));
    let result = py.detach(|| {
        let interrupted = || {
            let Ok(mut held) = signal.lock() else { return true };
            if held.1.is_some() {
                return true;
            }
            if held.0.elapsed() < LOOK {
                return false;
            }
            held.0 = Instant::now();
            #[allow(clippy::redundant_closure_for_method_calls)] // the bare method's lifetime is not general enough
            let seen = Python::attach(|py| py.check_signals());
            held.1 = seen.err();
            held.1.is_some()
        };
        work(&interrupted)
    });
    let raised = signal.into_inner().ok().and_then(|held| held.1);
    match (result, raised) {
        (Ok(value), _) => Ok(value),
        (Err(gruemarket_core::MarketError::Interrupted { .. }), Some(raised)) => Err(raised),
        (Err(error), _) => Err(exception(error)),
    }
}

thread_local! {
    /// When Python was last asked by [`heard`], and what a signal raised.
    static SIGNAL: RefCell<(Option<Instant>, Option<PyErr>)> = const { RefCell::new((None, None)) };
}

/// Whether Python has seen Ctrl-C, with the GIL or without: for what runs deep inside a call. True until [`raised`] is asked.
pub fn heard() -> bool {
    SIGNAL.with_borrow_mut(|(asked, raised)| {
        if raised.is_none() && asked.is_none_or(|asked| asked.elapsed() >= LOOK) {
            *asked = Some(Instant::now());
            #[allow(clippy::redundant_closure_for_method_calls)] // the bare method's lifetime is not general enough
            let seen = Python::attach(|py| py.check_signals());
            *raised = seen.err();
        }
        raised.is_some()
    })
}

/// What the signal raised that [`heard`] has seen; it is forgotten then.
pub fn raised() -> Option<PyErr> {
    SIGNAL.with_borrow_mut(|(_, raised)| raised.take())
}

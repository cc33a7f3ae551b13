//! What a call of the market gave, as Python sees it.

use super::Hold;
use gruemarket_core::market::Run as CoreRun;
use gruemarket_core::market::regret::Regret;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use std::sync::Mutex;

/// What a call of the market gave: prices, losses, regret.
#[pyclass(module = "gruemarket._core", frozen)]
pub struct Run {
    #[pyo3(get)]
    prices: Py<PyArray1<f64>>,
    #[pyo3(get)]
    losses: Py<PyArray1<f64>>,
    #[pyo3(get)]
    passes: Py<PyArray1<u32>>,
    #[pyo3(get)]
    residuals: Py<PyArray1<f64>>,
    #[pyo3(get)]
    first: u64,
    traders: usize,
    regret: Mutex<Pending>,
}

/// Regret that is worked out when it is asked for.
pub(super) enum Pending {
    F64(Regret<f64>),
    F32(Regret<f32>),
}

impl Run {
    pub(super) fn new<F: Hold>(py: Python<'_>, run: CoreRun<F>, traders: usize) -> Self {
        Self {
            prices: run.played.prices.into_pyarray(py).unbind(),
            losses: run.played.losses.into_pyarray(py).unbind(),
            passes: run.played.passes.into_pyarray(py).unbind(),
            residuals: run.played.residuals.into_pyarray(py).unbind(),
            first: run.first,
            traders,
            regret: Mutex::new(F::pending(run.regret)),
        }
    }
}

#[pymethods]
impl Run {
    /// Every trader's regret in bits; empty where it was not asked for.
    fn regret_bits<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        let bits = py.detach(|| {
            let mut held = self.regret.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let bits = match &*held {
                Pending::F64(regret) => regret.bits(self.traders),
                Pending::F32(regret) => regret.bits(self.traders),
            };
            *held = Pending::F64(Regret::Known(bits.clone()));
            bits
        });
        bits.into_pyarray(py)
    }

    /// Whether the regret still holds on to the accounts it is to be worked out from.
    fn regret_is_pending(&self) -> bool {
        let held = self.regret.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*held {
            Pending::F64(regret) => matches!(regret, Regret::Growth { .. } | Regret::Unredefined(_)),
            Pending::F32(regret) => matches!(regret, Regret::Growth { .. } | Regret::Unredefined(_)),
        }
    }
}

//! Parsing at the border: numpy arrays into the core's views.

use crate::errors::{InputError, PyResult};
use gruemarket_core::grue::kernel::{Kernel, Rows};
use gruemarket_core::grue::schedule::Schedule;
use gruemarket_core::grue::{Tax, Unit};
use gruemarket_core::rounds::{Layout, Rounds, Stakes};
use numpy::{PyReadonlyArray1, PyReadonlyArrayDyn};
use pyo3::prelude::*;
use std::collections::BTreeMap;

/// An array of forecasts in either float type.
#[derive(FromPyObject)]
pub enum Values<'py> {
    F64(PyReadonlyArrayDyn<'py, f64>),
    F32(PyReadonlyArrayDyn<'py, f32>),
}

/// An array that the Python side has made contiguous.
pub fn slice<'a, T: numpy::Element>(array: &'a PyReadonlyArrayDyn<'_, T>) -> PyResult<&'a [T]> {
    array
        .as_slice()
        .map_err(|_| InputError::new_err("the array is not C-contiguous; pass np.ascontiguousarray(...)"))
}

pub fn layout(name: &str) -> PyResult<Layout> {
    match name {
        "likelihood" => Ok(Layout::Likelihood),
        "binary" => Ok(Layout::Binary),
        "full" => Ok(Layout::Full),
        _ => Err(InputError::new_err(format!(
            "layout {name:?}; likelihood, binary or full"
        ))),
    }
}

/// Rounds as Python hands them over: values, layout, outcomes, stakes.
#[derive(FromPyObject)]
pub struct Block<'py>(
    pub Values<'py>,
    pub String,
    pub Option<PyReadonlyArray1<'py, u32>>,
    pub Option<PyReadonlyArrayDyn<'py, f64>>,
);

impl Block<'_> {
    /// The block as rounds of `values`, for a market of `traders` and `outcomes`.
    pub fn rounds<'a, P>(&'a self, values: &'a [P], traders: usize, outcomes: usize) -> PyResult<Rounds<'a, P>> {
        let Self(_, layout_name, happened, stakes) = self;
        let layout = layout(layout_name)?;
        let width = if layout == Layout::Full { outcomes } else { 1 };
        let rounds = values.len() / (traders * width);
        let stakes = match stakes {
            None => Stakes::All,
            Some(b) if b.as_array().ndim() == 1 => Stakes::PerTrader(slice(b)?),
            Some(b) => Stakes::PerRound(slice(b)?),
        };
        let happened = happened.as_ref().map_or(Ok(&[][..]), |x| x.as_slice())?;
        Ok(Rounds {
            values,
            layout,
            rounds,
            traders,
            outcomes,
            happened,
            stakes,
        })
    }
}

/// A tax as Python hands it over.
#[derive(FromPyObject)]
pub struct TaxSpec<'py> {
    #[pyo3(attribute)]
    kind: String,
    #[pyo3(attribute)]
    values: Vec<f64>,
    #[pyo3(attribute)]
    kernel: KernelSpec<'py>,
    #[pyo3(attribute)]
    unit: String,
    #[pyo3(attribute)]
    landmarks: BTreeMap<u64, f64>,
    #[pyo3(attribute)]
    stage_landmarks: BTreeMap<String, f64>,
}

type RowArrays<'py> = (
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, f64>,
);

#[derive(FromPyObject)]
pub enum KernelSpec<'py> {
    Name(String),
    Rows(RowArrays<'py>),
}

pub fn schedule(kind: &str, values: &[f64]) -> PyResult<Schedule> {
    match kind {
        "constant" => Schedule::constant(values[0]),
        "inverse" => Ok(Schedule::Inverse),
        "elias-gamma" => Ok(Schedule::EliasGamma),
        "elias-delta" => Ok(Schedule::EliasDelta),
        "elias-omega" => Ok(Schedule::EliasOmega),
        "code" => Schedule::code(values),
        "hazard" => Schedule::hazard(values),
        _ => {
            return Err(InputError::new_err(format!(
                "unknown schedule {kind:?}; see gruemarket.schedules"
            )));
        }
    }
    .map_err(crate::errors::exception)
}

impl TaxSpec<'_> {
    pub fn parse(self, traders: usize) -> PyResult<Tax> {
        let kernel = match &self.kernel {
            KernelSpec::Name(name) if name == "anything" => Kernel::Anything,
            KernelSpec::Name(name) if name == "within groups" => Kernel::WithinGroups,
            KernelSpec::Name(name) => {
                let known = "'anything', 'within groups' or a CSR matrix";
                return Err(InputError::new_err(format!("unknown kernel {name:?}; give {known}")));
            }
            KernelSpec::Rows((starts, targets, shares)) => Kernel::Rows(
                Rows::new(starts.as_slice()?, targets.as_slice()?, shares.as_slice()?, traders)
                    .map_err(crate::errors::exception)?,
            ),
        };
        let unit = match self.unit.as_str() {
            "round" => Unit::Round,
            "episode" => Unit::Episode,
            "batch" => Unit::Batch,
            "stage" => Unit::Stage,
            other => {
                return Err(InputError::new_err(format!(
                    "unknown unit {other:?}; round, episode, batch or stage"
                )));
            }
        };
        Ok(Tax {
            schedule: schedule(&self.kind, &self.values)?,
            kernel,
            unit,
            landmarks: self.landmarks,
            stage_landmarks: self.stage_landmarks,
        })
    }
}

/// The hazards of a schedule for the indices start..stop; that of 0 is 0, as no tax is levied there.
#[pyfunction]
pub fn hazards(kind: &str, values: Vec<f64>, start: u64, stop: u64) -> PyResult<Vec<f64>> {
    let schedule = schedule(kind, &values)?;
    let at = |t| if t == 0 { Ok(0.0) } else { schedule.at(t) };
    (start..stop)
        .map(at)
        .collect::<Result<_, _>>()
        .map_err(crate::errors::exception)
}

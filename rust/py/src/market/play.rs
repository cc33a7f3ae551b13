//! Rounds as Python hands them over, played.

use super::{Hold, Run};
use crate::errors::{InputError, PyResult};
use crate::gil::released;
use crate::input::{Block, Values, layout, slice};
use gruemarket_core::market::sparse::SparseRounds;
use gruemarket_core::market::{Market as Core, When};
use gruemarket_core::real::Real;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

/// The same expression on a contiguous array of either type.
macro_rules! on_values {
    ($given:expr, $values:ident => $body:expr) => {
        match $given {
            Values::F64(array) => {
                let $values = slice(array)?;
                $body
            }
            Values::F32(array) => {
                let $values = slice(array)?;
                $body
            }
        }
    };
}

pub fn run<F: Hold>(
    py: Python<'_>,
    market: &mut Core<F>,
    block: &Block<'_>,
    when: When<'_>,
    regret: bool,
) -> PyResult<Run> {
    let (n, k) = (market.len(), market.traders().outcomes);
    let result = on_values!(&block.0, values => {
        let rounds = block.rounds(values, n, k)?;
        released(py, |interrupt| market.run(&rounds, when, regret, interrupt))
    })?;
    Ok(Run::new(py, result, n))
}

pub fn run_batch<F: Hold>(
    py: Python<'_>,
    market: &mut Core<F>,
    episodes: &[Block<'_>],
    stage: Option<&str>,
    regret: bool,
) -> PyResult<Run> {
    let (n, k) = (market.len(), market.traders().outcomes);
    let mut wide = Vec::new();
    let mut narrow = Vec::new();
    for block in episodes {
        match &block.0 {
            Values::F64(values) => wide.push(block.rounds(slice(values)?, n, k)?),
            Values::F32(values) => narrow.push(block.rounds(slice(values)?, n, k)?),
        }
    }
    if !wide.is_empty() && !narrow.is_empty() {
        return Err(InputError::new_err(
            "the episodes of a batch mix float32 and float64; use one of them",
        ));
    }
    let result = if narrow.is_empty() {
        released(py, |interrupt| market.run_batch(&wide, stage, regret, interrupt))
    } else {
        released(py, |interrupt| market.run_batch(&narrow, stage, regret, interrupt))
    }?;
    Ok(Run::new(py, result, n))
}

pub fn price<F: Real>(py: Python<'_>, market: &Core<F>, block: &Block<'_>) -> PyResult<Vec<f64>> {
    let (n, k) = (market.len(), market.traders().outcomes);
    on_values!(&block.0, values => {
        let rounds = block.rounds(values, n, k)?;
        released(py, |_| market.price(&rounds))
    })
}

/// Sparse rounds as Python hands them over.
#[derive(FromPyObject)]
pub struct SparseBlock<'py>(
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, i64>,
    Values<'py>,
    String,
    Option<PyReadonlyArray1<'py, u32>>,
    Option<PyReadonlyArray1<'py, f64>>,
);

pub fn run_sparse<F: Hold>(
    py: Python<'_>,
    market: &mut Core<F>,
    block: &SparseBlock<'_>,
    when: When<'_>,
    regret: bool,
) -> PyResult<Run> {
    let SparseBlock(starts, traders, values, layout_name, happened, stakes) = block;
    let n = market.len();
    let (starts, traders, layout) = (starts.as_slice()?, traders.as_slice()?, layout(layout_name)?);
    let happened = happened.as_ref().map_or(Ok(&[][..]), |x| x.as_slice())?;
    let stakes = stakes.as_ref().map_or(Ok(&[][..]), |x| x.as_slice())?;
    let outcomes = market.traders().outcomes;
    let result = on_values!(values, values => {
        let rounds = SparseRounds {
            starts,
            traders,
            values,
            layout,
            outcomes,
            happened,
            stakes,
        };
        released(py, |interrupt| market.run_sparse(&rounds, when, regret, interrupt))
    })?;
    Ok(Run::new(py, result, n))
}

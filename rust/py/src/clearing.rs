//! Clearing rules as Python hands them over, and demand functions written in Python.

use crate::errors::{InputError, PyResult};
use gruemarket_core::clearing::{Aversion, Demand, DemandFunction, Isoelastic, Lmsr, LogPool, Rule};
use gruemarket_core::{MarketError, Result};
use numpy::ndarray::ArrayView2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use std::any::Any;
use std::sync::Arc;

/// Passes over the traders after which a price is given up.
const MAX_PASSES: u32 = 100;

/// A rule as `gruemarket.clearing.RuleSpec` writes it down.
#[derive(FromPyObject)]
pub struct RuleSpec<'py> {
    #[pyo3(attribute)]
    kind: String,
    #[pyo3(attribute)]
    numbers: Vec<f64>,
    #[pyo3(attribute)]
    each: Option<PyReadonlyArray1<'py, f64>>,
    #[pyo3(attribute)]
    maker: usize,
    #[pyo3(attribute)]
    function: Option<Py<PyAny>>,
}

/// The same, read back: kind, numbers, each trader's aversion, maker, function.
pub type RuleParts<'py> = (
    &'static str,
    Vec<f64>,
    Option<Bound<'py, PyArray1<f64>>>,
    usize,
    Option<Py<PyAny>>,
);

impl RuleSpec<'_> {
    pub fn parse(self) -> PyResult<Rule> {
        let aversion = match &self.each {
            Some(each) => Aversion::Each(each.as_slice()?.into()),
            None => Aversion::Common(self.numbers.get(1).copied().unwrap_or(1.0)),
        };
        Ok(match (self.kind.as_str(), &self.numbers[..], self.function) {
            ("kelly", &[fraction], _) => Rule::Kelly { fraction },
            ("isoelastic", &[floor, ..], _) => Rule::Isoelastic(Isoelastic {
                aversion,
                floor,
                max_passes: MAX_PASSES,
            }),
            ("log pool", &[step, floor], _) => Rule::LogPool(LogPool { step, floor }),
            ("lmsr", &[liquidity, step, floor], _) => Rule::Lmsr(Lmsr {
                liquidity,
                maker: self.maker,
                step,
                floor,
            }),
            ("demand", &[tolerance], Some(function)) => Rule::Demand(Demand {
                function: Arc::new(PyDemand { function }),
                tolerance,
            }),
            (kind, ..) => return Err(InputError::new_err(format!("unknown clearing rule {kind:?}"))),
        })
    }
}

/// What `RuleSpec` was, from the rule.
pub fn parts<'py>(py: Python<'py>, rule: &Rule) -> RuleParts<'py> {
    let plain = |kind, numbers| (kind, numbers, None, 0, None);
    match rule {
        Rule::Kelly { fraction } => plain("kelly", vec![*fraction]),
        Rule::Isoelastic(Isoelastic { aversion, floor, .. }) => match aversion {
            Aversion::Common(eta) => plain("isoelastic", vec![*floor, *eta]),
            Aversion::Each(each) => {
                let each = each.to_vec().into_pyarray(py);
                ("isoelastic", vec![*floor], Some(each), 0, None)
            }
        },
        Rule::LogPool(LogPool { step, floor }) => plain("log pool", vec![*step, *floor]),
        Rule::Lmsr(rule) => {
            let numbers = vec![rule.liquidity, rule.step, rule.floor];
            ("lmsr", numbers, None, rule.maker, None)
        }
        Rule::Demand(rule) => {
            let own = (&*rule.function as &dyn Any).downcast_ref::<PyDemand>();
            let function = own.map(|own| own.function.clone_ref(py));
            ("demand", vec![rule.tolerance], None, 0, function)
        }
    }
}

/// A demand written in Python, as `gruemarket.clearing.Demand` presents it: its answer checked.
#[derive(Debug)]
struct PyDemand {
    function: Py<PyAny>,
}

impl DemandFunction for PyDemand {
    fn demand(&self, price: &[f64], forecasts: &[f64], money: &[f64], bought: &mut [f64]) -> Result<()> {
        let shape = (price.len(), money.len());
        let called = |py: Python<'_>| -> PyResult<()> {
            let forecasts = ArrayView2::from_shape(shape, forecasts).expect("a row for each outcome");
            let given = self.function.bind(py).call1((
                PyArray1::from_slice(py, price),
                PyArray2::from_array(py, &forecasts),
                PyArray1::from_slice(py, money),
            ))?;
            bought.copy_from_slice(given.extract::<PyReadonlyArray2<'_, f64>>()?.as_slice()?);
            Ok(())
        };
        Python::attach(called).map_err(|raised| MarketError::Foreign(Box::new(raised)))
    }
}

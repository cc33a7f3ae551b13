//! Features as Python writes them down: a list of steps, each of which reads steps before it.

use super::exact::{exacts, fractions};
use crate::errors::{InputError, PyResult};
use gruemarket_core::logic::feature::{FeatureId, Features, Leaf, Program, Source, When};
use gruemarket_core::logic::number::{Enclosure, Exact};
use gruemarket_core::logic::sentence::SentenceId;
use pyo3::prelude::*;

/// Steps (kind, a, b), see `gruemarket.logic.steps.Steps`; constants; which steps are the features.
#[derive(FromPyObject)]
pub struct Spec<'py>(Vec<(u8, u32, u32)>, Vec<Bound<'py, PyAny>>, Vec<u32>);

impl Spec<'_> {
    /// The features in an arena; `leaf` says what each price is, by its number.
    pub fn plant(
        &self,
        features: &mut Features,
        leaf: &mut dyn FnMut(u32) -> PyResult<Leaf>,
    ) -> PyResult<Vec<FeatureId>> {
        let Self(steps, constants, roots) = self;
        let constants = exacts(constants)?;
        let mut made: Vec<FeatureId> = Vec::with_capacity(steps.len());
        for (kind, a, b) in steps {
            let of = |at: &u32| {
                let missing = || InputError::new_err(format!("step {at} is read before it is made"));
                made.get(*at as usize).copied().ok_or_else(missing)
            };
            let feature = match kind {
                0 => {
                    let missing = || InputError::new_err(format!("there is no constant {a}"));
                    features.number(constants.get(*a as usize).cloned().ok_or_else(missing)?)
                }
                1 => features.price(leaf(*a)?),
                2 => features.sum(of(a)?, of(b)?),
                3 => features.product(of(a)?, of(b)?),
                4 => features.most(of(a)?, of(b)?),
                5 => features.least(of(a)?, of(b)?),
                6 => features.safe_reciprocal(of(a)?),
                _ => return Err(InputError::new_err(format!("unknown kind of step {kind}"))),
            };
            made.push(feature);
        }
        let missing = |at: &u32| InputError::new_err(format!("there is no step {at}"));
        roots
            .iter()
            .map(|at| made.get(*at as usize).copied().ok_or_else(|| missing(at)))
            .collect()
    }
}

/// Features of `prices` prices of one day, compiled.
#[pyclass(module = "gruemarket._core", frozen)]
pub struct FeatureProgram {
    pub program: Program,
    prices: usize,
}

impl FeatureProgram {
    pub fn check(&self, given: usize) -> PyResult<()> {
        if given == self.prices {
            return Ok(());
        }
        Err(InputError::new_err(format!(
            "{given} prices for features of {}",
            self.prices
        )))
    }
}

#[pymethods]
impl FeatureProgram {
    #[new]
    fn new(spec: Spec<'_>, prices: usize) -> PyResult<Self> {
        let mut features = Features::new();
        let roots = spec.plant(&mut features, &mut |at| {
            if at as usize >= prices {
                return Err(InputError::new_err(format!("there is no price {at} among {prices}")));
            }
            Ok(Leaf {
                sentence: SentenceId(at),
                day: When::Ago(0),
            })
        })?;
        let program = Program::compile(&features, &roots, &mut |leaf| Source::Today(leaf.sentence.0));
        Ok(Self { program, prices })
    }

    /// Steps that remain once equal ones are one.
    fn __len__(&self) -> usize {
        self.program.steps()
    }

    /// The values at exact prices, exactly.
    fn exact<'py>(&self, py: Python<'py>, prices: Vec<Bound<'py, PyAny>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.check(prices.len())?;
        fractions(py, &self.program.exact(&exacts(&prices)?))
    }

    /// The values at prices, in floats.
    fn estimate(&self, prices: Vec<f64>) -> PyResult<Vec<f64>> {
        self.check(prices.len())?;
        let mut out = vec![0.0; self.program.len()];
        self.program.values((), &prices, &mut Vec::new(), &mut out);
        Ok(out)
    }

    /// Between which exact numbers the values lie at exact prices, about 2^-bits apart.
    fn enclose<'py>(
        &self,
        py: Python<'py>,
        prices: Vec<Bound<'py, PyAny>>,
        bits: usize,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        self.check(prices.len())?;
        let found = self.program.enclosures(&exacts(&prices)?, bits);
        let found: Vec<Enclosure> = found.into_iter().map(Enclosure::from).collect();
        pairs(py, &found)
    }

    /// Between which floats the values lie whatever the prices.
    fn bounds(&self) -> Vec<(f64, f64)> {
        let bounds = self.program.bounds(self.prices);
        bounds.into_iter().map(|span| (span.low, span.high)).collect()
    }
}

/// Enclosures as pairs of Fractions.
pub fn pairs<'py>(py: Python<'py>, found: &[Enclosure]) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let fraction = |value: &Exact| super::exact::fraction(py, value);
    found
        .iter()
        .map(|d| Ok((fraction(&d.low)?, fraction(&d.high)?)))
        .collect()
}

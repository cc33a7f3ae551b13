//! Several prices together, in floats: the portfolio of `clearing::equilibrium`.

use super::hunt::Hunt;
use crate::clearing::equilibrium::{self, Domain, Effort, Field};
use crate::error::Result;

/// The demand of a component, as a field of its prices.
struct Component<'a, 'b> {
    hunt: &'a mut Hunt<'b>,
    part: &'a [usize],
}

impl Field for Component<'_, '_> {
    fn demand(&mut self, price: &[f64], out: &mut [f64]) -> Result<()> {
        self.hunt.estimate(self.part, price, out)
    }

    fn slopes(&mut self, price: &[f64], width: f64, out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        self.hunt.smoothed(self.part, price, width, out, slopes)
    }

    fn widest(&self, price: &[f64]) -> f64 {
        self.hunt.widest(self.part, price)
    }
}

/// Leaves the best prices of a component among the floats.
pub fn search(hunt: &mut Hunt<'_>, part: &[usize], tolerance: f64, aim: f64) -> Result<()> {
    let start: Vec<_> = part.iter().map(|j| hunt.floats[*j]).collect();
    let effort = Effort {
        tolerance,
        aim,
        budget: hunt.options.evaluations,
    };
    let found = equilibrium::solve(Domain::Cube, &start, effort, &mut Component { hunt, part })?;
    hunt.place(part, &found.price);
    Ok(())
}

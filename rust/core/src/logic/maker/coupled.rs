//! Several prices together, in floats: the portfolio of `clearing::equilibrium`.

use super::hunt::Hunt;
use crate::clearing::equilibrium::{self, Domain};
use crate::error::Result;

/// Leaves the best prices of a component among the floats.
pub fn search(hunt: &mut Hunt<'_>, part: &[usize], aim: f64) -> Result<()> {
    let start: Vec<_> = part.iter().map(|j| hunt.floats[*j]).collect();
    let mut field = |at: &[f64], out: &mut [f64]| hunt.estimate(part, at, out);
    let found = equilibrium::solve(Domain::Cube, &start, aim, &mut field)?;
    hunt.place(part, &found.price);
    Ok(())
}

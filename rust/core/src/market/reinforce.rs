//! Reinforcement: a direct payment from the traders behind bad rollouts to those behind good ones (design 2.7).

use crate::accounts::book::{Book, TILE};
use crate::error::{MarketError, Result};
use crate::market::Market;
use crate::real::Real;
use crate::scaled::Scaled;
use std::sync::Arc;

/// What a step of reinforcement did.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// Each trader's gain, as a share of all money; they sum to 0.
    pub amounts: Vec<f64>,
    /// What the whole step was scaled by, so that nobody is overdrawn: 1 where nobody would have been.
    pub scale: f64,
}

/// An account pays at most this much of what it has.
const MOST: f64 = 0.9;

impl<F: Real> Market<F> {
    /// Moves `step / (G - 1) sum_g advantages[g] parts[g][i]` to each trader i in the present batch; `parts`, (G, N), are
    /// the traders' fast wealth at the rollouts' ends as shares of all money, and the advantages sum to 0.
    pub fn reinforce(&mut self, parts: &[f64], advantages: &[f64], step: f64) -> Result<Transfer> {
        let (n, rollouts) = (self.len(), advantages.len());
        self.check_reinforcement(parts, advantages, step)?;
        self.catch_up();
        let mut amounts = vec![0.0; n];
        for (row, advantage) in parts.chunks_exact(n).zip(advantages) {
            let weight = step / (rollouts - 1) as f64 * advantage;
            amounts
                .iter_mut()
                .zip(row)
                .for_each(|(sum, part)| *sum += weight * part);
        }
        let accounts = &self.state.accounts;
        let unit = accounts.share_unit(self.state.roster.money);
        let wealth = |j: usize| (accounts.wealth.value(j) * unit).to_f64();
        let mut scale = 1.0;
        for (j, amount) in amounts.iter().enumerate().filter(|(_, a)| **a < 0.0) {
            scale = f64::min(scale, MOST * wealth(j) / -amount);
        }
        amounts.iter_mut().for_each(|amount| *amount *= scale);
        // an account too small for a float, or empty, has no part in any rollout
        let growth: Vec<_> = (0..n)
            .map(|j| {
                if wealth(j) > 0.0 {
                    1.0 + amounts[j] / wealth(j)
                } else {
                    1.0
                }
            })
            .collect();
        let mut paid = vec![0.0; self.traders.groups.count];
        for (j, amount) in amounts.iter().enumerate() {
            paid[self.traders.groups.of(j)] += amount;
        }
        if let Some(open) = &mut self.state.open {
            let open = Arc::make_mut(open);
            open.reinforced.iter_mut().zip(paid).for_each(|(sum, x)| *sum += x);
        }
        let accounts = &mut self.state.accounts;
        grow(&mut accounts.wealth, &growth);
        accounts.unredefined.iter_mut().for_each(|book| grow(book, &growth));
        if let Some(histories) = &mut accounts.histories {
            grow_book(&mut Arc::make_mut(histories).scores, &growth);
        }
        accounts.total = accounts.wealth.sum();
        Ok(Transfer { amounts, scale })
    }

    fn check_reinforcement(&self, parts: &[f64], advantages: &[f64], step: f64) -> Result<()> {
        let (n, rollouts) = (self.len(), advantages.len());
        if rollouts < 2 || parts.len() != rollouts * n {
            return Err(MarketError::shape(format!(
                "{} parts for {rollouts} rollouts of {n} traders; give (rollouts, traders), two rollouts or more",
                parts.len()
            )));
        }
        if self.state.clock.episodes == 0 {
            return Err(MarketError::input("reinforcement before anything has been played"));
        }
        if !(step.is_finite() && step >= 0.0) {
            return Err(MarketError::input(format!("step {step}; give a finite number >= 0")));
        }
        if let Some(a) = advantages.iter().find(|a| !a.is_finite()) {
            return Err(MarketError::input(format!("advantage {a} is not a finite number")));
        }
        let (sum, size) = advantages.iter().fold((0.0, 0.0), |(s, t), a| (s + a, t + a.abs()));
        if sum.abs() > 1e-9 * size {
            return Err(MarketError::input(format!(
                "the advantages sum to {sum}, so the payments would make or destroy money; subtract their mean"
            )));
        }
        let money = self.state.roster.money.to_f64();
        for (g, row) in parts.chunks_exact(n).enumerate() {
            if let Some(x) = row.iter().find(|x| !(x.is_finite() && **x >= 0.0)) {
                return Err(MarketError::input(format!(
                    "rollout {g}: part {x} is not a finite number >= 0"
                )));
            }
            let sum: f64 = row.iter().sum();
            if (sum - money).abs() > 1e-6 * money {
                return Err(MarketError::input(format!(
                    "rollout {g}: the parts sum to {sum}, but the traders hold {money}"
                )));
            }
        }
        Ok(())
    }
}

fn grow<F: Real>(book: &mut Arc<Book<F>>, growth: &[f64]) {
    grow_book(Arc::make_mut(book), growth);
}

fn grow_book<F: Real>(book: &mut Book<F>, growth: &[f64]) {
    for (t, mut tile) in book.tiles_mut().enumerate() {
        tile.assign(|old: Scaled, i| old * growth[t * TILE + i]);
    }
}

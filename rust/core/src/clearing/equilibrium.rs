//! Prices at which a continuous field of demand leaves no gain: with D(c) the demand at prices c of some domain,
//! `max_{v in domain} D(c).(v - c) <= tolerance`. It knows nothing of traders.
//!
//! A portfolio: bisection for one free price, damped Newton on the prices that are not at a bound, proximal Newton steps for
//! claims (`proximal.rs`), extragradient steps, which find the prices of any monotone field (Korpelevich 1976), and for few
//! outcomes a simplicial search, which finds those of any continuous one. Whatever finds a price, the certificate is worked out
//! at that price.

use super::{linear, simplicial};
use crate::error::Result;

/// What gives the demand at a price.
pub trait Field {
    fn demand(&mut self, price: &[f64], out: &mut [f64]) -> Result<()>;

    /// The same with how each demand changes with each price, row-major, of a demand whose kinks are rounded off over about
    /// `width`; false where that is not known.
    fn slopes(&mut self, price: &[f64], width: f64, out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        let _ = (price, width, out, slopes);
        Ok(false)
    }

    /// The width at which about all kinks are rounded off; 0 where they cannot be.
    fn widest(&self, price: &[f64]) -> f64 {
        let _ = price;
        0.0
    }
}

impl<F: FnMut(&[f64], &mut [f64]) -> Result<()>> Field for F {
    fn demand(&mut self, price: &[f64], out: &mut [f64]) -> Result<()> {
        self(price, out)
    }
}

/// The vectors that prices may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Nonnegative, summing to 1: one of the outcomes happens.
    Simplex,
    /// Each in [0, 1]: each of some claims comes true or not.
    Cube,
}

/// The best price found.
#[derive(Clone, Debug)]
pub struct Found {
    pub price: Vec<f64>,
    /// `max_v D.(v - c)` at it.
    pub certificate: f64,
    /// How often the demand was worked out.
    pub evaluations: u32,
}

/// Evaluations after which nothing new is begun, where nobody says otherwise.
pub const BUDGET: u32 = 20_000;
const NEWTON_STEPS: usize = 30;
/// The share of the way to a corner over which a slope is taken.
const NUDGE: f64 = 1e-7;
/// Free prices up to which the simplicial search pays.
const FEW: usize = 8;

impl Domain {
    /// `max_v D.(v - c)`
    pub fn gap(self, price: &[f64], demand: &[f64]) -> f64 {
        match self {
            // as a sum of differences, so that a common part of all demands leaves no rounding
            Self::Simplex => {
                let most = demand.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                demand.iter().zip(price).map(|(d, c)| c * (most - d)).sum()
            }
            Self::Cube => demand.iter().zip(price).map(|(d, c)| (d * (1.0 - c)).max(-d * c)).sum(),
        }
    }

    /// The nearest point of the domain, in place (for the simplex: Held, Wolfe, Crowder 1974).
    pub fn project(self, point: &mut [f64]) {
        if self == Self::Cube {
            point.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
            return;
        }
        let mut sorted = point.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let (mut sum, mut shift) = (0.0, 0.0);
        for (j, x) in sorted.iter().enumerate() {
            sum += x;
            let candidate = (sum - 1.0) / (j + 1) as f64;
            if *x > candidate {
                shift = candidate;
            }
        }
        point.iter_mut().for_each(|x| *x = (*x - shift).max(0.0));
        let total: f64 = point.iter().sum();
        point.iter_mut().for_each(|x| *x /= total);
    }

    /// How many prices are free.
    pub(super) fn dimension(self, prices: usize) -> usize {
        match self {
            Self::Simplex => prices - 1,
            Self::Cube => prices,
        }
    }

    /// The prices whose free ones are nearest to these.
    pub(super) fn complete(self, free: &[f64]) -> Vec<f64> {
        let mut point = free.to_vec();
        if self == Self::Simplex {
            point.push(1.0 - free.iter().sum::<f64>());
        }
        self.project(&mut point);
        point
    }
}

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// The gap that counts as none.
    pub tolerance: f64,
    /// The gap at which nothing is polished any more, where that is less and costs little.
    pub aim: f64,
    /// Evaluations after which nothing new is begun.
    pub budget: u32,
}

impl Effort {
    pub const fn within(tolerance: f64) -> Self {
        Self {
            tolerance,
            aim: tolerance,
            budget: BUDGET,
        }
    }
}

/// Looks for an equilibrium from `start`, a point of the domain. The best price found may not be within the tolerance.
pub fn solve(domain: Domain, start: &[f64], effort: Effort, demand: &mut dyn Field) -> Result<Found> {
    let mut search = Search {
        domain,
        effort,
        demand,
        best: Found {
            price: start.to_vec(),
            certificate: f64::INFINITY,
            evaluations: 0,
        },
    };
    search.look(start)?;
    match domain.dimension(start.len()) {
        0 => {}
        _ if search.best.certificate <= effort.tolerance.min(effort.aim) => {}
        1 => search.bisect()?,
        free => {
            if domain == Domain::Cube {
                search.proximal()?;
                search.smoothed(start)?;
            }
            search.newton()?;
            search.extragradient(if free <= FEW { effort.budget / 10 } else { effort.budget })?;
            search.newton()?;
            if free <= FEW {
                search.simplices()?;
            }
            if domain == Domain::Cube {
                search.polish()?;
            }
        }
    }
    Ok(search.best)
}

/// How a demand is made easier: kinks are rounded off over a width, and prices are pulled towards an anchor.
#[derive(Clone, Debug, Default)]
pub(super) struct Ease {
    pub(super) width: f64,
    pub(super) pull: f64,
    pub(super) anchor: Vec<f64>,
}

impl Ease {
    /// Whether it is any easier.
    pub(super) fn eases(&self) -> bool {
        self.width > 0.0 || self.pull > 0.0
    }
}

/// What is known of the demand at a price.
pub(super) struct Around {
    pub(super) field: Vec<f64>,
    /// How demand j changes with price k, row-major.
    pub(super) slopes: Vec<f64>,
    pub(super) gap: f64,
}

pub(super) struct Search<'a> {
    pub(super) domain: Domain,
    pub(super) effort: Effort,
    pub(super) demand: &'a mut dyn Field,
    pub(super) best: Found,
}

impl Search<'_> {
    fn done(&self) -> bool {
        self.best.certificate <= self.effort.tolerance
    }

    pub(super) fn spent(&self) -> bool {
        self.done() || self.best.evaluations >= self.effort.budget
    }

    /// The demand at a price and its gap; the best is kept.
    pub(super) fn look(&mut self, price: &[f64]) -> Result<(Vec<f64>, f64)> {
        let mut field = vec![0.0; price.len()];
        self.demand.demand(price, &mut field)?;
        let gap = self.seen(price, &field);
        Ok((field, gap))
    }

    /// The same with slopes, by differences where the demand does not know them.
    pub(super) fn look_around(&mut self, price: &[f64]) -> Result<Around> {
        let n = price.len();
        let (mut field, mut slopes) = (vec![0.0; n], vec![0.0; n * n]);
        if self.demand.slopes(price, 0.0, &mut field, &mut slopes)? {
            let gap = self.seen(price, &field);
            return Ok(Around { field, slopes, gap });
        }
        let (field, gap) = self.look(price)?;
        for k in 0..n {
            let corner = f64::from(price[k] < 0.5);
            let slope = self.slope(price, &field, |j| if j == k { corner } else { price[j] })?;
            (0..n).for_each(|j| slopes[j * n + k] = slope[j] / (corner - price[k]));
        }
        Ok(Around { field, slopes, gap })
    }

    /// The same of an easier demand; it says nothing of the demand itself.
    pub(super) fn look_eased(&mut self, price: &[f64], ease: &Ease) -> Result<Option<Around>> {
        let n = price.len();
        let (mut field, mut slopes) = (vec![0.0; n], vec![0.0; n * n]);
        self.best.evaluations += 1;
        let known = self.demand.slopes(price, ease.width, &mut field, &mut slopes)?;
        for (j, (p, anchor)) in price.iter().zip(&ease.anchor).enumerate() {
            field[j] -= ease.pull * (p - anchor);
            slopes[j * n + j] -= ease.pull;
        }
        let gap = self.domain.gap(price, &field);
        Ok(known.then_some(Around { field, slopes, gap }))
    }

    /// The gap of a demand; the best is kept.
    fn seen(&mut self, price: &[f64], field: &[f64]) -> f64 {
        self.best.evaluations += 1;
        let gap = self.domain.gap(price, field);
        if gap < self.best.certificate {
            self.best.certificate = gap;
            self.best.price.copy_from_slice(price);
        }
        gap
    }

    /// One free price: halves the stretch in which the excess of demand changes its sign.
    fn bisect(&mut self) -> Result<()> {
        let (mut low, mut high) = (0.0, 1.0);
        for end in [low, high] {
            self.look(&self.domain.complete(&[end]))?;
        }
        while !self.spent() {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return Ok(());
            }
            let (field, _) = self.look(&self.domain.complete(&[middle]))?;
            let other = if self.domain == Domain::Simplex { field[1] } else { 0.0 };
            if field[0] > other {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(())
    }

    /// Damped Newton steps from the best price, as long as they help.
    fn newton(&mut self) -> Result<()> {
        for _ in 0..NEWTON_STEPS {
            if self.spent() {
                return Ok(());
            }
            let (price, before) = (self.best.price.clone(), self.best.certificate);
            let (field, _) = self.look(&price)?;
            let Some(target) = self.newton_target(&price, &field)? else {
                return Ok(());
            };
            let mut damping = 1.0;
            while self.best.certificate >= before && damping > 1e-3 {
                let mut moved: Vec<_> = price.iter().zip(&target).map(|(c, t)| c + damping * (t - c)).collect();
                self.domain.project(&mut moved);
                self.look(&moved)?;
                damping *= 0.5;
            }
            if self.best.certificate >= before {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Where the linear model of demand clears, with the prices that demand pushes to a bound held there.
    fn newton_target(&mut self, price: &[f64], field: &[f64]) -> Result<Option<Vec<f64>>> {
        let mut pushed: Vec<_> = price.iter().zip(field).map(|(c, d)| c + d).collect();
        self.domain.project(&mut pushed);
        let held = |k: usize| pushed[k] <= 0.0 || self.domain == Domain::Cube && pushed[k] >= 1.0;
        let free: Vec<_> = (0..price.len()).filter(|&k| !held(k)).collect();
        match self.domain {
            Domain::Simplex => self.simplex_target(price, field, &free),
            Domain::Cube => self.cube_target(price, field, &free, pushed),
        }
    }

    /// How demand changes from `price` towards a point, per unit of the way.
    fn slope(&mut self, price: &[f64], field: &[f64], corner: impl Fn(usize) -> f64) -> Result<Vec<f64>> {
        let nudged: Vec<_> = price
            .iter()
            .enumerate()
            .map(|(j, c)| c + NUDGE * (corner(j) - c))
            .collect();
        let (after, _) = self.look(&nudged)?;
        Ok(after.iter().zip(field).map(|(a, b)| (a - b) / NUDGE).collect())
    }

    /// Prices t on the free outcomes, summing to 1, at which `D + sum_k t_k (slope towards corner k)` is the same for all of
    /// them.
    fn simplex_target(&mut self, price: &[f64], field: &[f64], free: &[usize]) -> Result<Option<Vec<f64>>> {
        let n = free.len() + 1;
        let (mut matrix, mut right) = (vec![0.0; n * n], vec![1.0; n]);
        for (b, &k) in free.iter().enumerate() {
            let slope = self.slope(price, field, |j| f64::from(j == k))?;
            free.iter().enumerate().for_each(|(a, &j)| matrix[a * n + b] = slope[j]);
            matrix[b * n + n - 1] = -1.0;
            matrix[(n - 1) * n + b] = 1.0;
            right[b] = -field[k];
        }
        if !linear::solve_any(&mut matrix, &mut right) {
            return Ok(None);
        }
        let mut target = vec![0.0; price.len()];
        free.iter().zip(right).for_each(|(&k, t)| target[k] = t);
        Ok(finite(target))
    }

    /// Free prices at which the linear model of their demand is 0, the held ones where they are `pushed`.
    fn cube_target(
        &mut self,
        price: &[f64],
        field: &[f64],
        free: &[usize],
        pushed: Vec<f64>,
    ) -> Result<Option<Vec<f64>>> {
        let n = free.len();
        let (mut matrix, mut right) = (vec![0.0; n * n], free.iter().map(|&k| -field[k]).collect::<Vec<_>>());
        for k in 0..price.len() {
            let (column, move_by) = (free.iter().position(|&j| j == k), pushed[k] - price[k]);
            if column.is_none() && move_by == 0.0 {
                continue;
            }
            let corner = f64::from(price[k] < 0.5);
            let slope = self.slope(price, field, |j| if j == k { corner } else { price[j] })?;
            for (a, &j) in free.iter().enumerate() {
                let per_unit = slope[j] / (corner - price[k]);
                match column {
                    Some(b) => matrix[a * n + b] = per_unit,
                    None => right[a] -= per_unit * move_by,
                }
            }
        }
        if !linear::solve_any(&mut matrix, &mut right) {
            return Ok(None);
        }
        let mut target = pushed;
        free.iter().zip(right).for_each(|(&k, d)| target[k] = price[k] + d);
        Ok(finite(target))
    }

    /// Steps along the demand found one step ahead, as long as the field allows, until so many evaluations are spent.
    fn extragradient(&mut self, budget: u32) -> Result<()> {
        let mut price = self.best.price.clone();
        let mut step = 1.0;
        while !self.spent() && self.best.evaluations < budget {
            let (here, _) = self.look(&price)?;
            let there = loop {
                let ahead = self.moved(&price, &here, step);
                let (there, _) = self.look(&ahead)?;
                if step * distance(&here, &there) <= 0.7 * distance(&price, &ahead) || step < 1e-12 || self.spent() {
                    break there;
                }
                step *= 0.5;
            };
            price = self.moved(&price, &there, step);
            step *= 1.2;
        }
        Ok(())
    }

    fn moved(&self, price: &[f64], field: &[f64], step: f64) -> Vec<f64> {
        let mut moved: Vec<_> = price.iter().zip(field).map(|(c, d)| c + step * d).collect();
        self.domain.project(&mut moved);
        moved
    }

    /// Simplicial searches on finer and finer grids from the best price, each polished by Newton steps.
    fn simplices(&mut self) -> Result<()> {
        let mut mesh = 0.25;
        let mut from = self.best.price.clone();
        while !self.spent() && mesh > 1e-13 {
            if let Some(found) = simplicial::search(self, &from, mesh)? {
                self.look(&found)?;
                from = found;
                self.newton()?;
            }
            mesh *= 0.25;
        }
        Ok(())
    }

    /// Where demand pushes a price by at most 1: a continuous map of the domain into itself, still at an equilibrium.
    pub(super) fn push(&mut self, price: &[f64]) -> Result<Vec<f64>> {
        let (field, _) = self.look(price)?;
        let most = field.iter().fold(0.0, |most: f64, d| most.max(d.abs()));
        Ok(self.moved(price, &field, 1.0 / (1.0 + most)))
    }
}

fn finite(target: Vec<f64>) -> Option<Vec<f64>> {
    target.iter().all(|t| t.is_finite()).then_some(target)
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

#[cfg(test)]
#[path = "equilibrium_tests.rs"]
mod tests;

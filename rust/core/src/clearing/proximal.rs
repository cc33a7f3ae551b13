//! Newton's method for claims: at prices p the demand is replaced by its linear model, less `strength (q - p)` so that it leads
//! to one answer; the prices q of that model within the bounds are the next (Josephy 1979; Rockafellar 1976). Where a step makes
//! nothing better the pull towards p is strengthened, elsewhere it is let go.

use super::equilibrium::{Around, Ease, Search};
use super::linear;
use crate::error::Result;

const STEPS: usize = 60;
const POLISHING_STEPS: usize = 8;
/// The pull at first and at least, as a share of the steepest slope: enough to tell the prices of fields that do not care.
const LEAST_PULL: f64 = 1e-12;
/// The pull of the first step after one that has failed, and by what it then grows.
const FIRST_PULL: f64 = 1e-4;
const PULL_GROWTH: f64 = 8.0;
/// Shares of a step that are tried.
const SHARES: [f64; 4] = [1.0, 0.5, 0.25, 0.0625];
/// Exchanges of prices between the bounds and the inside, many at a time, then one by one.
const MANY: usize = 12;
const SINGLE: usize = 40;

/// Each width at which kinks are rounded off is such a share of the one before: in a hurry first, then with care.
const NARROWER: [f64; 2] = [0.25, 0.5];
/// Ways with a pull to an anchor that are tried after these, each with another anchor.
const ANCHORS: u32 = 24;
/// The least width and pull, as a share of the first.
const NARROWEST: f64 = 1e-12;
const SMOOTHED_STEPS: usize = 6;

impl Search<'_> {
    /// Steps from the best prices, as long as they help.
    pub(super) fn proximal(&mut self) -> Result<()> {
        let price = self.best.price.clone();
        self.steps(price, &Ease::default(), STEPS).map(|_| ())
    }

    /// Full steps within the tolerance, as long as they help.
    pub(super) fn polish(&mut self) -> Result<()> {
        for _ in 0..POLISHING_STEPS {
            let before = self.best.certificate;
            if before > self.effort.tolerance || before <= self.effort.aim {
                return Ok(());
            }
            let price = self.best.price.clone();
            let around = self.look_around(&price)?;
            let Some(target) = Model::new(&price, &around, LEAST_PULL * steepest(&around)).solve() else {
                return Ok(());
            };
            self.look(&target)?;
            if self.best.certificate >= before {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The prices of demands whose kinks are rounded off less and less, each found from the one before: where demand is steep
    /// and then saturated, nothing else shows the way (Chen and Mangasarian 1995).
    ///
    /// A way may end where such prices turn back; then others are tried, along which prices are pulled less and less to an
    /// anchor.
    pub(super) fn smoothed(&mut self, start: &[f64]) -> Result<()> {
        let width = self.demand.widest(start);
        let mut ease = Ease {
            width,
            ..Ease::default()
        };
        self.follow(self.best.price.clone(), ease.clone(), NARROWER[0])?;
        self.follow(start.to_vec(), ease.clone(), NARROWER[1])?;
        if self.spent() {
            return Ok(());
        }
        ease.pull = self.look_eased(start, &ease)?.map_or(0.0, |around| steepest(&around));
        for turn in 0..ANCHORS {
            if self.best.evaluations > self.effort.budget / 2 {
                break;
            }
            ease.anchor = anchor(start, turn);
            self.follow(ease.anchor.clone(), ease.clone(), NARROWER[1])?;
        }
        Ok(())
    }

    fn follow(&mut self, mut price: Vec<f64>, whole: Ease, narrower: f64) -> Result<()> {
        let mut share = 1.0;
        while whole.eases() && share > NARROWEST && !self.spent() {
            let ease = Ease {
                width: whole.width * share,
                pull: whole.pull * share,
                anchor: whole.anchor.clone(),
            };
            price = self.steps(price, &ease, SMOOTHED_STEPS)?;
            let before = self.best.certificate;
            self.look(&price)?;
            if self.best.certificate < before {
                self.steps(price.clone(), &Ease::default(), SMOOTHED_STEPS)?;
            }
            share *= narrower;
        }
        Ok(())
    }

    /// Newton steps for an easier demand, or for the demand itself; where they lead.
    fn steps(&mut self, mut price: Vec<f64>, ease: &Ease, most: usize) -> Result<Vec<f64>> {
        let mut pull = LEAST_PULL;
        let Some(mut around) = self.around(&price, ease)? else {
            return Ok(price);
        };
        for _ in 0..most {
            if self.spent() || around.gap <= self.effort.tolerance {
                return Ok(price);
            }
            let steepest = around
                .slopes
                .iter()
                .fold(f64::MIN_POSITIVE, |most, s| most.max(s.abs()));
            let better = loop {
                let target = Model::new(&price, &around, pull * steepest).solve();
                let before = merit(&price, &around.field, steepest);
                if let Some(better) = self.try_shares(&price, target.as_deref(), (before, steepest), ease)? {
                    break better;
                }
                pull = (pull * PULL_GROWTH).max(FIRST_PULL);
                if pull > 1e3 || self.spent() {
                    return Ok(price);
                }
            };
            (price, around) = better;
            pull = (pull / (PULL_GROWTH * PULL_GROWTH)).max(LEAST_PULL);
        }
        Ok(price)
    }

    fn around(&mut self, price: &[f64], ease: &Ease) -> Result<Option<Around>> {
        if ease.eases() {
            self.look_eased(price, ease)
        } else {
            self.look_around(price).map(Some)
        }
    }

    /// The first share of the way to the target at which the gap is smaller.
    fn try_shares(
        &mut self,
        price: &[f64],
        target: Option<&[f64]>,
        (before, steepest): (f64, f64),
        ease: &Ease,
    ) -> Result<Option<(Vec<f64>, Around)>> {
        let Some(target) = target else { return Ok(None) };
        for share in SHARES {
            let mut moved: Vec<_> = price.iter().zip(target).map(|(p, t)| p + share * (t - p)).collect();
            self.domain.project(&mut moved);
            let enough = before * (1.0 - 0.01 * share);
            // slopes are dear where they are differences, and then only asked for once a step is taken
            let good = |field: &[f64]| merit(&moved, field, steepest) < enough;
            if !ease.eases() && !good(&self.look(&moved)?.0) {
                continue;
            }
            if let Some(around) = self.around(&moved, ease)?.filter(|around| good(&around.field)) {
                return Ok(Some((moved, around)));
            }
        }
        Ok(None)
    }
}

/// Where prices are pulled to: the start, then points that fill the cube evenly (Weyl 1916, with the roots of 2, 3, 5, ...).
fn anchor(start: &[f64], turn: u32) -> Vec<f64> {
    let even =
        |j: usize| (f64::from(turn) * (j as f64 + 2.0).sqrt() * std::f64::consts::SQRT_2 + 0.5 * j as f64).fract();
    if turn == 0 {
        start.to_vec()
    } else {
        (0..start.len()).map(even).collect()
    }
}

fn steepest(around: &Around) -> f64 {
    around
        .slopes
        .iter()
        .fold(f64::MIN_POSITIVE, |most, s| most.max(s.abs()))
}

/// How far demand is from clearing: the sum of what is wanted, of each as much as its price has room for.
fn merit(price: &[f64], field: &[f64], steepest: f64) -> f64 {
    let term = |(p, d): (&f64, &f64)| {
        let room = if *d > 0.0 { 1.0 - p } else { *p };
        d.abs().min(steepest * room)
    };
    price.iter().zip(field).map(term).sum()
}

/// Where the model puts a price.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Low,
    Free,
    High,
}

/// Demand `field + (slopes - pull) (q - price)` at prices q.
struct Model<'a> {
    price: &'a [f64],
    around: &'a Around,
    pull: f64,
    sides: Vec<Side>,
}

impl<'a> Model<'a> {
    /// Prices at a bound begin there if they are pushed against it.
    fn new(price: &'a [f64], around: &'a Around, pull: f64) -> Self {
        let side = |(p, d): (&f64, &f64)| match (*p, *d) {
            (p, d) if p <= 0.0 && d <= 0.0 => Side::Low,
            (p, d) if p >= 1.0 && d >= 0.0 => Side::High,
            _ => Side::Free,
        };
        Self {
            price,
            around,
            pull,
            sides: price.iter().zip(&around.field).map(side).collect(),
        }
    }

    /// The prices in [0, 1] at which the model clears, by exchanging all that are on a wrong side, in the end one by one (Murty
    /// 1974; Júdice and Pires 1994); the last ones found where that does not end.
    fn solve(&mut self) -> Option<Vec<f64>> {
        let mut found = None;
        for turn in 0..MANY + SINGLE {
            let step = self.step()?;
            let wrong = self.wrong(&step);
            let done = wrong.is_empty();
            found = Some(
                self.price
                    .iter()
                    .zip(&step)
                    .map(|(p, by)| (p + by).clamp(0.0, 1.0))
                    .collect(),
            );
            if done {
                break;
            }
            let from = if turn < MANY { 0 } else { wrong.len() - 1 };
            wrong[from..].iter().for_each(|(j, side)| self.sides[*j] = *side);
        }
        found
    }

    /// The step after which the free prices clear, the others being at their bounds.
    fn step(&self) -> Option<Vec<f64>> {
        let n = self.price.len();
        let free: Vec<_> = (0..n).filter(|j| self.sides[*j] == Side::Free).collect();
        let mut step: Vec<_> = (0..n)
            .map(|j| match self.sides[j] {
                Side::Low => -self.price[j],
                Side::Free => 0.0,
                Side::High => 1.0 - self.price[j],
            })
            .collect();
        let mut right: Vec<_> = free.iter().map(|j| -self.at(*j, &step)).collect();
        let mut matrix = Vec::with_capacity(free.len() * free.len());
        for j in &free {
            let row = &self.around.slopes[j * n..(j + 1) * n];
            matrix.extend(free.iter().map(|k| row[*k] - if j == k { self.pull } else { 0.0 }));
        }
        if !linear::solve_any(&mut matrix, &mut right) {
            return None;
        }
        free.iter().zip(right).for_each(|(j, by)| step[*j] = by);
        step.iter().all(|by| by.is_finite()).then_some(step)
    }

    /// The model's demand j after a step.
    fn at(&self, j: usize, step: &[f64]) -> f64 {
        let row = &self.around.slopes[j * step.len()..(j + 1) * step.len()];
        let change: f64 = row.iter().zip(step).map(|(s, by)| s * by).sum();
        self.around.field[j] + change - self.pull * step[j]
    }

    /// The prices on a wrong side, with the right one.
    fn wrong(&self, step: &[f64]) -> Vec<(usize, Side)> {
        let better = |j: usize| {
            let after = self.price[j] + step[j];
            match self.sides[j] {
                Side::Free if after < 0.0 => Some(Side::Low),
                Side::Free if after > 1.0 => Some(Side::High),
                Side::Low if self.at(j, step) > 0.0 => Some(Side::Free),
                Side::High if self.at(j, step) < 0.0 => Some(Side::Free),
                _ => None,
            }
        };
        (0..step.len())
            .filter_map(|j| better(j).map(|side| (j, side)))
            .collect()
    }
}

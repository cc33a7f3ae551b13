//! Newton's method for claims: at prices p the demand is replaced by its linear model, less `strength (q - p)` so that it leads
//! to one answer; the prices q of that model within the bounds are the next (Josephy 1979; Rockafellar 1976). Where a step makes
//! nothing better the pull towards p is strengthened, elsewhere it is let go.

use super::equilibrium::{Around, Ease, Search};
use super::model::Model;
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
            let Some(target) = target(&price, &around, LEAST_PULL * steepest(&around)) else {
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
                let target = target(&price, &around, pull * steepest);
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

/// The prices in [0, 1] at which the linear model of demand clears.
fn target(price: &[f64], around: &Around, pull: f64) -> Option<Vec<f64>> {
    let rooms: Vec<_> = price.iter().map(|p| (*p, 1.0 - p)).collect();
    let step = Model::new(&rooms, &around.field, &around.slopes, pull).solve()?;
    Some(price.iter().zip(step).map(|(p, by)| (p + by).clamp(0.0, 1.0)).collect())
}

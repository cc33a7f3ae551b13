//! One price, in floats: Newton steps or secants inside of a bracket that is halved where they are slow (Dekker 1969; Bus and
//! Dekker 1975).

use super::certify::{gain, gains};
use super::hunt::Hunt;
use crate::error::Result;

/// Steps after which floats have nothing more to give.
const STEPS: u32 = 200;
/// Steps that may leave more than half of the bracket before it is halved.
const SLOW: u32 = 2;
/// Steps of many prices that may leave more than half of what is gained.
const PATIENCE: u32 = 8;

/// Between `low`, where more is wanted, and `high`, where less is. At 0 and 1 that need not be so: beyond them nobody can go.
struct Bracket {
    low: f64,
    high: f64,
    at_low: Option<f64>,
    at_high: Option<f64>,
    slow: u32,
}

impl Default for Bracket {
    fn default() -> Self {
        Self {
            low: 0.0,
            high: 1.0,
            at_low: None,
            at_high: None,
            slow: 0,
        }
    }
}

/// Leaves the best price of sentence `j` among the floats.
pub fn search(hunt: &mut Hunt<'_>, j: usize, aim: f64) -> Result<()> {
    let mut price = hunt.floats[j];
    let mut best = (price, f64::INFINITY);
    let mut bracket = Bracket::default();
    let mut knows = true;
    for _ in 0..STEPS.min(hunt.options.evaluations) {
        let (mut bought, mut slope) = ([0.0], [0.0]);
        knows = knows && hunt.slopes(&[j], &[price], &mut bought, &mut slope)?;
        if !knows {
            hunt.estimate(&[j], &[price], &mut bought)?;
        }
        let now = gain(price, bought[0]);
        if now < best.1 {
            best = (price, now);
        }
        if now <= aim {
            break;
        }
        let Some(next) = bracket.next(price, bought[0], if knows { slope[0] } else { 0.0 }) else {
            break;
        };
        price = next;
    }
    hunt.floats[j] = best.0;
    Ok(())
}

/// Leaves better prices of many sentences among the floats, each looked for as if the others stood still, all at once: where
/// they depend on each other through little more than a budget that is common to them, that is enough, and its cost is in
/// proportion to their number.
pub fn together(hunt: &mut Hunt<'_>, part: &[usize], aim: f64) -> Result<()> {
    let n = part.len();
    let mut prices: Vec<_> = part.iter().map(|j| hunt.floats[*j]).collect();
    let mut best = (prices.clone(), f64::INFINITY);
    let mut brackets: Vec<_> = (0..n).map(|_| Bracket::default()).collect();
    let (mut bought, mut slopes) = (vec![0.0; n], vec![0.0; n]);
    let mut patience = PATIENCE;
    while patience > 0 && hunt.together(part, &prices, &mut bought, &mut slopes)? {
        let now = gains(&prices, &bought);
        if now < best.1 {
            patience = if now < 0.5 * best.1 { PATIENCE } else { patience - 1 };
            best = (prices.clone(), now);
        } else {
            patience -= 1;
        }
        if now <= aim {
            break;
        }
        for (j, bracket) in brackets.iter_mut().enumerate() {
            if gain(prices[j], bought[j]) > aim / n as f64 {
                match bracket.next(prices[j], bought[j], slopes[j]) {
                    Some(next) => prices[j] = next,
                    None => *bracket = Bracket::default(), // the others have moved what it held
                }
            }
        }
    }
    hunt.place(part, &best.0);
    Ok(())
}

impl Bracket {
    /// Takes up what is known at a price; where to look next, None where no float is left between the ends.
    fn next(&mut self, price: f64, bought: f64, slope: f64) -> Option<f64> {
        let before = self.high - self.low;
        if bought > 0.0 {
            (self.low, self.at_low) = (price, Some(bought));
        } else {
            (self.high, self.at_high) = (price, Some(bought));
        }
        let width = self.high - self.low;
        self.slow = if width > 0.5 * before { self.slow + 1 } else { 0 };
        let middle = self.low + 0.5 * width;
        let ends_known = self.at_low.is_some() && self.at_high.is_some();
        if self.slow > SLOW && ends_known {
            self.slow = 0;
            return self.inside(middle);
        }
        let newton = price - bought / slope;
        if slope < 0.0 && newton.is_finite() {
            if newton >= self.high && self.at_high.is_none() || newton <= self.low && self.at_low.is_none() {
                return Some(newton.clamp(self.low, self.high));
            }
            if newton > self.low && newton < self.high {
                return Some(newton);
            }
        }
        match (self.at_low, self.at_high) {
            (Some(a), Some(b)) => {
                let secant = self.low + width * (a / (a - b));
                self.inside(if secant.is_finite() { secant } else { middle })
            }
            (None, _) => Some(self.low),
            (_, None) => Some(self.high),
        }
    }

    /// A float strictly between the ends, the one given if it is.
    fn inside(&self, given: f64) -> Option<f64> {
        let middle = self.low + 0.5 * (self.high - self.low);
        [given, middle].into_iter().find(|x| *x > self.low && *x < self.high)
    }
}

//! Newton steps for several prices beyond the precision of floats: demand and kinks are those at exact prices, the step is a
//! float for each price, of whatever size. Every sentence's demand is taken in units of its own slope, so that prices that
//! late traders alone care for move as readily as those that the firm's first traders have fixed.

use super::super::number::Exact;
use super::certify::{gains, precision};
use super::deep::STEEP_BITS;
use super::hunt::Hunt;
use crate::clearing::model::Model;
use crate::error::Result;

const STEPS: usize = 200;
/// What keeps a step short, as a share of the slopes: at least, after the first step that has failed, by what it then grows,
/// and when to give up.
const LEAST_PULL: f64 = 1e-14;
const FIRST_PULL: f64 = 1e-4;
const PULL_GROWTH: f64 = 8.0;
const MOST_PULL: f64 = 1e3;
/// Shares of a step that are tried.
const SHARES: [f64; 4] = [1.0, 0.5, 0.25, 0.0625];

/// What is known at the part's prices.
struct Point {
    prices: Vec<Exact>,
    rooms: Vec<(f64, f64)>,
    bought: Vec<f64>,
}

struct Newton<'a, 'b> {
    hunt: &'a mut Hunt<'b>,
    part: &'a [usize],
    /// Prices are multiples of `2^-bits`.
    bits: usize,
}

/// Goes on from the prices of a part; the certificate reached.
pub fn search(hunt: &mut Hunt<'_>, part: &[usize], aim: &Exact, reached: Exact) -> Result<Exact> {
    let bits = precision(aim, part.len()) + STEEP_BITS;
    let before = hunt.of(part);
    let mut newton = Newton { hunt, part, bits };
    let best = newton.run(0.5 * aim.to_f64())?;
    hunt.take(part, best);
    let now = hunt.certify(part, aim)?;
    if now < reached {
        return Ok(now);
    }
    hunt.take(part, before);
    hunt.certify(part, aim)
}

impl Newton<'_, '_> {
    /// The best prices on the way.
    fn run(&mut self, aim: f64) -> Result<Vec<Exact>> {
        let n = self.part.len();
        let mut slopes = vec![0.0; n * n];
        let mut here = self.look(self.hunt.of(self.part), Some(&mut slopes))?;
        let mut best = (here.prices.clone(), here.gain());
        let mut pull = LEAST_PULL;
        for _ in 0..STEPS {
            if best.1 <= aim || self.hunt.spent() {
                break;
            }
            let Some(next) = self.step(&here, &slopes, &mut pull)? else {
                break;
            };
            here = self.look(next.prices, Some(&mut slopes))?;
            let gain = here.gain();
            if gain < best.1 {
                best = (here.prices.clone(), gain);
            }
        }
        Ok(best.0)
    }

    fn look(&mut self, prices: Vec<Exact>, slopes: Option<&mut [f64]>) -> Result<Point> {
        let one = Exact::from(1);
        let rooms = prices.iter().map(|p| (p.to_f64(), (&one - p).to_f64())).collect();
        self.hunt.take(self.part, prices.clone());
        let mut bought = vec![0.0; prices.len()];
        self.hunt.deep(self.part, self.bits, &mut bought, slopes)?;
        Ok(Point { prices, rooms, bought })
    }

    /// The first point on the way to where the model clears that is nearer to clearing; the pull is what that took.
    fn step(&mut self, here: &Point, slopes: &[f64], pull: &mut f64) -> Result<Option<Point>> {
        let units = here.units(slopes);
        let bought: Vec<_> = here.bought.iter().zip(&units).map(|(d, unit)| d / unit).collect();
        let rows = slopes.chunks_exact(units.len()).zip(&units);
        let slopes: Vec<_> = rows.flat_map(|(row, unit)| row.iter().map(move |s| s / unit)).collect();
        let before = here.merit(&units);
        loop {
            let step = Model::new(&here.rooms, &bought, &slopes, *pull).solve();
            for share in SHARES {
                let Some(step) = &step else { break };
                let moved = here.prices.iter().zip(step).map(|(p, by)| self.moved(p, share * by));
                let there = self.look(moved.collect(), None)?;
                if there.merit(&units) < before * (1.0 - 0.01 * share) {
                    *pull = (*pull / (PULL_GROWTH * PULL_GROWTH)).max(LEAST_PULL);
                    return Ok(Some(there));
                }
            }
            *pull = (*pull * PULL_GROWTH).max(FIRST_PULL);
            if *pull > MOST_PULL || self.hunt.spent() {
                return Ok(None);
            }
        }
    }

    fn moved(&self, price: &Exact, by: f64) -> Exact {
        let moved = price + &Exact::of_float(by).unwrap_or_default();
        moved.max(Exact::default()).min(Exact::from(1)).round_down(self.bits)
    }
}

impl Point {
    /// What is gained here, as a float.
    fn gain(&self) -> f64 {
        let prices: Vec<_> = self.rooms.iter().map(|(below, _)| *below).collect();
        gains(&prices, &self.bought)
    }

    /// For each sentence the steepest of its demand's slopes; the demand itself where that is more, or where all are 0.
    fn units(&self, slopes: &[f64]) -> Vec<f64> {
        let rows = slopes.chunks_exact(self.bought.len()).zip(&self.bought);
        let unit = |(row, d): (&[f64], &f64)| row.iter().fold(d.abs(), |most, s| most.max(s.abs()));
        rows.map(unit).map(|unit| if unit > 0.0 { unit } else { 1.0 }).collect()
    }

    /// About how far prices are from clearing.
    fn merit(&self, units: &[f64]) -> f64 {
        let each = self.bought.iter().zip(units).zip(&self.rooms);
        let far = each.map(|((d, unit), (below, above))| (d.abs() / unit).min(if *d > 0.0 { *above } else { *below }));
        far.sum()
    }
}

//! Several prices together beyond the precision of floats. Around the prices found so far a small box is taken for the unit
//! cube, and the demand, in units of the box, for a field of it: that is a problem of the same kind, on which floats tell prices
//! apart that they could not before. Its answer is the middle of the next box, smaller by most of a float's bits.

use super::super::number::Exact;
use super::certify::precision;
use super::deep::STEEP_BITS;
use super::hunt::Hunt;
use crate::clearing::equilibrium::{self, Domain, Effort, Field};
use crate::error::Result;

/// The first box: floats are rarely off by more than `2^-28` where the certificate is small.
const FIRST_SCALE: usize = 28;
/// Bits by which a box is smaller than the one before where that one's answer lay inside.
const FINER_BITS: usize = 36;
/// Bits by which it is larger where prices ran into its walls, or nothing was found.
const WIDER_BITS: usize = 12;
/// The part of what was gained that an answer may leave.
const FINER_GAIN: f64 = 1.0 / (1u64 << FINER_BITS) as f64;
/// How well floats tell prices of a box apart, with some bits to spare.
const SHARPEST: f64 = 1.0 / (1u64 << 46) as f64;
/// Bits beyond those of a box's side with which demand in it is worked out.
const SHARP_BITS: usize = 80;
/// Evaluations that one box may take.
const BOX_EVALUATIONS: u32 = 1000;
/// Boxes that may make nothing better.
const PATIENCE: u32 = 4;

/// A box of side `2^-scale`, within [0, 1].
struct Cell<'a, 'b> {
    hunt: &'a mut Hunt<'b>,
    part: &'a [usize],
    /// Its lowest corner.
    corner: Vec<Exact>,
    scale: usize,
    /// Prices are multiples of `2^-bits`.
    bits: usize,
}

/// How the search in a box ended.
enum End {
    /// Its middle was as good already as floats can tell in it.
    Sharp,
    /// At a wall that is no bound of prices: more may lie beyond.
    Wall,
    Inside,
}

/// Goes on from the prices of a part; the certificate reached.
pub fn search(hunt: &mut Hunt<'_>, part: &[usize], aim: &Exact, reached: Exact) -> Result<Exact> {
    let bits = precision(aim, part.len()) + STEEP_BITS;
    let mut best = (hunt.of(part), reached);
    let (mut scale, mut finer, mut failures) = (FIRST_SCALE, FINER_BITS, 0);
    while best.1 > *aim && failures < PATIENCE && scale < bits {
        let end = Cell::around(hunt, part, scale, bits).solve(aim)?;
        if matches!(end, End::Sharp) {
            scale += finer;
            continue;
        }
        let now = hunt.certify(part, aim)?;
        let better = now.doubled(1) < best.1;
        if now < best.1 {
            best = (hunt.of(part), now);
        }
        failures = if better { 0 } else { failures + 1 };
        if better && matches!(end, End::Inside) {
            scale += finer;
        } else {
            // where demand is steep one way and flat another, prices are not as good as what is gained says
            scale = scale.saturating_sub(WIDER_BITS);
            finer = finer.saturating_sub(WIDER_BITS).max(WIDER_BITS);
        }
    }
    hunt.take(part, best.0);
    hunt.certify(part, aim)
}

impl<'a, 'b> Cell<'a, 'b> {
    /// With the part's prices in the middle, where the bounds allow.
    fn around(hunt: &'a mut Hunt<'b>, part: &'a [usize], scale: usize, bits: usize) -> Self {
        let (half, most) = (
            Exact::two_to_minus(scale + 1),
            &Exact::from(1) - &Exact::two_to_minus(scale),
        );
        let low = |price: &Exact| (price - &half).max(Exact::default()).min(most.clone());
        Self {
            corner: part.iter().map(|j| low(&hunt.prices[*j])).collect(),
            hunt,
            part,
            scale,
            bits,
        }
    }

    /// Moves the part's prices to the best that is found in the box.
    fn solve(&mut self, aim: &Exact) -> Result<End> {
        let prices = self.part.iter().map(|j| &self.hunt.prices[*j]);
        let inside = prices.zip(&self.corner).map(|(price, low)| price - low);
        let start: Vec<_> = inside.map(|u| u.doubled(self.scale).to_f64()).collect();
        let (gap, sharpest) = self.sharpness(&start)?;
        if gap <= sharpest {
            self.place(&start);
            return Ok(End::Sharp);
        }
        // what is gained in the box may be less than half of what is gained in all
        let enough = 0.25 * aim.doubled(self.scale).to_f64();
        let tolerance = enough.max(gap * FINER_GAIN).max(sharpest);
        let effort = Effort {
            tolerance,
            aim: tolerance,
            budget: BOX_EVALUATIONS.min(self.hunt.options.evaluations),
        };
        let found = equilibrium::solve(Domain::Cube, &start, effort, self)?;
        self.place(&found.price);
        let top = &Exact::from(1) - &Exact::two_to_minus(self.scale);
        let wall = |(u, low): (&f64, &Exact)| *u <= 0.0 && low.sign() > 0 || *u >= 1.0 && *low < top;
        let at_wall = found.price.iter().zip(&self.corner).any(wall);
        Ok(if at_wall { End::Wall } else { End::Inside })
    }

    /// What is gained at prices in the box, and about what floats cannot tell from nothing there: what the demand for prices that
    /// are free changes by in the last bits of all.
    fn sharpness(&mut self, at: &[f64]) -> Result<(f64, f64)> {
        let n = at.len();
        let (mut bought, mut slopes) = (vec![0.0; n], vec![0.0; n * n]);
        self.slopes(at, 0.0, &mut bought, &mut slopes)?;
        let free = |(u, d): (&f64, &f64)| !(*u <= 0.0 && *d <= 0.0 || *u >= 1.0 && *d >= 0.0);
        let rows = at.iter().zip(&bought).zip(slopes.chunks_exact(n));
        let steep: f64 = rows
            .filter(|(here, _)| free(*here))
            .flat_map(|(_, row)| row)
            .map(|s| s.abs())
            .sum();
        Ok((Domain::Cube.gap(at, &bought), steep * SHARPEST))
    }

    /// Puts demand in units of the box: its slopes are those of the demand then.
    fn enlarge(&self, out: &mut [f64]) {
        let side = (self.scale as f64).exp2();
        out.iter_mut().for_each(|d| *d *= side);
    }

    fn place(&mut self, at: &[f64]) {
        for ((j, u), low) in self.part.iter().zip(at).zip(&self.corner) {
            let inside = Exact::of_float(*u).unwrap_or_default();
            let price = low + &(&inside * &Exact::two_to_minus(self.scale));
            self.hunt.prices[*j] = price.round_down(self.bits);
        }
    }
}

impl Field for Cell<'_, '_> {
    fn demand(&mut self, at: &[f64], out: &mut [f64]) -> Result<()> {
        self.place(at);
        self.hunt.deep(self.part, self.scale + SHARP_BITS, out, None)?;
        self.enlarge(out);
        Ok(())
    }

    fn slopes(&mut self, at: &[f64], _width: f64, out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        self.place(at);
        let known = self.hunt.deep(self.part, self.scale + SHARP_BITS, out, Some(slopes))?;
        self.enlarge(out);
        Ok(known)
    }
}

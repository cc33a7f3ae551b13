//! One price beyond the precision of floats: the certificate may have to be far below `2^-53`.

use super::super::number::Exact;
use super::certify::precision;
use super::hunt::Hunt;
use crate::error::Result;
use dashu_int::IBig;

/// Bits of a price beyond those of the aim: so steep may a demand be, as a power of 2.
pub const STEEP_BITS: usize = 40;
/// How far from a float's root its true one is first looked for, in bits.
const FIRST_BITS: usize = 50;
/// By how many bits the look goes further each time.
const FURTHER_BITS: usize = 6;

/// A price, as a multiple of `2^-bits`, and the demand there.
struct Point {
    price: IBig,
    bought: Exact,
}

/// The search on one price.
struct Line<'a, 'b> {
    hunt: &'a mut Hunt<'b>,
    j: usize,
    bits: usize,
    aim: &'a Exact,
    best: (Exact, Exact),
    /// Where more is wanted, and where less is.
    low: Option<Point>,
    high: Option<Point>,
    /// Whether the last point was one where more is wanted.
    last: Option<bool>,
    /// Steps in a row that left more than half of the bracket and of the demand.
    slow: u32,
}

/// Secants inside of a bracket around the float's price of sentence `j` (Dowell, Jarratt 1971); the certificate reached.
pub fn line(hunt: &mut Hunt<'_>, j: usize, aim: &Exact, reached: Exact) -> Result<Exact> {
    let bits = precision(aim, 1).max(FIRST_BITS) + STEEP_BITS;
    let price = hunt.prices[j].clone();
    let mut line = Line {
        hunt,
        j,
        bits,
        aim,
        best: (price.clone(), reached),
        low: None,
        high: None,
        last: None,
        slow: 0,
    };
    line.run(price.floor_at(bits))?;
    let best = line.best.0;
    hunt.prices[j] = best;
    hunt.floats[j] = hunt.prices[j].to_f64();
    hunt.certify(&[j], aim)
}

impl Line<'_, '_> {
    fn run(&mut self, from: IBig) -> Result<()> {
        let mut next = Some(from);
        let mut step = IBig::ONE << (self.bits - FIRST_BITS);
        let mut steps = 0;
        // halving alone would end after three times as many
        while let Some(price) = next.take().filter(|_| steps < 4 * self.bits) {
            let point = self.look(price)?;
            if self.best.1 <= *self.aim {
                return Ok(());
            }
            self.replace(point);
            next = match (&self.low, &self.high) {
                (Some(_), Some(_)) => self.inside(),
                (Some(low), None) => Some((&low.price + &step).min(IBig::ONE << self.bits)).filter(|p| *p > low.price),
                (None, Some(high)) => Some((&high.price - &step).max(IBig::ZERO)).filter(|p| *p < high.price),
                (None, None) => None,
            };
            step <<= FURTHER_BITS;
            steps += 1;
        }
        Ok(())
    }

    fn look(&mut self, price: IBig) -> Result<Point> {
        self.hunt.prices[self.j] = Exact::dyadic(price.clone(), self.bits);
        let now = self.hunt.certify(&[self.j], self.aim)?;
        if now < self.best.1 {
            self.best = (self.hunt.prices[self.j].clone(), now);
        }
        Ok(Point {
            price,
            bought: self.hunt.bought[self.j].middle(),
        })
    }

    fn width(&self) -> Option<IBig> {
        Some(&self.high.as_ref()?.price - &self.low.as_ref()?.price)
    }

    /// Moves one end of the bracket. An end that stays twice has its demand halved, so that secants do not creep.
    fn replace(&mut self, point: Point) {
        let (before, more) = (self.width(), point.bought.sign() > 0);
        let (mine, other) = if more {
            (&mut self.low, &mut self.high)
        } else {
            (&mut self.high, &mut self.low)
        };
        let halved = |end: &Point| &end.bought * &Exact::two_to_minus(1);
        let less = mine.as_ref().is_some_and(|old| point.bought.abs() <= halved(old).abs());
        if self.last == Some(more) {
            other.iter_mut().for_each(|end| end.bought = halved(end));
        }
        *mine = Some(point);
        self.last = Some(more);
        let half = before.zip(self.width()).is_some_and(|(before, now)| now * 2 <= before);
        self.slow = if half || less { 0 } else { self.slow + 1 };
    }

    /// Where the secant between the ends is 0, the middle where secants have been slow; None where nothing lies between.
    fn inside(&mut self) -> Option<IBig> {
        let (low, high) = (self.low.as_ref()?, self.high.as_ref()?);
        let width = &high.price - &low.price;
        let fall = &low.bought - &high.bought;
        let ahead = match (&low.bought * &Exact::from(1)).divided(&fall) {
            Some(part) if self.slow < 3 => (&part * &Exact::dyadic(width.clone(), 0)).floor_at(0),
            _ => {
                self.slow = 0;
                &width >> 1
            }
        };
        if width <= IBig::ONE {
            return None;
        }
        Some(&low.price + ahead.max(IBig::ONE).min(width - 1))
    }
}

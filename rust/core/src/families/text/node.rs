//! A trader in 32 bits: belief (16), wealth (11), count (5). All zeros is a trader that was never asked.
//!
//! Each part is coarse, so every step is rounded at random, up or down by its remainder: right on average.

use crate::lanes::eight::{Eight, Floats, LANES, Words};
use pulp::Simd;

/// A belief stands in the middle of its 65,536 steps.
const BELIEFS: f32 = 65_536.0;
/// The wealth is a float of 5 bits of exponent and 6 of mantissa: the middle of an f32, from 2^-16 to 2^16.
const WEALTH_SHIFT: u32 = 17;
const POOREST: f32 = 1.0 / 65_536.0;
const RICHEST: f32 = 65_536.0 * (1.0 - 1.0 / 128.0);
const POOREST_BITS: u32 = POOREST.to_bits() >> WEALTH_SHIFT;

/// What eight traders believe and own, as they stand.
#[derive(Clone, Copy)]
pub struct Traders<S: Simd> {
    /// 65,536 times the probability of a 1.
    beliefs: Floats<S>,
    pub wealth: Floats<S>,
    counts: Words<S>,
    /// 1 for who is awake, else 0.
    pub awake: Floats<S>,
}

/// How traders are born and how they learn.
#[derive(Clone, Debug)]
pub struct Learning {
    /// 1 + 2a: a belief's step is 1 / (n + 1 + 2a).
    slowness: f32,
    /// Where the count n stops.
    limit: f32,
    /// Wealth at birth, by lane.
    endowments: Eight,
    /// 1 for a lane whose traders never sleep.
    sleepless: Eight,
}

impl Learning {
    pub fn new(estimator: f64, limit: f64, endowments: Eight, sleepless: Eight) -> Self {
        Self {
            slowness: (1.0 + 2.0 * estimator) as f32,
            limit: limit as f32,
            endowments,
            sleepless,
        }
    }

    #[inline(always)]
    pub fn wake<S: Simd>(&self, s: S, nodes: [u32; LANES]) -> Traders<S> {
        let nodes = Words::new(s, nodes);
        let counts = nodes & 31;
        let visited = counts.whole();
        let one = Floats::splat(s, 1.0);
        let wealth = ((((nodes >> 5) & 0x7ff) + POOREST_BITS) << WEALTH_SHIFT).floats();
        Traders {
            beliefs: visited.choose((nodes >> 16).whole() + 0.5, one * (BELIEFS / 2.0)),
            wealth: visited.choose(wealth, Floats::new(s, self.endowments)),
            counts,
            awake: visited.choose(one, Floats::new(s, self.sleepless)),
        }
    }

    /// The traders after the bit `y`, their wealth multiplied by `growth`; `random` is 32 bits for each.
    #[inline(always)]
    pub fn settle<S: Simd>(
        &self,
        s: S,
        traders: &Traders<S>,
        y: f32,
        growth: Floats<S>,
        random: Words<S>,
    ) -> [u32; LANES] {
        let (visits, moves_on) = visits(traders.counts);
        let (zero, one) = (Floats::splat(s, 0.0), Floats::splat(s, 1.0));
        let limited = visits.clamp(0.0, self.limit);
        let believed = traders.beliefs + (one * (y * BELIEFS) - traders.beliefs) / (limited + self.slowness);
        let dither = (random >> 16).whole() * (1.0 / BELIEFS);
        let beliefs = (believed + dither - 1.0).clamp(0.0, BELIEFS - 1.0).nearest();
        let wealth = (traders.wealth * growth).clamp(POOREST, RICHEST).bits();
        let wealth = ((wealth + (random & ((1 << WEALTH_SHIFT) - 1))) >> WEALTH_SHIFT) + POOREST_BITS.wrapping_neg();
        let drawn = ((random >> 8) & 0xffff).whole() * (1.0 / 65_536.0);
        let moves = (moves_on - drawn).choose((one * self.limit - visits).choose(one, zero), zero);
        let counts = traders.counts + moves.nearest();
        ((beliefs << 16) | (wealth << 5) | counts).lanes()
    }
}

impl<S: Simd> Traders<S> {
    /// ln(p / (1 - p)) of each belief.
    #[inline(always)]
    pub fn logits(&self) -> Floats<S> {
        (self.beliefs / (self.beliefs * -1.0 + BELIEFS)).ln()
    }

    #[inline(always)]
    pub fn beliefs(&self) -> Floats<S> {
        self.beliefs * (1.0 / BELIEFS)
    }
}

/// The visits that counts stand for, 0 to 4 one by one and then four steps for each doubling, and how probably one more
/// visit moves each count on.
#[inline(always)]
fn visits<S: Simd>(counts: Words<S>) -> (Floats<S>, Floats<S>) {
    let exact = counts.whole();
    // a count of 4e + m is a float of exponent e + 1 and mantissa 1 + m / 4
    let coarse = ((counts << 21) + (128 << 23)).floats();
    let gaps = ((((counts >> 2) * u32::MAX) + 128) << 23).floats();
    ((exact - 3.5).choose(coarse, exact), gaps)
}

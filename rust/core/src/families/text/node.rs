//! A trader in 32 bits: belief (16), wealth (11), count (5). All zeros is a trader that was never asked.
//!
//! Each part is coarse, so every step is rounded at random, up or down by its remainder: right on average.

use crate::lanes::eight::{Eight, LANES, Words, nearest, whole};

/// A belief stands in the middle of its 65,536 steps.
const BELIEFS: f32 = 65_536.0;
/// The wealth is a float of 5 bits of exponent and 6 of mantissa: the middle of an f32, from 2^-16 to 2^16.
const WEALTH_SHIFT: u32 = 17;
const POOREST: u32 = (127 - 16) << 6;
const WEALTHS: u32 = 1 << 11;
const COUNTS: usize = 32;

/// What eight traders believe and own, as they stand.
#[derive(Clone, Copy, Debug)]
pub struct Traders {
    /// 65,536 times the probability of a 1.
    beliefs: Eight,
    pub wealth: Eight,
    counts: Words,
    /// 1 for who is awake, else 0.
    pub awake: Eight,
}

/// How traders are born and how they learn.
#[derive(Clone, Debug)]
pub struct Learning {
    /// The step of a belief at each count, 1 / (n + 1 + 2a).
    steps: [f32; COUNTS],
    /// How probably a visit moves each count on, in 2^-32.
    advance: [u32; COUNTS],
    /// Wealth at birth, by lane.
    endowments: Eight,
    /// 1 for a lane whose traders never sleep.
    sleepless: Eight,
}

impl Learning {
    /// `estimator` is a; counts stop at `limit`; a lane of order d is endowed with e^(endowment d).
    pub fn new(estimator: f64, limit: f64, endowments: Eight, sleepless: Eight) -> Self {
        // 0, 1, ..., 8, then four steps for each doubling
        let visits = |c: usize| {
            if c < 8 {
                c as f64
            } else {
                f64::from((4 + (c as u32 & 3)) << (c / 4 - 1))
            }
            .min(limit)
        };
        let gap = |c: usize| if c + 1 < COUNTS { visits(c + 1) - visits(c) } else { 0.0 };
        Self {
            steps: std::array::from_fn(|c| (1.0 / (visits(c) + 1.0 + 2.0 * estimator)) as f32),
            advance: std::array::from_fn(|c| {
                if gap(c) > 0.0 {
                    (f64::from(u32::MAX) / gap(c).max(1.0)) as u32
                } else {
                    0
                }
            }),
            endowments,
            sleepless,
        }
    }

    #[inline(always)]
    pub fn wake(&self, nodes: Words) -> Traders {
        let counts = nodes.map(|n| n & 31);
        let visited = counts.to_floats(|c| whole(c.min(1)));
        let wealth = nodes.to_floats(|n| f32::from_bits(((n >> 5 & (WEALTHS - 1)) + POOREST) << WEALTH_SHIFT));
        Traders {
            beliefs: nodes
                .to_floats(|n| whole(n >> 16) + 0.5)
                .zip(visited, |b, v| if v > 0.0 { b } else { BELIEFS / 2.0 }),
            wealth: select(visited, wealth, self.endowments),
            counts,
            awake: visited.zip(self.sleepless, |v, s| if v > s { v } else { s }),
        }
    }

    /// The traders after the bit `y`, their wealth multiplied by `growth`; `random` is 32 bits for each.
    #[inline(always)]
    pub fn settle(&self, traders: &Traders, y: f32, growth: Eight, random: Words) -> Words {
        let mut steps = Eight::ZERO;
        let mut advance = [0; LANES];
        for lane in 0..LANES {
            let count = traders.counts.0[lane] as usize % COUNTS;
            steps.0[lane] = self.steps[count];
            advance[lane] = self.advance[count];
        }
        let believed = traders.beliefs + (Eight::splat(y * BELIEFS) - traders.beliefs) * steps;
        let dither = random.to_floats(|r| whole(r >> 16) * (1.0 / BELIEFS));
        let beliefs = (believed + dither - 1.0).clamp(0.0, BELIEFS - 1.0);
        let wealth = traders.wealth * growth;
        let mut nodes = [0; LANES];
        for lane in 0..LANES {
            let r = random.0[lane];
            let rounded = wealth.0[lane].to_bits().wrapping_add(r & ((1 << WEALTH_SHIFT) - 1)) >> WEALTH_SHIFT;
            let wealth = rounded.clamp(POOREST, POOREST + WEALTHS - 1) - POOREST;
            let moves = u32::from(r.wrapping_mul(0x9e37_79b1) < advance[lane]);
            nodes[lane] = nearest(beliefs.0[lane]) << 16 | wealth << 5 | (traders.counts.0[lane] + moves);
        }
        Words(nodes)
    }
}

impl Traders {
    /// ln(p / (1 - p)) of each belief.
    #[inline(always)]
    pub fn logits(&self) -> Eight {
        self.beliefs.map(|b| b / (BELIEFS - b)).ln()
    }

    /// The number of the last lane awake among the first `lanes`, from 1 on; 0 if all sleep.
    #[inline(always)]
    pub fn highest(&self, lanes: usize) -> usize {
        let mut awake = 0;
        for lane in 0..LANES {
            awake |= u32::from(self.awake.0[lane] > 0.0) << lane;
        }
        (u32::BITS - (awake & ((1 << lanes) - 1)).leading_zeros()) as usize
    }

    #[inline(always)]
    pub fn beliefs(&self) -> Eight {
        self.beliefs * (1.0 / BELIEFS)
    }
}

/// a where the mask is 1, b where it is 0.
#[inline(always)]
fn select(mask: Eight, a: Eight, b: Eight) -> Eight {
    let mut out = b;
    for lane in 0..LANES {
        out.0[lane] = if mask.0[lane] > 0.0 { a.0[lane] } else { b.0[lane] };
    }
    out
}

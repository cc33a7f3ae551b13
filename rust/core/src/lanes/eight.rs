//! Eight floats at a time, for markets of a few traders that are cleared and settled again and again.
//!
//! Plain loops over arrays: inside of a dispatch by `arch()` the compiler makes one vector of each. Sums are added in one
//! shape and no fused multiply-add is used, so the bits are the same on every processor.

use std::ops::{Add, Div, Mul, Sub};

pub const LANES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(32))]
pub struct Eight(pub [f32; LANES]);

/// Eight unsigned integers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(32))]
pub struct Words(pub [u32; LANES]);

impl Eight {
    pub const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    pub const fn splat(x: f32) -> Self {
        Self([x; LANES])
    }

    #[inline(always)]
    pub fn map(self, f: impl Fn(f32) -> f32) -> Self {
        let mut out = self;
        for x in &mut out.0 {
            *x = f(*x);
        }
        out
    }

    #[inline(always)]
    pub fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self;
        for (x, &y) in out.0.iter_mut().zip(&other.0) {
            *x = f(*x, y);
        }
        out
    }

    #[inline(always)]
    pub fn clamp(self, low: f32, high: f32) -> Self {
        // not f32::clamp, whose answer for NaN costs two more comparisons
        self.map(|x| if x < low { low } else { x })
            .map(|x| if x > high { high } else { x })
    }

    /// The lanes added pairwise: the upper half to the lower, until one is left.
    #[inline(always)]
    pub fn sum(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        let four = [a + e, b + f, c + g, d + h];
        (four[0] + four[2]) + (four[1] + four[3])
    }

    /// e^x to 1e-6, for |x| < 80.
    #[inline(always)]
    pub fn exp(self) -> Self {
        self.map(exp)
    }

    /// ln x to 1e-6, for positive numbers.
    #[inline(always)]
    pub fn ln(self) -> Self {
        self.map(ln)
    }
}

macro_rules! lanewise {
    ($($op:ident $name:ident $sign:tt),*) => {$(
        impl $op for Eight {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                self.zip(other, |x, y| x $sign y)
            }
        }
        impl $op<f32> for Eight {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: f32) -> Self {
                self.map(|x| x $sign other)
            }
        }
    )*};
}

lanewise!(Add add +, Sub sub -, Mul mul *, Div div /);

impl Words {
    #[inline(always)]
    pub fn map(self, f: impl Fn(u32) -> u32) -> Self {
        let mut out = self;
        for x in &mut out.0 {
            *x = f(*x);
        }
        out
    }

    #[inline(always)]
    pub fn zip(self, other: Self, f: impl Fn(u32, u32) -> u32) -> Self {
        let mut out = self;
        for (x, &y) in out.0.iter_mut().zip(&other.0) {
            *x = f(*x, y);
        }
        out
    }

    #[inline(always)]
    pub fn to_floats(self, f: impl Fn(u32) -> f32) -> Eight {
        let mut out = Eight::ZERO;
        for (x, &word) in out.0.iter_mut().zip(&self.0) {
            *x = f(word);
        }
        out
    }
}

/// x as a float, for whole numbers below 2^23; exact, and cheaper in vectors than a conversion.
#[inline(always)]
pub fn whole(x: u32) -> f32 {
    f32::from_bits(x | 0x4b00_0000) - 8_388_608.0
}

/// The nearest whole number, for 0 <= x < 2^22.
#[inline(always)]
pub fn nearest(x: f32) -> u32 {
    (x + 8_388_608.0).to_bits() & 0x3f_ffff
}

/// e^x to 1e-6, for |x| < 80.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: what is added to it is rounded to whole numbers
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let rest = x - (shifted - ROUND) * std::f32::consts::LN_2;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    // the series to the fifth power; |rest| <= ln(2) / 2
    let series = (((rest * (1.0 / 120.0) + 1.0 / 24.0) * rest + 1.0 / 6.0) * rest + 0.5) * rest + 1.0;
    (series * rest + 1.0) * power
}

/// ln x to 1e-6, for positive numbers.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // x = m 2^k with m from sqrt(1/2) to sqrt(2); ln m = 2 artanh((m - 1) / (m + 1))
    const HALF_ROOT: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_sub(HALF_ROOT);
    let k = whole((bits >> 23).wrapping_add(128) & 0xff) - 128.0;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(HALF_ROOT));
    let t = (m - 1.0) / (m + 1.0);
    let square = t * t;
    let series = ((square * (1.0 / 7.0) + 1.0 / 5.0) * square + 1.0 / 3.0) * square + 1.0;
    k * std::f32::consts::LN_2 + 2.0 * t * series
}

/// 1 / (1 + e^-x), for |x| < 80.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

//! Eight numbers at a time, for markets of a few traders that are cleared and settled again and again.
//!
//! The formulas are those of plain floats. Sums are added in one shape and no fused multiply-add is used, so the bits are
//! the same on every processor. Tried, and slower: arrays left to the compiler's vectoriser, which gives up half-way.

use pulp::Simd;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Shl, Shr, Sub};

pub const LANES: usize = 8;
/// Where they stand in memory.
pub type Eight = [f32; LANES];

/// 2^23: what is added to it is rounded to whole numbers.
const WHOLE: f32 = 8_388_608.0;

#[derive(Clone, Copy)]
#[must_use]
#[repr(align(32))]
pub struct Floats<S: Simd> {
    lanes: Eight,
    s: S,
}

#[derive(Clone, Copy)]
#[must_use]
#[repr(align(32))]
pub struct Words<S: Simd> {
    lanes: [u32; LANES],
    s: S,
}

impl<S: Simd> Floats<S> {
    #[inline(always)]
    pub fn new(s: S, lanes: Eight) -> Self {
        Self { lanes, s }
    }

    #[inline(always)]
    pub fn splat(s: S, x: f32) -> Self {
        Self::new(s, [x; LANES])
    }

    #[inline(always)]
    pub fn lanes(self) -> Eight {
        self.lanes
    }

    #[inline(always)]
    fn zip(mut self, other: Self, op: impl Fn(S, S::f32s, S::f32s) -> S::f32s) -> Self {
        let pairs = S::as_mut_simd_f32s(&mut self.lanes).0.iter_mut();
        for (x, &y) in pairs.zip(S::as_simd_f32s(&other.lanes).0) {
            *x = op(self.s, *x, y);
        }
        self
    }

    #[inline(always)]
    pub fn clamp(self, low: f32, high: f32) -> Self {
        let (low, high) = (Self::splat(self.s, low), Self::splat(self.s, high));
        self.zip(low, S::max_f32s).zip(high, S::min_f32s)
    }

    /// Times what stands in memory.
    #[inline(always)]
    pub fn times(self, other: Eight) -> Self {
        self * Self::new(self.s, other)
    }

    #[inline(always)]
    pub fn simd(self) -> S {
        self.s
    }

    /// The lanes added pairwise: the upper half to the lower, until one is left.
    #[inline(always)]
    pub fn sum(self) -> f32 {
        if let [whole] = S::as_simd_f32s(&self.lanes).0 {
            return self.s.reduce_sum_f32s(*whole); // in this shape where eight lanes are one vector
        }
        let [a, b, c, d, e, f, g, h] = self.lanes;
        let four = [a + e, b + f, c + g, d + h];
        (four[0] + four[2]) + (four[1] + four[3])
    }

    /// a where self > 0, else b.
    #[inline(always)]
    pub fn choose(self, a: Self, b: Self) -> Self {
        let zero = self.s.splat_f32s(0.0);
        let mut out = b;
        let chosen = S::as_mut_simd_f32s(&mut out.lanes).0.iter_mut();
        let asked = S::as_simd_f32s(&self.lanes).0.iter().zip(S::as_simd_f32s(&a.lanes).0);
        for (x, (&sign, &a)) in chosen.zip(asked) {
            *x = self.s.select_f32s(self.s.greater_than_f32s(sign, zero), a, *x);
        }
        out
    }

    #[inline(always)]
    pub fn bits(self) -> Words<S> {
        Words::new(self.s, self.lanes.map(f32::to_bits))
    }

    /// The nearest whole numbers, for 0 <= x < 2^22.
    #[inline(always)]
    pub fn nearest(self) -> Words<S> {
        (self + WHOLE).bits() & 0x3f_ffff
    }

    /// e^x to 1e-5 of it, for |x| < 80.
    #[inline(always)]
    pub fn exp(self) -> Self {
        const ROUND: f32 = 1.5 * WHOLE; // works below 0 too
        let x = self * std::f32::consts::LOG2_E;
        let shifted = x + ROUND;
        let f = x - (shifted - ROUND);
        let power = ((shifted.bits() << 23) + 0x3f80_0000).floats();
        // 2^f for |f| <= 1/2 (minimax to 3e-6), the powers of f side by side
        let square = f * f;
        let low = f * 0.693_121_8 + 0.999_999_3;
        let high = f * 0.055_917_86 + 0.240_247_45;
        (low + (high + square * 0.009_570_1) * square) * power
    }

    /// ln x to 1e-5, for positive numbers.
    #[inline(always)]
    pub fn ln(self) -> Self {
        // x = (1 + t) 2^k with 1 + t from sqrt(1/2) to sqrt(2)
        const HALF_ROOT: u32 = 0x3f35_04f3;
        let bits = self.bits() + HALF_ROOT.wrapping_neg();
        let k = (((bits >> 23) + 128) & 0xff).whole() - 128.0;
        let t = ((bits & 0x007f_ffff) + HALF_ROOT).floats() - 1.0;
        // ln(1 + t) / t (minimax to 8e-6), the powers of t side by side
        let square = t * t;
        let low = t * -0.499_902_2 + 1.000_004_6;
        let middle = t * -0.254_032_7 + 0.332_580_24;
        let high = t * -0.142_920_59 + 0.220_559_32;
        let series = low + (middle + high * square) * square;
        k * std::f32::consts::LN_2 + t * series
    }

    /// 1 / (1 + e^-x), for |x| < 80.
    #[inline(always)]
    pub fn sigmoid(self) -> Self {
        let one = Self::splat(self.s, 1.0);
        one / ((self * -1.0).exp() + 1.0)
    }
}

impl<S: Simd> Words<S> {
    #[inline(always)]
    pub fn new(s: S, lanes: [u32; LANES]) -> Self {
        Self { lanes, s }
    }

    #[inline(always)]
    pub fn lanes(self) -> [u32; LANES] {
        self.lanes
    }

    #[inline(always)]
    fn zip(mut self, other: Self, op: impl Fn(S, S::u32s, S::u32s) -> S::u32s) -> Self {
        let pairs = S::as_mut_simd_u32s(&mut self.lanes).0.iter_mut();
        for (x, &y) in pairs.zip(S::as_simd_u32s(&other.lanes).0) {
            *x = op(self.s, *x, y);
        }
        self
    }

    /// The floats of these bits.
    #[inline(always)]
    pub fn floats(self) -> Floats<S> {
        Floats::new(self.s, self.lanes.map(f32::from_bits))
    }

    /// The same numbers as floats, for those below 2^23.
    #[inline(always)]
    pub fn whole(self) -> Floats<S> {
        (self | WHOLE.to_bits()).floats() - WHOLE
    }
}

macro_rules! lanewise {
    ($type:ident $lane:ty: $($op:ident $name:ident $by:expr),*) => {$(
        impl<S: Simd> $op for $type<S> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                self.zip(other, $by)
            }
        }
        impl<S: Simd> $op<$lane> for $type<S> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: $lane) -> Self {
                self.zip(Self::new(self.s, [other; LANES]), $by)
            }
        }
    )*};
}

lanewise!(Floats f32: Add add S::add_f32s, Sub sub S::sub_f32s, Mul mul S::mul_f32s, Div div S::div_f32s);
lanewise!(Words u32: Add add S::add_u32s, Mul mul S::mul_u32s, BitAnd bitand S::and_u32s, BitOr bitor S::or_u32s,
    BitXor bitxor S::xor_u32s, Shl shl S::wrapping_dyn_shl_u32s, Shr shr S::wrapping_dyn_shr_u32s);

/// The same of one number, by the same operations.
pub fn ln(x: f32) -> f32 {
    Floats::splat(pulp::Scalar, x).ln().lanes[0]
}

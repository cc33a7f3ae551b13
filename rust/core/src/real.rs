//! The two floating-point types a book may be kept in, and the window of magnitudes each is kept within.

use crate::lanes::vector::Vector;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, MulAssign, Sub};

/// A book's number type: `f64` or `f32`.
///
/// A trader's wealth is `mantissa * 2^(BLOCK * exponent) * 2^tile_exponent`. A tile's richest trader is kept near
/// `2^TOP`. Mantissas with exponent 0 lie in `[2^LOW, 2^TOP]` and count in sums; a trader that falls below
/// goes to exponent -1, -2, ... where its mantissa lies in `[2^LOW, 2^(LOW + BLOCK))`, so small that its raw value is
/// lost in any sum beside the tile's richest, as its true value would be. Hence the sums need no mask.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + AddAssign
    + MulAssign
    + Vector
    + 'static
{
    /// The name users give: "f64" or "f32".
    const DTYPE: &'static str;
    /// Bits of one step of the per-trader exponent.
    const BLOCK: i64;
    /// log2 of the smallest normalised mantissa.
    const LOW: i64;
    /// log2 of the richest trader's mantissa after normalisation.
    const TOP: i64;
    /// A nonzero mantissa never falls below this; beneath it precision would be lost to subnormals.
    const LIMIT: f64;
    /// A tile whose raw sum falls below this is normalised again, so that drained traders stay invisible in sums.
    const SUM_MIN: f64;
    /// A tile with a mantissa that may be above this is normalised, so that its sum stays finite.
    const CEILING: f64;
    /// The most that one pass may multiply a mantissa near 2^TOP by without a sum overflowing.
    const ROOM: f64;
    /// How far a forecast given in this type may sum from 1.
    const SUM_TOLERANCE: f64;
    const ZERO: Self;
    const ONE: Self;
    const MAX: Self;
    /// `2^-TOP`: what a product of two mantissas is scaled by, lest it overflow.
    const UNIT: Self;

    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
}

/// `2^k`, exactly; 0 below the subnormals and infinite above the range.
#[must_use]
pub fn pow2(k: i64) -> f64 {
    match k {
        -1022..=1023 => f64::from_bits(((k + 1023) as u64) << 52),
        -1074..=-1023 => f64::from_bits(1u64 << (k + 1074)),
        ..-1074 => 0.0,
        _ => f64::INFINITY,
    }
}

impl Real for f64 {
    const DTYPE: &'static str = "f64";
    const BLOCK: i64 = 256;
    const LOW: i64 = -512;
    const TOP: i64 = 0;
    const LIMIT: f64 = f64::from_bits((1023 - 1000) << 52);
    const SUM_MIN: f64 = f64::from_bits((1023 - 128) << 52);
    const CEILING: f64 = 4096.0;
    const ROOM: f64 = f64::from_bits((1023 + 200) << 52);
    const SUM_TOLERANCE: f64 = 1e-6;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const MAX: Self = f64::MAX;
    const UNIT: Self = 1.0;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
}

impl Real for f32 {
    const DTYPE: &'static str = "f32";
    const BLOCK: i64 = 44;
    const LOW: i64 = -44;
    const TOP: i64 = 96;
    const LIMIT: f64 = f64::from_bits((1023 - 120) << 52);
    const SUM_MIN: f64 = f64::from_bits((1023 + 96 - 40) << 52);
    const CEILING: f64 = f64::from_bits((1023 + 96 + 12) << 52);
    const ROOM: f64 = 256.0;
    const SUM_TOLERANCE: f64 = 1e-4;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const MAX: Self = f32::MAX;
    const UNIT: Self = f32::from_bits((127 - 96) << 23);

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

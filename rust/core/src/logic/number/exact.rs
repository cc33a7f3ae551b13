//! Exact rational numbers, quick for those that markets make: the power of 2 in the denominator stands apart, so that sums of
//! dyadic numbers are shifts and additions, and the odd part is only reduced once it has grown.

use super::Span;
use dashu_base::{BitTest, DivEuclid, Gcd, Signed, UnsignedAbs};
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use std::cmp::Ordering;
use std::ops::{Add, Mul, Neg, Sub};

/// Bits that an odd part may have before it is reduced.
const REDUCED_FROM: usize = 64;

/// No float has an exponent beyond this, the least and the greatest included.
const FLOATS: i64 = 1100;

/// `numerator / (odd * 2^shift)`, not always in lowest terms.
#[derive(Clone, Debug)]
pub struct Exact {
    numerator: IBig,
    /// Odd, > 0.
    odd: UBig,
    shift: usize,
}

impl Exact {
    /// `numerator / denominator`; None for a denominator of 0.
    pub fn ratio(numerator: IBig, denominator: UBig) -> Option<Self> {
        let shift = denominator.trailing_zeros()?;
        Some(Self::new(numerator, denominator >> shift, shift))
    }

    /// `numerator * 2^-shift`
    pub fn dyadic(numerator: IBig, shift: usize) -> Self {
        Self::new(numerator, UBig::ONE, shift)
    }

    /// `2^-bits`
    pub fn two_to_minus(bits: usize) -> Self {
        Self {
            numerator: IBig::ONE,
            odd: UBig::ONE,
            shift: bits,
        }
    }

    /// Exactly this float; None where it is not finite.
    pub fn of_float(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let (bits, exponent) = (value.to_bits(), (value.to_bits() >> 52 & 0x7ff) as i32);
        let fraction = (bits & ((1 << 52) - 1)) as i64;
        // below the normal numbers there is no leading 1
        let (mantissa, exponent) = match exponent {
            0 => (fraction, -1074),
            _ => (fraction | 1 << 52, exponent - 1075),
        };
        let numerator = IBig::from(if value < 0.0 { -mantissa } else { mantissa });
        Some(match usize::try_from(exponent) {
            Ok(up) => Self::new(numerator << up, UBig::ONE, 0),
            Err(_) => Self::new(numerator, UBig::ONE, exponent.unsigned_abs() as usize),
        })
    }

    fn new(numerator: IBig, odd: UBig, shift: usize) -> Self {
        let mut made = Self { numerator, odd, shift };
        made.shorten();
        made
    }

    /// Removes common powers of 2, and a common odd factor once there is a point.
    fn shorten(&mut self) {
        let Some(zeros) = self.numerator.trailing_zeros() else {
            *self = Self::default();
            return;
        };
        let common = zeros.min(self.shift);
        if common > 0 {
            self.numerator = std::mem::take(&mut self.numerator) >> common;
            self.shift -= common;
        }
        if self.odd.bit_len() > REDUCED_FROM {
            self.reduce();
        }
    }

    fn reduce(&mut self) {
        let common = (&self.odd).gcd((&self.numerator).unsigned_abs());
        if !common.is_one() {
            self.numerator = std::mem::take(&mut self.numerator) / IBig::from(common.clone());
            self.odd = std::mem::take(&mut self.odd) / common;
        }
    }

    /// In lowest terms.
    pub fn to_ratio(&self) -> RBig {
        RBig::from_parts(self.numerator.clone(), self.denominator())
    }

    /// Numerator and denominator, in lowest terms.
    pub fn parts(&self) -> (IBig, UBig) {
        self.to_ratio().into_parts()
    }

    fn denominator(&self) -> UBig {
        &self.odd << self.shift
    }

    /// `x 2^times`
    #[must_use]
    pub fn doubled(&self, times: usize) -> Self {
        let raised = &self.numerator << times.saturating_sub(self.shift);
        Self::new(raised, self.odd.clone(), self.shift.saturating_sub(times))
    }

    pub fn is_zero(&self) -> bool {
        self.numerator.is_zero()
    }

    /// Whether it is below 0.
    pub fn is_negative(&self) -> bool {
        self.numerator.is_negative()
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i8 {
        match (self.is_zero(), self.is_negative()) {
            (true, _) => 0,
            (_, true) => -1,
            _ => 1,
        }
    }

    /// How many bits it takes, about.
    pub fn bit_len(&self) -> usize {
        self.numerator.bit_len() + self.odd.bit_len() + self.shift
    }

    /// Bits of the numerator, of the power of 2 in the denominator, and of its odd part (0 where that is 1).
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.numerator.bit_len(), self.shift, self.odd.bit_len() - 1)
    }

    /// `floor(x 2^bits)`
    pub fn floor_at(&self, bits: usize) -> IBig {
        if bits >= self.shift {
            let raised = &self.numerator << (bits - self.shift);
            return if self.odd.is_one() {
                raised
            } else {
                raised.div_euclid(IBig::from(self.odd.clone()))
            };
        }
        let lowered = &self.numerator >> (self.shift - bits);
        // the floor of a floor is the floor of the whole
        if self.odd.is_one() {
            lowered
        } else {
            lowered.div_euclid(IBig::from(self.odd.clone()))
        }
    }

    /// `ceil(x 2^bits)`
    pub fn ceil_at(&self, bits: usize) -> IBig {
        -(-self).floor_at(bits)
    }

    /// The greatest multiple of `2^-bits` that is not above it.
    #[must_use]
    pub fn round_down(&self, bits: usize) -> Self {
        Self::dyadic(self.floor_at(bits), bits)
    }

    /// The least multiple of `2^-bits` that is not below it.
    #[must_use]
    pub fn round_up(&self, bits: usize) -> Self {
        Self::dyadic(self.ceil_at(bits), bits)
    }

    /// The nearest float, or one beside it.
    pub fn to_f64(&self) -> f64 {
        self.scaled().0
    }

    /// Floats around it.
    pub fn span(&self) -> Span {
        let (value, exact) = self.scaled();
        if exact {
            return Span::point(value);
        }
        Span {
            low: value.next_down().next_down(),
            high: value.next_up().next_up(),
        }
    }

    /// A float beside the number, and whether it is the number.
    fn scaled(&self) -> (f64, bool) {
        if self.odd.is_one() && self.shift < 1000 && self.numerator.bit_len() <= 53 {
            let whole = i64::try_from(&self.numerator).unwrap_or_default();
            return (whole as f64 * power_of_two(-(self.shift as i64)), true);
        }
        // 60 bits of it, rounded down, then to a float: off by little more than half a unit of the last place
        let exponent = self.numerator.bit_len() as i64 - self.odd.bit_len() as i64 - self.shift as i64;
        if exponent.abs() > FLOATS {
            let beyond = if exponent > 0 { f64::INFINITY } else { 0.0 };
            return (beyond.copysign(if self.is_negative() { -1.0 } else { 1.0 }), false);
        }
        let bits = 60 - exponent;
        let numerator = match usize::try_from(bits) {
            Ok(bits) => self.floor_at(bits),
            Err(_) => (&self.numerator >> (-bits) as usize).div_euclid(IBig::from(self.denominator())),
        };
        let whole = i64::try_from(numerator).unwrap_or_default() as f64;
        (whole * power_of_two(-bits / 2) * power_of_two(-bits - -bits / 2), false)
    }

    /// `x / y`; None where y is 0.
    pub fn divided(&self, by: &Self) -> Option<Self> {
        if by.is_zero() {
            return None;
        }
        let sign = by.numerator.sign();
        let numerator = ((&self.numerator * IBig::from(by.odd.clone())) << by.shift) * sign;
        Self::ratio(numerator, (&self.odd * (&by.numerator).unsigned_abs()) << self.shift)
    }

    /// `2^n` with the least n for which `2^n >= |x|`, as n; None for 0.
    pub fn log2_up(&self) -> Option<i64> {
        if self.is_zero() {
            return None;
        }
        let size = (&self.numerator).unsigned_abs();
        let mut n = size.bit_len() as i64 - self.odd.bit_len() as i64 - self.shift as i64 - 1;
        while power(n) < self.abs() {
            n += 1;
        }
        Some(n)
    }

    #[must_use]
    pub fn abs(&self) -> Self {
        if self.is_negative() { -self } else { self.clone() }
    }

    /// The lesser.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// The greater.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// `sign x1 + x2` over their least convenient common denominator.
    fn sum(&self, other: &Self, negative: bool) -> Self {
        let shift = self.shift.max(other.shift);
        let raised = |x: &Self| {
            if x.shift == shift {
                x.numerator.clone()
            } else {
                &x.numerator << (shift - x.shift)
            }
        };
        let (mut a, mut b) = (raised(self), raised(other));
        let odd = if self.odd == other.odd {
            self.odd.clone()
        } else {
            let common = (&self.odd).gcd(&other.odd);
            let missing = &other.odd / &common;
            b *= IBig::from(&self.odd / &common);
            a *= IBig::from(missing.clone());
            &self.odd * missing
        };
        Self::new(if negative { a - b } else { a + b }, odd, shift)
    }
}

/// `2^n`, for n from -2000 to 2000.
fn power_of_two(n: i64) -> f64 {
    let half = (n / 2) as i32;
    2f64.powi(half) * 2f64.powi(n as i32 - half)
}

fn power(n: i64) -> Exact {
    match usize::try_from(n) {
        Ok(up) => Exact::new(IBig::ONE << up, UBig::ONE, 0),
        Err(_) => Exact::two_to_minus(n.unsigned_abs() as usize),
    }
}

impl Default for Exact {
    fn default() -> Self {
        Self {
            numerator: IBig::ZERO,
            odd: UBig::ONE,
            shift: 0,
        }
    }
}

impl From<i64> for Exact {
    fn from(value: i64) -> Self {
        Self::new(value.into(), UBig::ONE, 0)
    }
}

impl From<RBig> for Exact {
    fn from(value: RBig) -> Self {
        let (numerator, denominator) = value.into_parts();
        Self::ratio(numerator, denominator).unwrap_or_default()
    }
}

impl Add for &Exact {
    type Output = Exact;

    fn add(self, other: Self) -> Exact {
        self.sum(other, false)
    }
}

impl Sub for &Exact {
    type Output = Exact;

    fn sub(self, other: Self) -> Exact {
        self.sum(other, true)
    }
}

impl Mul for &Exact {
    type Output = Exact;

    fn mul(self, other: Self) -> Exact {
        let odd = match (self.odd.is_one(), other.odd.is_one()) {
            (_, true) => self.odd.clone(),
            (true, _) => other.odd.clone(),
            _ => &self.odd * &other.odd,
        };
        Exact::new(&self.numerator * &other.numerator, odd, self.shift + other.shift)
    }
}

impl Neg for &Exact {
    type Output = Exact;

    fn neg(self) -> Exact {
        Exact {
            numerator: -&self.numerator,
            odd: self.odd.clone(),
            shift: self.shift,
        }
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_sign = self.sign().cmp(&other.sign());
        if by_sign != Ordering::Equal {
            return by_sign;
        }
        let shift = self.shift.max(other.shift);
        let raised = |x: &Self| &x.numerator << (shift - x.shift);
        let (a, b) = (raised(self), raised(other));
        if self.odd == other.odd {
            return a.cmp(&b);
        }
        (a * IBig::from(other.odd.clone())).cmp(&(b * IBig::from(self.odd.clone())))
    }
}

/// As `numerator/denominator` in lowest terms.
impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_ratio().fmt(f)
    }
}

impl std::str::FromStr for Exact {
    type Err = crate::MarketError;

    /// Reads `numerator/denominator`, or a whole number.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        let parsed = numerator.parse().ok().zip(denominator.parse().ok());
        parsed.and_then(|(n, d)| Self::ratio(n, d)).ok_or_else(|| {
            crate::MarketError::input(format!(
                "{text:?} is not a rational number; write one such as 3 or -1/10"
            ))
        })
    }
}

impl super::Number for Exact {
    type Context = ();

    fn of(value: &super::Constant, (): ()) -> Self {
        value.exact().clone()
    }

    fn plus(&self, other: &Self) -> Self {
        self + other
    }

    fn minus(&self, other: &Self) -> Self {
        self - other
    }

    fn times(&self, other: &Self) -> Self {
        self * other
    }

    fn most(&self, other: &Self) -> Self {
        self.clone().max(other.clone())
    }

    fn least(&self, other: &Self) -> Self {
        self.clone().min(other.clone())
    }

    fn safe_reciprocal(&self) -> Self {
        let one = Self::from(1);
        if *self > one {
            one.divided(self).unwrap_or(one)
        } else {
            one
        }
    }

    fn over(&self, other: &Self) -> Option<Self> {
        if other.sign() > 0 { self.divided(other) } else { None }
    }
}

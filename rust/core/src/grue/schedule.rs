//! Hazards: which share of the money may change its definition before index t, from a prior on the index K named.

use crate::error::{MarketError, Result};
use serde::{Deserialize, Serialize};

/// A schedule of hazards `h_t`, t = 1, 2, ...
///
/// A prior pi on K >= 1 (a code of length -log2 pi) has the hazard `h_t = pi(t) / sum_{s >= t} pi(s)`
/// (van Erven, Grünwald, de Rooij 2007, arXiv 0807.1005, section 3.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Schedule {
    /// The same rate at every index: Fixed Share (Herbster, Warmuth 1998).
    Constant(f64),
    /// `1/(t+1)`: exactly the prior `1/(K(K+1))`.
    Inverse,
    EliasGamma,
    EliasDelta,
    EliasOmega,
    /// Any hazards by index; entry 0 is never used.
    Hazard(Vec<f64>),
    /// The hazards of given code lengths for K = 1, 2, ..., worked out once.
    Code(Vec<f64>),
}

fn floor_log2(n: u64) -> u64 {
    u64::from(n.ilog2())
}

#[allow(clippy::cast_precision_loss)]
fn exp2(bits: u64) -> f64 {
    (-(bits as f64)).exp2()
}

/// Elias gamma: `2 floor(log2 n) + 1` bits (Elias 1975, for this code and the next two).
#[must_use]
pub fn gamma_bits(n: u64) -> u64 {
    2 * floor_log2(n) + 1
}

#[must_use]
pub fn delta_bits(n: u64) -> u64 {
    floor_log2(n) + gamma_bits(floor_log2(n) + 1)
}

#[must_use]
pub fn omega_bits(n: u64) -> u64 {
    let (mut bits, mut n) = (1, n);
    while n > 1 {
        let k = floor_log2(n);
        bits += k + 1;
        n = k;
    }
    bits
}

/// The mass that a code gives to all numbers from n on. Every number with the same floor(log2) = k has the same length, so
/// the rest of n's octave is a product, and the later octaves' mass is a tail of the code of k.
#[allow(clippy::cast_precision_loss)]
fn tail(n: u64, bits: fn(u64) -> u64, later_octaves: impl Fn(u64) -> f64) -> f64 {
    let k = floor_log2(n);
    let rest_of_octave = if k == 63 { u64::MAX - n } else { (1 << (k + 1)) - n };
    rest_of_octave as f64 * exp2(bits(n)) + later_octaves(k)
}

fn gamma_tail(n: u64) -> f64 {
    tail(n, gamma_bits, |k| exp2(k + 1))
}

fn delta_tail(n: u64) -> f64 {
    // octave k weighs 2^-gamma_bits(k + 1)
    tail(n, delta_bits, |k| gamma_tail(k + 2))
}

fn omega_tail(n: u64) -> f64 {
    // octave k >= 1 weighs 2^-(1 + omega_bits(k)); the tails from 1 and 2 on, which would refer to themselves, are known
    match n {
        1 => 1.0,
        2 => 0.5,
        _ => tail(n, omega_bits, |k| 0.5 * omega_tail(k + 1)),
    }
}

impl Schedule {
    /// A code given by its lengths for K = 1, 2, ...; what Kraft's sum leaves short of 1 is the mass of "never".
    pub fn code(lengths: &[f64]) -> Result<Self> {
        check_bits(lengths, "code length")?;
        let kraft: f64 = lengths.iter().map(|l| (-l).exp2()).sum();
        if kraft > 1.0 + 1e-9 {
            return Err(MarketError::input(format!(
                "the code lengths' Kraft sum is {kraft}, more than 1: no such code exists; lengthen some"
            )));
        }
        let mut tail = (1.0 - kraft).max(0.0);
        if tail < 1e-9 {
            tail = 0.0;
        }
        let mut hazards = vec![0.0; lengths.len()];
        for (hazard, length) in hazards.iter_mut().zip(lengths).rev() {
            let pi = (-length).exp2();
            tail += pi;
            *hazard = pi / tail;
        }
        Ok(Self::Code(hazards))
    }

    pub fn constant(rate: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&rate) {
            return Ok(Self::Constant(rate));
        }
        Err(MarketError::input(format!("rate {rate} is not in [0, 1]")))
    }

    pub fn hazard(bits: &[f64]) -> Result<Self> {
        check_bits(bits, "hazard's bits")?;
        Ok(Self::Hazard(bits.iter().map(|b| (-b).exp2()).collect()))
    }

    /// The hazard before index t >= 1.
    pub fn at(&self, t: u64) -> Result<f64> {
        #[allow(clippy::cast_precision_loss)]
        let hazard = match self {
            Self::Constant(rate) => *rate,
            Self::Inverse => 1.0 / (t as f64 + 1.0),
            Self::EliasGamma => exp2(gamma_bits(t)) / gamma_tail(t),
            Self::EliasDelta => exp2(delta_bits(t)) / delta_tail(t),
            Self::EliasOmega => exp2(omega_bits(t)) / omega_tail(t),
            Self::Code(hazards) => usize::try_from(t - 1)
                .ok()
                .and_then(|i| hazards.get(i))
                .copied()
                .unwrap_or(0.0),
            Self::Hazard(hazards) => {
                let given = usize::try_from(t).ok().and_then(|i| hazards.get(i));
                *given.ok_or_else(|| {
                    MarketError::input(format!(
                        "the schedule has {} entries, but index {t} is reached; give one entry an index",
                        hazards.len()
                    ))
                })?
            }
        };
        Ok(hazard)
    }
}

fn check_bits(bits: &[f64], what: &str) -> Result<()> {
    match bits.iter().position(|b| b.is_nan() || *b < 0.0) {
        Some(i) => Err(MarketError::input(format!(
            "{what} {i} is {}; give numbers >= 0, infinity for never",
            bits[i]
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bits: fn(u64) -> u64, schedule: &Schedule, last: u64) {
        // the survival through t indices is the tail of the prior, so prior(K) = survival * hazard
        let (mut survival, mut spent) = (1.0, 0.0);
        for t in 1..=last {
            let h = schedule.at(t).unwrap();
            let pi = exp2(bits(t));
            assert!(
                (survival * h - pi).abs() < 1e-13,
                "{schedule:?} {t}: {} {pi}",
                survival * h
            );
            survival *= 1.0 - h;
            spent += pi;
            assert!((survival - (1.0 - spent)).abs() < 1e-12);
        }
    }

    #[test]
    fn hazards_spell_their_codes() {
        check(gamma_bits, &Schedule::EliasGamma, 5000);
        check(delta_bits, &Schedule::EliasDelta, 5000);
        check(omega_bits, &Schedule::EliasOmega, 5000);
        assert_eq!([1, 2, 3, 4, 7, 8, 15, 16].map(omega_bits), [1, 3, 3, 6, 6, 7, 7, 11]);
        assert_eq!([1, 2, 3, 4, 8].map(delta_bits), [1, 4, 4, 5, 8]);
        for t in [1 << 20, (1 << 40) + 12345, u64::MAX / 2] {
            for s in [Schedule::EliasGamma, Schedule::EliasDelta, Schedule::EliasOmega] {
                let h = s.at(t).unwrap();
                assert!(h > 0.0 && h < 1.0);
            }
        }
    }

    #[test]
    fn incomplete_codes_leave_never() {
        let s = Schedule::code(&[1.0, 2.0]).unwrap();
        assert_eq!([1, 2, 3].map(|t| s.at(t).unwrap()), [0.5, 0.5, 0.0]);
        let s = Schedule::code(&[1.0, 2.0, 2.0]).unwrap();
        assert_eq!([1, 2, 3].map(|t| s.at(t).unwrap()), [0.5, 0.5, 1.0]);
        assert!(Schedule::code(&[0.5, 0.5]).is_err());
    }
}

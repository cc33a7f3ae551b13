//! How much of a trader's money kept its definition through a run of levies, without walking through them.
//!
//! A levy at hazard h with a rank-one kernel of total R leaves trader j's definition the share
//! `1 - h (R - rho_j) = (1 - h R) (1 + rho_j x)`, `x = h / (1 - h R)`. The logarithm of the second factor is a power series in
//! `rho_j`, so sums of powers of x serve all traders at once.

use crate::scaled::Scaled;
use serde::{Deserialize, Serialize};

const TERMS: usize = 12;
/// `rho x` up to this keeps the series' error below 2^-52.
const REACH: f64 = 1.0 / 16.0;

/// A levy of a rank-one tax: the hazard, and the kernel's sum over those who had entered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Levied {
    pub hazard: f64,
    pub total: f64,
}

/// The levies since some moment, with prefix sums.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stays {
    levied: Vec<Levied>,
    /// Products of `1 - h R` up to each levy, those that are 0 left out.
    kept: Vec<Scaled>,
    /// Their natural logarithms and what these lost to rounding, for differences from 1.
    logs: Vec<[f64; 2]>,
    powers: Vec<[f64; TERMS]>,
    /// One past the last levy that left nothing.
    wiped: usize,
    largest: f64,
}

impl Stays {
    #[must_use]
    pub fn of(levied: &[Levied]) -> Self {
        let mut stays = Self::default();
        levied.iter().for_each(|&levy| stays.push(levy));
        stays
    }

    pub fn push(&mut self, levy: Levied) {
        let keep = keep(levy);
        let (last_kept, mut powers) = (
            self.kept.last().copied().unwrap_or(Scaled::ONE),
            self.powers.last().copied().unwrap_or_default(),
        );
        let last_log = self.logs.last().copied().unwrap_or_default();
        self.levied.push(levy);
        if keep == 0.0 {
            self.wiped = self.levied.len();
            self.kept.push(last_kept);
            self.logs.push(last_log);
        } else {
            let x = levy.hazard / keep;
            self.largest = self.largest.max(x);
            let mut power = 1.0;
            for sum in &mut powers {
                power *= x;
                *sum += power;
            }
            self.kept.push(last_kept * keep);
            self.logs.push(two_sum(last_log, (-levy.hazard * levy.total).ln_1p()));
        }
        self.powers.push(powers);
    }

    /// Forgets all but the first `len` levies.
    pub fn truncate(&mut self, len: usize) {
        *self = Self::of(&self.levied[..len]);
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.levied.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.levied.is_empty()
    }

    #[must_use]
    pub fn levied(&self) -> &[Levied] {
        &self.levied
    }

    /// The product of `1 - h R` over the levies from `since` on.
    #[must_use]
    pub fn kept(&self, since: usize) -> Scaled {
        if since < self.wiped {
            return Scaled::ZERO;
        }
        match (self.kept.last(), since) {
            (Some(&last), 0) => last,
            (Some(&last), _) if since < self.len() => last / self.kept[since - 1],
            _ => Scaled::ONE,
        }
    }

    /// 1 less [`Self::kept`], without cancellation.
    #[must_use]
    pub fn lost(&self, since: usize) -> f64 {
        let kept = self.kept(since).to_f64();
        if kept < 0.5 || since >= self.len() {
            return 1.0 - kept;
        }
        let before = if since == 0 { [0.0; 2] } else { self.logs[since - 1] };
        let [sum, lost] = self.logs[self.len() - 1];
        -((sum - before[0]) + (lost - before[1])).exp_m1()
    }

    /// The share of trader j's money that kept its definition through the levies from `since` on.
    #[must_use]
    pub fn stayed(&self, since: usize, rho: f64) -> Scaled {
        let few = self.len() - since <= 16;
        if few || since < self.wiped || rho * self.largest > REACH {
            let factors = self.levied[since..].iter().map(|&l| keep(l) + l.hazard * rho);
            return factors.fold(Scaled::ONE, |product, f| product * f);
        }
        let zero = [0.0; TERMS];
        let (from, to) = (
            if since == 0 { &zero } else { &self.powers[since - 1] },
            &self.powers[self.len() - 1],
        );
        let (mut log, mut power) = (0.0, -1.0);
        for (order, (a, b)) in from.iter().zip(to).enumerate() {
            power *= -rho;
            #[allow(clippy::cast_precision_loss)]
            let term = power * (b - a) / (order + 1) as f64;
            log += term;
        }
        self.kept(since) * Scaled::from_bits(-log * std::f64::consts::LOG2_E)
    }
}

/// Adds to a sum and to what it has lost to rounding (Knuth's two-sum).
fn two_sum([sum, lost]: [f64; 2], x: f64) -> [f64; 2] {
    let next = sum + x;
    let part = next - sum;
    [next, lost + ((sum - (next - part)) + (x - part))]
}

fn keep(levy: Levied) -> f64 {
    (1.0 - levy.hazard * levy.total).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_equals_product() {
        let mut stays = Stays::default();
        for t in 1..2000u32 {
            let hazard = if t == 700 { 0.5 } else { 1.0 / (f64::from(t) + 1.0) };
            stays.push(Levied { hazard, total: 0.9 });
        }
        for since in [0, 1, 500, 699, 1500, 1995, 1999] {
            for rho in [0.0, 1e-9, 1e-3, 0.04, 0.3] {
                let direct = stays.levied()[since..]
                    .iter()
                    .fold(Scaled::ONE, |p, l| p * (1.0 - l.hazard * l.total + l.hazard * rho));
                let ratio = (stays.stayed(since, rho) / direct).to_f64();
                assert!((ratio - 1.0).abs() < 1e-12, "{since} {rho} {ratio}");
            }
        }
        stays.push(Levied {
            hazard: 1.0,
            total: 1.0,
        });
        assert!(stays.kept(3).is_zero());
        assert_eq!(stays.stayed(1999, 0.25).to_f64(), 0.25);
    }
}

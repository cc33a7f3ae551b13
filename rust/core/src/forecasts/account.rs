//! One forecaster's money: what is free, and what is locked in questions that are open.

use crate::forecasts::levies::Levies;
use crate::forecasts::twofold::Twofold;
use crate::real::pow2;
use crate::scaled::Scaled;

/// Of a forecaster's wealth: rounding decides what is left below it, so it is staked too.
pub const REMNANT: f64 = f64::from_bits((1023 - 32) << 52);
/// Levies that who has not entered has been through.
const OUTSIDE: u32 = u32::MAX;
/// How far the largest of an account's numbers may be from its unit, in powers of two.
const WINDOW: i64 = 300;

/// Money in units of `2^exponent`. One cache line: a question's cost is that of fetching its forecasters' accounts.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Account {
    free: f64,
    locked: Twofold,
    /// The most that was locked since `locked` was exact.
    peak: f64,
    exponent: i64,
    /// The prior share: `rho 2^rho_exponent`.
    rho: f64,
    rho_exponent: i32,
    /// Stakes above 0 in open questions.
    stakes: u32,
    /// Levies that `free` has been through; [`OUTSIDE`] of who has not entered.
    levied: u32,
    /// Questions that list it and are not resolved.
    pub open: u32,
}

impl Account {
    #[must_use]
    pub fn new(prior: Scaled, entered: bool) -> Self {
        Self {
            free: prior.mantissa,
            locked: Twofold::ZERO,
            peak: 0.0,
            exponent: prior.exponent,
            rho: prior.mantissa,
            // the longest description is 10^9 bits
            rho_exponent: i32::try_from(prior.exponent).unwrap_or(i32::MIN),
            stakes: 0,
            levied: if entered { 0 } else { OUTSIDE },
            open: 0,
        }
    }

    /// In the account's own units.
    #[inline]
    #[must_use]
    pub fn units(&self) -> f64 {
        self.free + self.locked.value()
    }

    #[inline]
    #[must_use]
    pub fn exponent(&self) -> i64 {
        self.exponent
    }

    #[must_use]
    pub fn free(&self) -> Scaled {
        Scaled::new(self.free, self.exponent)
    }

    #[must_use]
    pub fn locked(&self) -> Scaled {
        Scaled::new(self.locked.value(), self.exponent)
    }

    #[must_use]
    pub fn wealth(&self) -> Scaled {
        Scaled::new(self.units(), self.exponent)
    }

    /// The prior share.
    #[must_use]
    pub fn prior(&self) -> Scaled {
        Scaled {
            mantissa: self.rho,
            exponent: i64::from(self.rho_exponent),
        }
    }

    #[inline]
    #[must_use]
    pub fn has_entered(&self) -> bool {
        self.levied != OUTSIDE
    }

    /// Enters now: levies so far do not touch it.
    pub fn enter(&mut self, levies: &Levies) {
        self.levied = levies_of(levies);
    }

    /// The account after all levies.
    #[inline]
    #[must_use]
    pub fn levied(mut self, levies: &Levies) -> Self {
        self.levy(levies);
        self
    }

    /// Brings free money through the levies that it has not been through.
    #[inline]
    pub fn levy(&mut self, levies: &Levies) {
        let since = self.levied as usize;
        if since == levies.len() || !self.has_entered() {
            return;
        }
        let free = levies.after(self.free(), self.prior(), since);
        self.levied = levies_of(levies);
        self.free = 0.0;
        self.receive(free);
    }

    /// Locks `share` of the wealth, or all that is free, in so many equal stakes; what one is, in the account's units.
    #[inline]
    pub fn lock(&mut self, share: f64, stakes: u32) -> f64 {
        let wealth = self.units();
        let asked = share * wealth;
        let stake = if self.free - asked > REMNANT * wealth {
            self.free -= asked;
            asked
        } else {
            std::mem::take(&mut self.free)
        };
        let each = stake / f64::from(stakes);
        if each > 0.0 {
            for _ in 0..stakes {
                self.locked.add(each);
            }
            self.stakes += stakes;
            self.peak = self.peak.max(self.locked.value());
        }
        each
    }

    /// Lets go of a stake above 0, which is in the account's units.
    #[inline]
    pub fn unlock(&mut self, stake: f64) {
        self.stakes -= 1;
        if self.stakes == 0 {
            self.locked = Twofold::ZERO;
            self.peak = 0.0;
        } else {
            self.locked.add(-stake);
        }
    }

    /// Adds to the free money.
    #[inline]
    pub fn receive(&mut self, money: Scaled) {
        if money.is_zero() {
            return;
        }
        if money.exponent - self.exponent > WINDOW || self.units() == 0.0 {
            self.measure_in(money.exponent);
        }
        self.free += money.in_units_of(self.exponent);
    }

    /// Keeps the numbers in the middle of a float's range. Exact, since only the unit changes.
    #[inline]
    pub fn fit(&mut self) {
        let units = self.units();
        if units > 0.0 && !(pow2(-WINDOW)..=pow2(WINDOW)).contains(&units) {
            self.measure_in(self.wealth().exponent);
        }
    }

    fn measure_in(&mut self, exponent: i64) {
        if self.units() == 0.0 {
            (self.free, self.locked, self.peak) = (0.0, Twofold::ZERO, 0.0);
            self.exponent = exponent;
            return;
        }
        let factor = pow2(self.exponent - exponent);
        self.free *= factor;
        self.locked = self.locked.times(factor);
        self.peak *= factor;
        self.exponent = exponent;
    }

    /// Whether so much was unlocked and lost that rounding may be what is left.
    #[inline]
    #[must_use]
    pub fn is_remnant(&self) -> bool {
        self.units() < self.peak * pow2(-60)
    }

    /// Puts right what is locked.
    pub fn relock(&mut self, stakes: impl Iterator<Item = Scaled> + Clone) {
        let top = stakes.clone().filter(|s| !s.is_zero()).map(|s| s.exponent).max();
        let free = self.free();
        let Some(top) = top else { return };
        let unit = if free.is_zero() { top } else { top.max(free.exponent) };
        self.locked = Twofold::ZERO;
        self.measure_in(unit);
        self.free = free.in_units_of(unit);
        stakes.for_each(|stake| self.locked.add(stake.in_units_of(unit)));
        self.peak = self.locked.value();
    }
}

fn levies_of(levies: &Levies) -> u32 {
    u32::try_from(levies.len()).unwrap_or(OUTSIDE - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_free_is_no_remnant() {
        let mut account = Account::new(Scaled::ONE, true);
        let third = 1.0 / 3.0;
        let locked: f64 = (0..3).map(|_| account.lock(third, 1)).sum();
        assert_eq!((locked, account.free()), (1.0, Scaled::ZERO));
        assert_eq!(account.lock(third, 2), 0.0);
        (0..3).for_each(|_| account.unlock(third));
        assert_eq!(account.wealth(), Scaled::ZERO);
    }

    #[test]
    fn an_account_falls_and_rises_by_any_number_of_bits() {
        let mut account = Account::new(Scaled::ONE, true);
        for bits in [700.0, 900.0, -1500.0, 2000.0, -2000.0] {
            let stake = account.lock(1.0, 1);
            let exponent = account.exponent();
            account.unlock(stake);
            account.receive(Scaled::new(stake, exponent) * Scaled::from_bits(bits));
            account.fit();
        }
        assert_eq!(account.wealth(), Scaled::from_bits(100.0));
    }

    #[test]
    fn small_stakes_are_put_right_when_large_ones_are_lost() {
        let small = Scaled::from_bits(150.3);
        let mut account = Account::new(small, true);
        account.lock(1.0, 1);
        account.receive(Scaled::ONE);
        let large = account.lock(1.0, 1);
        assert!(!account.is_remnant());
        account.unlock(large);
        assert!(account.is_remnant());
        account.relock(std::iter::once(small));
        assert_eq!(account.wealth(), small);
        assert!(!account.is_remnant());
    }
}

//! Taxes on free money, applied to a forecaster only once it is looked at.
//!
//! A levy at hazard h of a rank-one kernel rho that sums to R takes free money f, of which all have F, to
//! `f (1 - h R) + rho h F`: one map `f -> keep f + rho inflow` for everybody. Maps of aligned runs of 2, 4, 8, ... levies are kept
//! composed, so n levies cost about 2 log2 n steps; every term is positive, so nothing cancels.

use crate::scaled::Scaled;

/// A run whose `keep` falls below this is not composed, so that no product underflows.
const LEAST: f64 = f64::from_bits((1023 - 500) << 52);

/// `f -> keep f + rho inflow`; `keep` is NaN where the run is not composed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Map {
    keep: f64,
    inflow: f64,
}

impl Map {
    const SAME: Self = Self { keep: 1.0, inflow: 0.0 };

    #[inline]
    fn then(self, next: Self) -> Self {
        Self {
            keep: self.keep * next.keep,
            inflow: self.inflow * next.keep + next.inflow,
        }
    }

    /// Whether it is there and may be composed with another of its kind.
    #[inline]
    fn is_plain(self) -> bool {
        self.keep == 0.0 || self.keep >= LEAST
    }

    fn apply(self, free: Scaled, rho: Scaled) -> Scaled {
        free * self.keep + rho * self.inflow
    }
}

/// The levies so far.
#[derive(Clone, Debug)]
pub struct Levies {
    /// Level k holds the maps of the levies `i 2^k .. (i + 1) 2^k`.
    levels: Vec<Vec<Map>>,
    len: usize,
}

impl Default for Levies {
    fn default() -> Self {
        Self {
            levels: vec![Vec::new()],
            len: 0,
        }
    }
}

impl Levies {
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Notes a levy of `keep = 1 - h R` and `inflow = h F`.
    pub fn push(&mut self, keep: f64, inflow: f64) {
        let mut map = Map { keep, inflow };
        let mut at = self.len;
        self.len += 1;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(map);
            if at.is_multiple_of(2) {
                return;
            }
            map = self.levels[level][at - 1].then(map);
            if !map.is_plain() {
                map.keep = f64::NAN;
            }
            at /= 2;
        }
    }

    /// Forgets all but the first `len` levies.
    pub fn truncate(&mut self, len: usize) {
        self.len = len;
        for (level, maps) in self.levels.iter_mut().enumerate() {
            maps.truncate(len >> level);
        }
    }

    /// Free money that has been through the first `since` levies, after all of them.
    #[must_use]
    pub fn after(&self, mut free: Scaled, rho: Scaled, since: usize) -> Scaled {
        let (mut at, mut map) = (since, Map::SAME);
        while at < self.len {
            let (next, levies) = self.run(at);
            let composed = map.then(next);
            if composed.is_plain() {
                map = composed;
            } else {
                free = map.apply(free, rho);
                map = next;
            }
            at += levies;
        }
        map.apply(free, rho)
    }

    /// The longest run that is kept from levy `at` on, and of how many levies it is.
    #[inline]
    fn run(&self, at: usize) -> (Map, usize) {
        let mut level = at.trailing_zeros().min((self.len - at).ilog2()) as usize;
        loop {
            let map = self.levels[level][at >> level];
            if level == 0 || !map.keep.is_nan() {
                return (map, 1 << level);
            }
            level -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hazard: impl Fn(usize) -> f64) {
        let mut levies = Levies::default();
        let mut maps = Vec::new();
        for t in 0..1500 {
            let (keep, inflow) = (
                1.0 - 0.75 * hazard(t),
                hazard(t) * (0.1 + 0.8 * ((t * 37) % 11) as f64 / 11.0),
            );
            levies.push(keep, inflow);
            maps.push(Map { keep, inflow });
        }
        for since in [0, 1, 2, 3, 512, 777, 1024, 1498, 1499, 1500] {
            for (free, rho) in [(0.25, 0.5), (1e-30, 1e-3), (0.0, 0.1), (0.5, 0.0)] {
                let (free, rho) = (Scaled::new(free, -2000), Scaled::new(rho, -900));
                let one_by_one = maps[since..].iter().fold(free, |f, map| map.apply(f, rho));
                let at_once = levies.after(free, rho, since);
                let ratio = (at_once / one_by_one).to_f64();
                assert!(at_once == one_by_one || (ratio - 1.0).abs() < 1e-12, "{since}: {ratio}");
            }
        }
        let all = levies.after(Scaled::ONE, Scaled::ONE, 3);
        levies.push(0.5, 0.5);
        levies.truncate(1500);
        assert_eq!(levies.after(Scaled::ONE, Scaled::ONE, 3), all);
    }

    #[test]
    fn runs_equal_one_by_one() {
        check(|t| 1.0 / (t as f64 + 2.0));
        check(|_| 1e-3);
        check(|_| 0.9); // below any float's range
        check(|t| if t % 700 == 699 { 1.0 / 0.75 } else { 0.5 }); // some leave nothing
    }
}

//! How much of its wealth a forecaster locks in a question: a share that is given, or one that follows how busy they are.

use crate::error::{MarketError, Result};

/// Questions that lock a share of `1 / FIRST` before the tally is asked: so many of them never want more than all.
const FIRST: u64 = 10;

/// The share of wealth that a question asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lock {
    /// The same for all, in (0, 1].
    Share(f64),
    /// `1 / m`, of which nine in ten forecasts so far found at most m questions of their forecaster open, their own included;
    /// a tenth in the first ten questions.
    Running,
}

impl Lock {
    pub fn check(self) -> Result<()> {
        match self {
            Self::Share(share) if !(share > 0.0 && share <= 1.0) => Err(MarketError::input(format!(
                "lock {share} is not in (0, 1]; it is the share of its wealth that a forecaster locks in each question"
            ))),
            _ => Ok(()),
        }
    }

    /// What question number `question` asks for.
    #[must_use]
    pub fn share(self, tally: &Tally, question: u64) -> f64 {
        match self {
            Self::Share(share) => share,
            Self::Running if question < FIRST => 1.0 / FIRST as f64,
            Self::Running => 1.0 / tally.most.max(1) as f64,
        }
    }
}

/// How many questions forecasters had open at their forecasts so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Forecasts by that number.
    counts: Vec<u64>,
    total: u64,
    /// The least number that nine in ten do not exceed,
    most: usize,
    /// and how many do not.
    within: u64,
}

impl Tally {
    /// Counts a forecast whose forecaster has so many questions open.
    pub fn add(&mut self, open: u32) {
        let open = open as usize;
        if self.counts.len() <= open {
            self.counts.resize(open + 1, 0);
        }
        self.counts[open] += 1;
        self.total += 1;
        self.within += u64::from(open <= self.most);
        let needed = self.total - self.total / 10;
        while self.within < needed {
            self.most += 1;
            self.within += self.counts[self.most];
        }
        while self.within - self.counts[self.most] >= needed {
            self.within -= self.counts[self.most];
            self.most -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_in_ten_of_all_so_far() {
        let mut tally = Tally::default();
        let mut seen = Vec::new();
        for i in 0..500_u32 {
            let open = 1 + (i * i * 7) % (1 + (i / 9) % 40);
            tally.add(open);
            seen.push(open);
            let mut sorted = seen.clone();
            sorted.sort_unstable();
            let expected = sorted[(9 * sorted.len()).div_ceil(10) - 1];
            assert_eq!(tally.most, expected as usize);
            let share = Lock::Running.share(&tally, FIRST);
            assert_eq!(share, 1.0 / f64::from(expected));
        }
        assert_eq!(Lock::Running.share(&tally, FIRST - 1), 0.1);
        assert_eq!(Lock::Running.share(&Tally::default(), FIRST), 1.0);
    }

    #[test]
    fn shares_are_checked() {
        for share in [0.0, -1.0, 1.5, f64::NAN] {
            assert!(Lock::Share(share).check().is_err());
        }
        assert!(Lock::Share(1.0).check().is_ok() && Lock::Running.check().is_ok());
    }
}

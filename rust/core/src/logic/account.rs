//! What a trader has bought so far, as if it had no budget, each trade at its own day's price; and which budgets that has cost it.

use super::number::Exact;
use super::outlook::{Ends, Outlook};
use super::sentence::SentenceId;

/// Bits above which a number is rounded down. Positions are exact up to there, and never too great beyond.
const LONG: usize = 4096;

#[derive(Clone, Debug)]
pub struct Account {
    /// What decided sentences brought, less all that was paid.
    cash: Exact,
    /// Shares of sentences that are undecided, ascending.
    shares: Vec<(SentenceId, Exact)>,
    /// The least budget that is not shut off.
    first: u64,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            cash: Exact::default(),
            shares: Vec::new(),
            first: 1,
        }
    }
}

impl Account {
    pub fn cash(&self) -> &Exact {
        &self.cash
    }

    pub fn shares(&self) -> &[(SentenceId, Exact)] {
        &self.shares
    }

    /// Budgets below this one were lost on some day in some world that was plausible then: they are shut off for ever.
    pub fn first_budget(&self) -> u64 {
        self.first
    }

    /// Buys shares at a price; `bits` is the precision that is kept of long numbers.
    pub fn buy(&mut self, sentence: SentenceId, shares: &Exact, price: &Exact, bits: usize) {
        self.cash = kept(&self.cash - &(shares * price), bits);
        match self.shares.binary_search_by_key(&sentence, |(s, _)| *s) {
            Ok(at) => self.shares[at].1 = kept(&self.shares[at].1 + shares, bits),
            Err(at) => self.shares.insert(at, (sentence, kept(shares.clone(), bits))),
        }
    }

    /// Turns the shares of sentences that are decided by now into cash.
    pub fn settle(&mut self, truth: impl Fn(SentenceId) -> Option<bool>) {
        let cash = &mut self.cash;
        self.shares.retain(|(sentence, shares)| {
            let decided = truth(*sentence);
            if decided == Some(true) {
                *cash = &*cash + shares;
            }
            decided.is_none()
        });
    }

    /// Takes shares of one sentence for shares of another that has the same truth value in every world.
    pub fn exchange(&mut self, from: SentenceId, to: SentenceId) {
        let Ok(at) = self.shares.binary_search_by_key(&from, |(s, _)| *s) else {
            return;
        };
        let (_, shares) = self.shares.remove(at);
        match self.shares.binary_search_by_key(&to, |(s, _)| *s) {
            Ok(at) => self.shares[at].1 = &self.shares[at].1 + &shares,
            Err(at) => self.shares.insert(at, (to, shares)),
        }
    }

    /// The least and the most that all of it is worth in the worlds of `outlook`.
    pub fn worth(&self, outlook: &Outlook) -> Ends {
        outlook.ends(&self.cash, &self.shares)
    }

    /// Shuts off the budgets that a world of today would have cost: the raw net worth there is -b or less.
    pub fn shut_off(&mut self, least: &Exact) {
        if least.is_negative() {
            let lost = (-least).floor_at(0) + 1;
            self.first = self.first.max(u64::try_from(lost).unwrap_or(u64::MAX));
        }
    }
}

fn kept(value: Exact, bits: usize) -> Exact {
    if value.bit_len() > LONG {
        value.round_down(bits)
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::Account;
    use crate::logic::number::Exact;
    use crate::logic::sentence::SentenceId;

    fn ratio(n: i64, d: i64) -> Exact {
        Exact::from(n).divided(&Exact::from(d)).unwrap()
    }

    #[test]
    fn shares_become_cash_when_decided() {
        let (a, b) = (SentenceId(2), SentenceId(3));
        let mut account = Account::default();
        account.buy(b, &ratio(-1, 3), &ratio(1, 4), 64);
        account.buy(a, &ratio(2, 1), &ratio(3, 4), 64);
        account.buy(a, &ratio(1, 2), &ratio(1, 1), 64);
        assert_eq!(account.cash(), &ratio(-23, 12)); // 1/12 - 3/2 - 1/2
        assert_eq!(account.shares(), &[(a, ratio(5, 2)), (b, ratio(-1, 3))]);
        account.settle(|sentence| (sentence == a).then_some(true));
        assert_eq!(account.cash(), &ratio(7, 12));
        account.settle(|_| Some(false));
        assert_eq!((account.cash(), account.shares().len()), (&ratio(7, 12), 0));
    }

    #[test]
    fn a_budget_is_shut_off_at_its_loss_and_for_ever() {
        let mut account = Account::default();
        let after = |least: Exact, account: &mut Account| {
            account.shut_off(&least);
            account.first_budget()
        };
        assert_eq!(after(ratio(1, 2), &mut account), 1);
        assert_eq!(after(ratio(-99, 100), &mut account), 1);
        assert_eq!(after(ratio(-1, 1), &mut account), 2); // -1 itself costs budget 1
        assert_eq!(after(ratio(-7, 2), &mut account), 4);
        assert_eq!(after(ratio(10, 1), &mut account), 4);
        assert_eq!(after(-&ratio(1, 1).doubled(70), &mut account), u64::MAX);
    }

    #[test]
    fn long_numbers_are_rounded_down() {
        let mut account = Account::default();
        let tiny = Exact::two_to_minus(5000);
        account.buy(SentenceId(2), &(&ratio(1, 1) + &tiny), &tiny, 64);
        assert_eq!(account.shares()[0].1, ratio(1, 1));
        assert_eq!(account.cash(), &-&Exact::two_to_minus(64));
    }
}

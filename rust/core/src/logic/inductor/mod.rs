//! The inductor itself (Garrabrant et al. 2016, algorithm 5.4.1): each day more is revealed, the traders ask, the market maker
//! finds the price, and what was bought is entered. Nothing of an earlier day is worked out again.

mod clear;
mod day;

#[cfg(test)]
mod tests;

pub use clear::{Given, Terms};
pub use day::{Day, Trade};

use super::account::Account;
use super::audit::Auditor;
use super::feature::{FeatureId, Features, Leaf, Source, When};
use super::firm::{FirmDemand, Strategy, Trader};
use super::number::Exact;
use super::outlook::Outlook;
use super::sentence::{SentenceId, Sentences};
use super::worlds::{Stop, Worlds};
use crate::error::{MarketError, Result};
use std::collections::HashMap;

/// Bits by which what is bought is more precise than the tolerance of the day.
const GUARD_BITS: usize = 64;

/// Traders, what is known, and all that happened.
#[derive(Clone, Debug, Default)]
pub struct LogicalInductor {
    worlds: Worlds,
    traders: Vec<Trader>,
    /// Of all traders together.
    weight: Exact,
    days: Vec<Day>,
    /// What was revealed for the day that is not cleared yet.
    revealed: Option<Vec<SentenceId>>,
    /// What stands for another sentence each day, and for which today; ascending.
    daily: Vec<(SentenceId, SentenceId)>,
    /// The last price of each sentence that was ever traded.
    last: HashMap<SentenceId, Exact>,
    /// Debug builds check H1 to H4 every day.
    #[cfg(debug_assertions)]
    auditor: Auditor,
}

impl LogicalInductor {
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on long searches ask whether to stop; the day is then as it was before it was cleared.
    pub fn heed(&mut self, stop: Stop) {
        self.worlds.heed(stop);
    }

    pub fn days(&self) -> &[Day] {
        &self.days
    }

    pub fn traders(&self) -> &[Trader] {
        &self.traders
    }

    /// Whether something was revealed for a day that is not cleared yet.
    pub fn is_open(&self) -> bool {
        self.revealed.is_some()
    }

    /// Begins a day with what is revealed on it.
    ///
    /// # Errors
    /// It contradicts what was revealed before; then nothing has changed.
    pub fn reveal(&mut self, sentences: &Sentences, revealed: Vec<SentenceId>) -> Result<()> {
        if self.is_open() {
            return Err(MarketError::input(format!(
                "day {} has begun already; clear it before the next",
                self.days.len() + 1
            )));
        }
        self.worlds.reveal_all(sentences, &revealed)?;
        self.revealed = Some(revealed);
        Ok(())
    }

    /// Lets a trader in; its number.
    ///
    /// # Errors
    /// A weight that is not above 0, or makes the sum of all weights more than 1.
    pub fn enter(&mut self, weight: Exact) -> Result<usize> {
        let sum = &self.weight + &weight;
        if weight.sign() <= 0 || sum > Exact::from(1) {
            return Err(MarketError::input(format!(
                "trader {} has the weight {:e}, and all before it {:e} together; weights are above 0, their sum at most 1",
                self.traders.len() + 1,
                weight.to_f64(),
                self.weight.to_f64()
            )));
        }
        self.weight = sum;
        self.traders.push(Trader {
            weight,
            account: Account::default(),
            strategy: None,
        });
        Ok(self.traders.len() - 1)
    }

    /// From now on the trader buys these shares; None: nothing.
    ///
    /// # Errors
    /// There is no such trader, or it reads the price of a day to come.
    pub fn follow(
        &mut self,
        trader: usize,
        features: &Features,
        shares: Option<&[(SentenceId, FeatureId)]>,
    ) -> Result<()> {
        let (all, today) = (self.traders.len(), self.days.len() + 1);
        let Some(trader) = self.traders.get_mut(trader) else {
            return Err(MarketError::input(format!(
                "trader {trader}; there are {all}, counted from 0"
            )));
        };
        let strategy = shares.map(|shares| Strategy::new(features, shares));
        let leaves = strategy.iter().flat_map(|strategy| strategy.program().leaves());
        let days = leaves.filter_map(|leaf| {
            if let When::Day(day) = leaf.day {
                Some(day as usize)
            } else {
                None
            }
        });
        if let Some(day) = days.max().filter(|day| *day > today) {
            return Err(MarketError::input(format!(
                "a strategy of day {today} reads a price of day {day}, which is not known yet"
            )));
        }
        trader.strategy = strategy;
        Ok(())
    }

    /// From now on `stands` means the sentence `today` wherever a strategy has it.
    pub fn mean(&mut self, stands: SentenceId, today: SentenceId) {
        match self.daily.binary_search_by_key(&stands, |(s, _)| *s) {
            Ok(at) => self.daily[at].1 = today,
            Err(at) => self.daily.insert(at, (stands, today)),
        }
    }

    /// The price of a sentence on a day, counted from 1; 0 where nobody traded it.
    pub fn price(&self, sentence: SentenceId, day: usize) -> Exact {
        past(&self.days, sentence, day)
    }

    /// The truth value of a sentence, where what was revealed decides it.
    pub fn truth(&self, sentences: &Sentences, sentence: SentenceId) -> Result<Option<bool>> {
        self.worlds.truth(sentences, sentence)
    }

    /// Checks every day from stored trades alone.
    ///
    /// # Errors
    /// What was revealed contradicts itself.
    pub fn audit(&self, sentences: &Sentences) -> Result<Auditor> {
        let weights: Vec<_> = self.traders.iter().map(|trader| trader.weight.clone()).collect();
        let mut auditor = Auditor::default();
        for day in &self.days {
            if self.worlds.stopped() {
                return Err(MarketError::Interrupted { rounds: 0 });
            }
            auditor.day(sentences, day, &weights[..day.worth.len()])?;
        }
        Ok(auditor)
    }

    /// Finds the price of the day that was begun, and enters what is bought at it.
    ///
    /// # Errors
    /// No price was found within the tolerance, or those given are not. Then nothing was bought, and the day can be cleared on
    /// other terms.
    pub fn clear(&mut self, sentences: &Sentences, terms: &Terms) -> Result<&Day> {
        if !self.is_open() {
            return Err(MarketError::input(
                "no day has begun; reveal something first, if only nothing",
            ));
        }
        let columns = self.columns();
        let outlook = self.outlook(sentences, &columns)?;
        outlook.stop()?;
        self.bind(&columns);
        let same = outlook.same();
        for trader in &mut self.traders {
            trader.account.settle(|sentence| outlook.truth(sentence));
            same.iter().for_each(|(from, to)| trader.account.exchange(*from, *to));
        }
        let bits = self.precision(terms);
        let bound = |sentence| today(&self.daily, sentence);
        let mut demand = FirmDemand::new(&self.traders, &columns, &bound, &outlook, bits);
        let found = match &terms.given {
            Some(prices) => clear::given(&mut demand, &outlook, prices),
            None => clear::search(&mut demand, &outlook, &self.starts(&columns), terms),
        };
        let found = found.map_err(|error| match error {
            MarketError::NotCleared(why) => MarketError::NotCleared(format!("day {}: {why}", self.days.len() + 1)),
            other => other,
        })?;
        if found.cleared.certificate > terms.tolerance {
            return Err(self.not_cleared(&found.cleared.certificate, &terms.tolerance));
        }
        let trades = demand.bids().iter().zip(found.bought);
        let trades = trades.map(|(bid, bought)| Trade::new(bid, bought)).collect();
        let day = Day::new(columns, found.cleared, terms.tolerance.clone(), trades);
        self.close(day, &outlook, bits)?;
        #[cfg(debug_assertions)]
        self.check(sentences)?;
        Ok(&self.days[self.days.len() - 1])
    }

    #[cfg(debug_assertions)]
    fn check(&mut self, sentences: &Sentences) -> Result<()> {
        let weights: Vec<_> = self.traders.iter().map(|trader| trader.weight.clone()).collect();
        if let Some(day) = self.days.last() {
            self.auditor.day(sentences, day, &weights)?;
        }
        assert!(self.auditor.holds(), "{:?}", self.auditor.findings());
        Ok(())
    }

    fn not_cleared(&self, certificate: &Exact, tolerance: &Exact) -> MarketError {
        MarketError::NotCleared(format!(
            "day {}: some world lets the firm gain {:e} at these prices, and the tolerance is {:e}",
            self.days.len() + 1,
            certificate.to_f64(),
            tolerance.to_f64()
        ))
    }

    /// The sentences that are traded today, ascending.
    fn columns(&self) -> Vec<SentenceId> {
        let strategies = self.traders.iter().filter_map(|trader| trader.strategy.as_ref());
        let traded = strategies.flat_map(|strategy| &strategy.traded);
        let mut columns: Vec<_> = traded.map(|s| today(&self.daily, *s)).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The worlds as far as they matter: for what is traded, and for what is held.
    fn outlook(&mut self, sentences: &Sentences, columns: &[SentenceId]) -> Result<Outlook> {
        let held = self.traders.iter().flat_map(|trader| trader.account.shares());
        let mut all: Vec<_> = held.map(|(sentence, _)| *sentence).collect();
        all.extend(columns);
        all.sort_unstable();
        all.dedup();
        Outlook::new(&mut self.worlds, sentences, &all)
    }

    /// Tells every strategy where it finds prices today.
    fn bind(&mut self, columns: &[SentenceId]) {
        let (days, daily, now) = (&self.days, &self.daily, self.days.len() + 1);
        let mut source = |leaf: Leaf| {
            let sentence = today(daily, leaf.sentence);
            let day = match leaf.day {
                When::Day(day) => day as usize,
                When::Ago(days) => now.saturating_sub(days as usize),
            };
            match columns.binary_search(&sentence) {
                Ok(column) if day == now => Source::Today(column as u32),
                _ => Source::Known(past(days, sentence, day).into()),
            }
        };
        let strategies = self.traders.iter_mut().filter_map(|trader| trader.strategy.as_mut());
        strategies.for_each(|strategy| strategy.bind(columns.len(), &mut source));
    }

    /// Where the search begins: at a sentence's last price, or at 1/2.
    fn starts(&self, columns: &[SentenceId]) -> Vec<Exact> {
        let half = Exact::two_to_minus(1);
        let last = columns.iter().map(|sentence| self.last.get(sentence));
        last.map(|price| price.unwrap_or(&half).clone()).collect()
    }

    /// Bits after the point of what is bought today.
    fn precision(&self, terms: &Terms) -> usize {
        let aims = [Some(&terms.tolerance), terms.options.polish.as_ref()]
            .into_iter()
            .flatten();
        let below = aims.filter_map(Exact::log2_up).map(|n| (-n).max(0) as usize).max();
        below.unwrap_or(0) + GUARD_BITS + (usize::BITS - self.traders.len().leading_zeros()) as usize
    }

    /// Enters what was bought; nothing of it if that is stopped.
    fn close(&mut self, mut day: Day, outlook: &Outlook, bits: usize) -> Result<()> {
        let before: Vec<_> = if outlook.searches() {
            self.traders.iter().map(|trader| trader.account.clone()).collect()
        } else {
            Vec::new()
        };
        self.enter_all(&mut day, outlook, bits);
        if let Err(stopped) = outlook.stop() {
            let accounts = self.traders.iter_mut().map(|trader| &mut trader.account);
            accounts.zip(before).for_each(|(account, old)| *account = old);
            return Err(stopped);
        }
        let priced = day.sentences.iter().copied().zip(day.prices.iter().cloned());
        self.last.extend(priced);
        day.revealed = self.revealed.take().unwrap_or_default();
        self.days.push(day);
        Ok(())
    }

    /// Enters what was bought into all accounts, and works out what they are worth.
    fn enter_all(&mut self, day: &mut Day, outlook: &Outlook, bits: usize) {
        for trade in &day.trades {
            let account = &mut self.traders[trade.trader].account;
            for (column, shares) in trade.columns.iter().zip(&trade.shares) {
                account.buy(day.sentences[*column], shares, &day.prices[*column], bits);
            }
        }
        // decided sentences may be traded too
        let settles = day.sentences.iter().any(|sentence| outlook.truth(*sentence).is_some());
        for trader in &mut self.traders {
            if settles {
                trader.account.settle(|sentence| outlook.truth(sentence));
            }
            let ends = trader.account.worth(outlook);
            trader.account.shut_off(&ends.least);
            day.worth.push((ends.least.to_f64(), ends.most.to_f64()));
        }
    }
}

/// The sentence that is meant today.
fn today(daily: &[(SentenceId, SentenceId)], sentence: SentenceId) -> SentenceId {
    let at = daily.binary_search_by_key(&sentence, |(stands, _)| *stands);
    at.map_or(sentence, |at| daily[at].1)
}

/// The price of a sentence on an earlier day; 0 where nobody traded it.
fn past(days: &[Day], sentence: SentenceId, day: usize) -> Exact {
    let found = day.checked_sub(1).and_then(|before| days.get(before)?.price(sentence));
    found.cloned().unwrap_or_default()
}

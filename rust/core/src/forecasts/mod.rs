//! A book of forecasters with stakes that stay locked: questions are priced when they close, and pay when they resolve.
//!
//! Wealth W is free money and all stakes that are locked, at what they were when they were locked. At the pricing of a question
//! everybody who forecasts it locks `u = min(lock W, free)`, and the [`Rule`] makes the price. At its resolution as x each gets
//! `u G(x)` back. Before the pricing of question t > 0 a [`Tax`] of rank one may move free money, of all or of those who
//! have entered. Nothing looks ahead, every event conserves all money, and the results have the same bits however events are
//! cut into [`Chunk`]s.

pub mod account;
pub mod chunk;
pub mod levies;
mod lock;
mod open;
mod play;
pub mod twofold;

pub use chunk::Chunk;
pub use lock::Lock;
pub use play::Played;

use crate::accounts::prior::{Given, prior};
use crate::clearing::Rule;
use crate::error::{MarketError, Result};
use crate::grue::kernel::Kernel;
use crate::grue::{Tax, Unit};
use crate::market::Interrupt;
use crate::scaled::Scaled;
use account::Account;
use levies::Levies;
use lock::Tally;
use open::Open;
use std::collections::BTreeMap;
use std::sync::Arc;
use twofold::Total;

/// How a book begins.
#[derive(Debug)]
pub struct Config<'a> {
    pub prior: Given<'a>,
    pub normalize: bool,
    pub rule: Rule,
    /// The share of wealth that is locked in each question.
    pub lock: Lock,
    pub tax: Option<Tax>,
    /// Whether a forecaster enters with the first question that lists it: until then it holds its prior share, and the tax
    /// knows nothing of it. Else all enter at once.
    pub entering: bool,
}

/// What a forecaster has achieved.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record {
    /// Sum of `beta log2(q(x) / c(x))` over resolved questions, beta being the stake's share of wealth just before.
    pub regret_bits: f64,
    /// Resolved questions.
    pub answered: u32,
}

/// What events change.
#[derive(Clone, Debug)]
struct State {
    accounts: Vec<Account>,
    records: Vec<Record>,
    open: BTreeMap<u64, Arc<Open>>,
    /// Questions priced so far.
    questions: u64,
    tally: Tally,
    /// All money that is free, of those who have entered; kept only where there is a tax.
    free: Total,
    /// Who has entered, and what their prior shares sum to; kept only where not all enter at once.
    entered: usize,
    entered_prior: Total,
    /// Entries since `free` was summed anew.
    touched: usize,
    tax_bits: f64,
}

#[derive(Clone, Debug)]
pub struct ForecastBook {
    rule: Rule,
    lock: Lock,
    /// Of what a question asks for: Kelly's.
    fraction: f64,
    tax: Option<Tax>,
    entering: bool,
    /// What the prior sums to: R.
    prior: f64,
    levies: Levies,
    state: State,
}

impl ForecastBook {
    pub fn new(config: Config<'_>) -> Result<Self> {
        let Config {
            prior: given,
            normalize,
            rule,
            lock,
            tax,
            entering,
        } = config;
        let (book, reserve) = prior::<f64>(given, normalize)?;
        lock.check()?;
        if let Rule::Demand(_) = rule {
            return Err(MarketError::input(
                "a book of forecasts cannot clear by Demand, which wants to know everybody's forecasts; give Kelly, Isoelastic, \
                 LogPool or LMSR",
            ));
        }
        rule.check(2, given.len())?;
        tax.as_ref().map_or(Ok(()), check_tax)?;
        let accounts: Vec<_> = (0..given.len())
            .map(|j| Account::new(book.value(j), !entering))
            .collect();
        let mut free = Total::default();
        if !entering {
            accounts.iter().for_each(|account| free.add(account.free()));
        }
        let fraction = if let Rule::Kelly { fraction } = rule {
            fraction
        } else {
            1.0
        };
        Ok(Self {
            lock,
            fraction,
            rule,
            tax,
            entering,
            prior: 1.0 - reserve,
            levies: Levies::default(),
            state: State {
                records: vec![Record::default(); accounts.len()],
                accounts,
                open: BTreeMap::new(),
                questions: 0,
                tally: Tally::default(),
                free,
                entered: 0,
                entered_prior: Total::default(),
                touched: 0,
                tax_bits: 0.0,
            },
        })
    }

    /// Plays a chunk of events. An error or an interruption leaves the book as it was before the call.
    pub fn play(&mut self, chunk: &Chunk<'_>, interrupt: Interrupt<'_>) -> Result<Played> {
        let first = self.state.questions;
        let places = chunk.check_questions(first, self.len())?;
        if let Some(&most) = chunk.outcomes.iter().max() {
            self.rule.check(most as usize, self.len())?;
        }
        if let Rule::Lmsr(rule) = &self.rule {
            chunk.check_maker(first, rule.maker)?;
        }
        chunk.check_resolutions(first, |question| Some(self.state.open.get(&question)?.outcomes))?;
        let (before, levies) = (self.state.clone(), self.levies.len());
        let result = self.events(chunk, &places, interrupt);
        if result.is_err() {
            self.state = before;
            self.levies.truncate(levies);
        }
        result
    }

    /// Forecasters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.accounts.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Questions priced so far.
    #[must_use]
    pub fn questions(&self) -> u64 {
        self.state.questions
    }

    /// The questions that are not resolved.
    pub fn open(&self) -> impl Iterator<Item = u64> + '_ {
        self.state.open.keys().copied()
    }

    /// A forecaster's money, locked stakes included.
    #[must_use]
    pub fn wealth(&self, j: usize) -> Scaled {
        self.account(j).wealth()
    }

    /// The part of it that is locked.
    #[must_use]
    pub fn locked(&self, j: usize) -> Scaled {
        self.state.accounts[j].locked()
    }

    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.state.records
    }

    /// What taxes took so far from who never received any, in bits: sum of `-log2(1 - h R)`.
    #[must_use]
    pub fn tax_bits(&self) -> f64 {
        self.state.tax_bits
    }

    /// An account after all levies; reading changes nothing.
    fn account(&self, j: usize) -> Account {
        self.state.accounts[j].levied(&self.levies)
    }
}

fn check_tax(tax: &Tax) -> Result<()> {
    let plain = matches!(tax.kernel, Kernel::Anything) && tax.unit == Unit::Round && tax.stage_landmarks.is_empty();
    if plain {
        return Ok(());
    }
    Err(MarketError::input(
        "a book of forecasts takes a tax of kernel 'anything' and unit 'round' with landmarks by index: its schedule counts \
         questions in the order of their pricing",
    ))
}

#[cfg(test)]
mod tests;

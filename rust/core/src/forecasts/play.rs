//! The play of events: the tax that is due, the pricing of a question, its resolution.

use crate::clearing::{Part, Settled};
use crate::error::{MarketError, Result};
use crate::forecasts::account::Account;
use crate::forecasts::chunk::{Chunk, Question};
use crate::forecasts::open::{Gathered, Open, Stakes};
use crate::forecasts::twofold::Total;
use crate::forecasts::{ForecastBook, Lock};
use crate::lanes::prefetch::prefetch;
use crate::market::Interrupt;
use crate::scaled::Scaled;
use std::sync::Arc;

/// Where all free money is below this, no tax is levied: nothing to speak of would change hands.
const LEAST_FREE: f64 = f64::from_bits((1023 - 900) << 52);
/// Accounts are asked for this many entries ahead.
const AHEAD: usize = 12;
/// Free money is summed anew at most once in so many touches of 1/16 of the accounts, so that the cost stays that of the awake.
const SELDOM: usize = 16;

/// What a call gave, for its questions in order.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Each question's prices, one after the other; uniform where nobody had anything to stake.
    pub prices: Vec<f64>,
    /// What was locked, as a share of all money.
    pub staked: Vec<f64>,
    /// The share of its wealth that each question asked of its forecasters.
    pub locks: Vec<f64>,
    pub passes: Vec<u32>,
    pub residuals: Vec<f64>,
    /// log2 of the wealth of the watched, at each pricing.
    pub watched: Vec<f64>,
}

/// What is used again for each question.
#[derive(Default)]
struct Scratch {
    stakes: Vec<Scaled>,
    gathered: Gathered,
    growth: Vec<f64>,
}

impl ForecastBook {
    /// Plays events that have been checked.
    pub(super) fn events(&mut self, chunk: &Chunk<'_>, places: &[usize], interrupt: Interrupt<'_>) -> Result<Played> {
        let mut played = Played::default();
        let mut scratch = Scratch::default();
        let mut due = 0;
        for i in 0..=chunk.questions() {
            while chunk.after.get(due) == Some(&(self.state.questions as i64)) {
                stop(interrupt, played.staked.len())?;
                self.resolve(
                    chunk,
                    chunk.resolved[due] as u64,
                    chunk.happened[due] as usize,
                    &mut scratch,
                )?;
                due += 1;
            }
            if let Some(&value) = places.get(i) {
                stop(interrupt, played.staked.len())?;
                self.tax()?;
                self.price(chunk, (i, value), &mut scratch, &mut played)?;
            }
        }
        for open in self.state.open.values_mut().filter(|open| open.is_here()) {
            Arc::make_mut(open).keep(chunk);
        }
        Ok(played)
    }

    /// Levies the tax that is due before the next question.
    fn tax(&mut self) -> Result<()> {
        let Some(tax) = &self.tax else { return Ok(()) };
        let hazard = tax.hazard(self.state.questions, None)?;
        if hazard == 0.0 {
            return Ok(());
        }
        let members = if self.entering { self.state.entered } else { self.len() };
        if self.state.free.is_remnant() && self.state.touched * SELDOM >= members {
            self.sum_free();
        }
        // by prior shares as they are, or of those who have entered alone: then nothing depends on who will
        let (rate, free) = if members == 0 {
            return Ok(());
        } else if self.entering {
            (
                hazard,
                (self.state.free.value() / self.state.entered_prior.value()).to_f64(),
            )
        } else {
            (hazard * self.prior, self.state.free.value().to_f64())
        };
        if free < LEAST_FREE {
            return Ok(());
        }
        let keep = (1.0 - rate).max(0.0);
        self.state.tax_bits -= keep.log2();
        self.levies.push(keep, hazard * free);
        Ok(())
    }

    /// Sums the free money anew: what is left of it may have been lost to rounding.
    fn sum_free(&mut self) {
        let mut free = Total::default();
        (0..self.len())
            .filter(|&j| self.state.accounts[j].has_entered())
            .for_each(|j| free.add(self.account(j).free()));
        self.state.free = free;
        self.state.touched = 0;
    }

    /// Prices the next question.
    fn price(
        &mut self,
        chunk: &Chunk<'_>,
        place: (usize, usize),
        scratch: &mut Scratch,
        played: &mut Played,
    ) -> Result<()> {
        let number = self.state.questions;
        let question = chunk.question(place.0, place.1);
        let outcomes = question.outcomes;
        for &j in chunk.watch {
            played.watched.push(self.wealth(j as usize).log2());
        }
        let share = self.admit(&question, number);
        played.locks.push(share);
        self.lock(&question, share * self.fraction, &mut scratch.stakes);
        let stakes = Stakes::of(&scratch.stakes);
        let part = scratch.gathered.part(question, &stakes.units);
        let price = self
            .rule
            .clear(outcomes, &[part], false)
            .map_err(|error| of_question(error, number))?;
        let total = stakes.total();
        if self.tax.is_some() {
            self.state.free.take(total);
            self.state.touched += question.forecasters.len();
        }
        played.staked.push(total.to_f64());
        match &price {
            Some(price) => played.prices.extend(&price.prices),
            None => played
                .prices
                .extend(std::iter::repeat_n(1.0 / outcomes as f64, outcomes)),
        }
        played.passes.push(price.as_ref().map_or(0, |price| price.passes));
        played
            .residuals
            .push(price.as_ref().map_or(0.0, |price| price.residual));
        let open = Open::new(outcomes, stakes, price, place);
        self.state.open.insert(number, Arc::new(open));
        self.state.questions += 1;
        Ok(())
    }

    /// Counts a question among those that its forecasters have open, lets newcomers enter; the share that it locks.
    fn admit(&mut self, question: &Question<'_>, number: u64) -> f64 {
        let state = &mut self.state;
        let mut entry = 0;
        for same in question.forecasters.chunk_by(|a, b| a == b) {
            look_ahead(&state.accounts, question.forecasters, entry);
            entry += same.len();
            let account = &mut state.accounts[same[0] as usize];
            account.open += 1;
            if self.lock == Lock::Running {
                state.tally.add(account.open);
            }
            if self.entering && !account.has_entered() {
                account.enter(&self.levies);
                state.entered += 1;
                state.entered_prior.add(account.prior());
                state.free.add(account.free());
            }
        }
        self.lock.share(&state.tally, number)
    }

    /// Locks what everybody stakes, entry by entry.
    fn lock(&mut self, question: &Question<'_>, share: f64, stakes: &mut Vec<Scaled>) {
        let accounts = &mut self.state.accounts;
        stakes.clear();
        for same in question.forecasters.chunk_by(|a, b| a == b) {
            look_ahead(accounts, question.forecasters, stakes.len());
            let account = &mut accounts[same[0] as usize];
            account.levy(&self.levies);
            let each = account.lock(share, same.len() as u32);
            let stake = Scaled::new(each, account.exponent());
            stakes.extend(std::iter::repeat_n(stake, same.len()));
        }
    }

    /// Pays a question's stakes out, x having happened.
    fn resolve(&mut self, chunk: &Chunk<'_>, number: u64, x: usize, scratch: &mut Scratch) -> Result<()> {
        let Some(open) = self.state.open.remove(&number) else {
            return Ok(()); // was checked
        };
        let question = open.question(chunk);
        for same in question.forecasters.chunk_by(|a, b| a == b) {
            self.state.records[same[0] as usize].answered += 1;
            self.state.accounts[same[0] as usize].open -= 1;
        }
        let Some(price) = &open.price else { return Ok(()) };
        if price.prices[x] <= 0.0 {
            return Err(MarketError::Impossible {
                episode: None,
                round: number,
                outcome: x.to_string(),
            });
        }
        let parts = [scratch.gathered.part(question, &open.stakes.units)];
        scratch.growth.resize(question.forecasters.len(), 0.0);
        let settled = self.rule.settle(price, &parts, x, false, &mut scratch.growth);
        let mut remnants = Vec::new();
        self.pay(
            &open,
            question.forecasters,
            &parts[0],
            x,
            (settled, &scratch.growth),
            &mut remnants,
        );
        if self.tax.is_some() {
            // what is paid is what was staked, whatever happens
            self.state.free.add(open.stakes.total());
            self.state.touched += question.forecasters.len();
        }
        for j in remnants {
            let stakes = self.state.open.values().flat_map(|open| open.stakes_of(j, chunk));
            self.state.accounts[j as usize].relock(stakes);
        }
        Ok(())
    }

    fn pay(
        &mut self,
        open: &Open,
        forecasters: &[u32],
        part: &Part<'_>,
        x: usize,
        (settled, growth): (Settled, &[f64]),
        remnants: &mut Vec<u32>,
    ) {
        let price = open.price.as_ref().map_or(1.0, |price| price.prices[x]);
        let accounts = &mut self.state.accounts;
        let factor = settled.factor();
        let mut entry = 0;
        for same in forecasters.chunk_by(|a, b| a == b) {
            look_ahead(accounts, forecasters, entry);
            let account = &mut accounts[same[0] as usize];
            account.levy(&self.levies);
            let wealth = account.wealth();
            for _ in same {
                let stake = open.stakes.at(entry);
                if !stake.is_zero() {
                    let share = (stake / wealth).to_f64();
                    self.state.records[same[0] as usize].regret_bits += share * (part.rows[x][entry] / price).log2();
                    account.unlock(stake.in_units_of(account.exponent()));
                    account.receive(stake * settled.growth(growth[entry]) * factor);
                }
                entry += 1;
            }
            account.fit();
            if account.is_remnant() {
                remnants.push(same[0]);
            }
        }
    }
}

#[inline]
fn look_ahead(accounts: &[Account], forecasters: &[u32], entry: usize) {
    if let Some(&j) = forecasters.get(entry + AHEAD) {
        prefetch(accounts, j as usize);
    }
}

fn stop(interrupt: Interrupt<'_>, settled: usize) -> Result<()> {
    if interrupt() {
        return Err(MarketError::Interrupted { rounds: settled as u64 });
    }
    Ok(())
}

/// Says in which question an error arose.
fn of_question(error: MarketError, number: u64) -> MarketError {
    let within = |message: String| format!("question {number}: {message}");
    match error {
        MarketError::Input(message) => MarketError::Input(within(message)),
        MarketError::NotCleared(message) => MarketError::NotCleared(within(message)),
        other => other,
    }
}

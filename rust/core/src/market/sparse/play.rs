//! One call's sparse rounds, played: who is awake, the price among them, what each of them wins.

use super::rounds::SparseRounds;
use super::undo::Undo;
use crate::error::{MarketError, Result};
use crate::market::clear::Listed;
use crate::market::lazy::Lazy;
use crate::market::play::Played;
use crate::market::state::{Accounts, State, Traders};
use crate::real::Real;
use crate::rounds::Layout;
use crate::scaled::Scaled;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One call's play: what it has made so far, and how to take it back.
pub(super) struct Player<'a, F, P> {
    pub traders: &'a Traders<F>,
    pub rounds: &'a SparseRounds<'a, P>,
    pub undo: Undo,
    pub played: Played,
    pub regret: Option<BTreeMap<u32, f64>>,
}

/// Somebody awake in a round.
struct Awake {
    entry: usize,
    trader: usize,
    stake: f64,
    wealth: Scaled,
}

impl<F: Real, P: Real> Player<'_, F, P> {
    /// Plays round t.
    pub(super) fn round(&mut self, state: &mut State<F>, t: usize) -> Result<()> {
        let State {
            accounts, roster, lazy, ..
        } = state;
        let lazy = Arc::make_mut(lazy.as_mut().expect("lazy"));
        let rounds = self.rounds;
        let awake: Vec<_> = rounds
            .entries(t)
            .map(|entry| {
                let trader = rounds.traders[entry] as usize;
                let stake = rounds.stakes.get(entry).copied().unwrap_or(1.0) * self.traders.rule.fraction();
                Awake {
                    entry,
                    trader,
                    stake,
                    wealth: lazy.wealth(accounts, roster, trader),
                }
            })
            .filter(|a| a.stake > 0.0)
            .collect();
        let stake = Scaled::sum(awake.iter().map(|a| a.wealth * a.stake));
        if stake.is_zero() {
            let outcomes = rounds.outcomes as f64;
            self.played
                .prices
                .extend(std::iter::repeat_n(1.0 / outcomes, rounds.width()));
            self.played.losses.push(outcomes.log2());
            if !self.traders.rule.is_kelly() {
                self.played.passes.push(0);
                self.played.residuals.push(0.0);
            }
            for a in &awake {
                let likelihood = rounds.at(a.entry, rounds.outcome(t));
                self.note_regret(a.trader, likelihood.log2() + outcomes.log2());
            }
            return Ok(());
        }
        let x = rounds.outcome(t);
        let (price, growth) = if self.traders.rule.is_kelly() {
            self.clear_by_kelly(&awake, stake, t)?
        } else {
            self.clear_by_rule(&awake, t)?
        };
        let unit = accounts.share_unit(roster.money);
        for (a, growth) in awake.iter().zip(growth) {
            let likelihood = Scaled::new(rounds.at(a.entry, x), 0);
            let factor = growth + Scaled::new(1.0 - a.stake, 0);
            let next = a.wealth * factor;
            self.settle(
                accounts,
                lazy,
                lazy.unredefined(accounts, roster, a.trader),
                a.trader,
                next,
                factor,
            );
            if let Some(money) = lazy.money.get_mut(self.traders.groups.of(a.trader)) {
                let won = (next * unit).to_f64() - (a.wealth * unit).to_f64();
                money[0] += won;
                money[1] += won * roster.rho.value(a.trader).to_f64();
            }
            self.note_regret(a.trader, likelihood.log2() - price.log2());
        }
        Ok(())
    }

    /// The price of what happens in round t, and what each of the awake's stakes becomes as a share of its wealth.
    fn clear_by_kelly(&mut self, awake: &[Awake], stake: Scaled, t: usize) -> Result<(Scaled, Vec<Scaled>)> {
        let rounds = self.rounds;
        let bet = |k: usize| Scaled::sum(awake.iter().map(|a| a.wealth * a.stake * rounds.at(a.entry, k)));
        let sums: Vec<_> = (0..rounds.width()).map(bet).collect();
        let x = rounds.outcome(t);
        let price = sums[x] / stake;
        if price.is_zero() {
            let known = rounds.layout != Layout::Likelihood;
            let outcome = if known {
                x.to_string()
            } else {
                "(by likelihoods)".to_owned()
            };
            return Err(MarketError::Impossible {
                episode: None,
                round: t as u64,
                outcome,
            });
        }
        self.played.prices.extend(sums.iter().map(|&s| (s / stake).to_f64()));
        self.played.losses.push(-price.log2());
        let won = |a: &Awake| Scaled::new(rounds.at(a.entry, x), 0) * a.stake / price;
        Ok((price, awake.iter().map(won).collect()))
    }

    /// The same by another rule.
    fn clear_by_rule(&mut self, awake: &[Awake], t: usize) -> Result<(Scaled, Vec<Scaled>)> {
        let (rounds, rule) = (self.rounds, &self.traders.rule);
        let (outcomes, x) = (rounds.outcomes, rounds.outcome(t));
        let forecasts = (0..outcomes).flat_map(|k| awake.iter().map(move |a| rounds.at(a.entry, k)));
        let listed = Listed::new(
            rule,
            awake.iter().map(|a| a.trader as i64).collect(),
            awake.iter().map(|a| a.wealth * a.stake).collect(),
            forecasts.collect(),
        );
        let price = listed.clear(rule, outcomes, t)?;
        self.played.record(&price, x, t)?;
        let growth = listed.growth(rule, &price, x).into_iter().zip(awake);
        Ok((
            Scaled::new(price.prices[x], 0),
            growth.map(|(growth, a)| growth * a.stake).collect(),
        ))
    }

    fn note_regret(&mut self, trader: usize, bits: f64) {
        if let Some(regret) = &mut self.regret {
            *regret.entry(trader as u32).or_insert(0.0) += bits;
        }
    }

    fn settle(
        &mut self,
        accounts: &mut Accounts<F>,
        lazy: &mut Lazy,
        unredefined: Option<Scaled>,
        trader: usize,
        next: Scaled,
        factor: Scaled,
    ) {
        self.undo.note(accounts, lazy, trader);
        accounts.bankruptcies |= factor.is_zero();
        Arc::make_mut(&mut accounts.wealth).set(trader, next);
        if let (Some(book), Some(old)) = (&mut accounts.unredefined, unredefined) {
            Arc::make_mut(book).set(trader, old * factor);
        }
        if let Some(histories) = &mut accounts.histories {
            let scores = &mut Arc::make_mut(histories).scores;
            let score = scores.value(trader);
            scores.set(trader, score * factor);
        }
        lazy.touch(trader);
    }
}

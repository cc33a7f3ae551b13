//! What must hold of every day, worked out again from stored trades alone. It shares no code with what made them but the worlds.
//!
//! With F the sum of all tolerances so far: (H1) no table of truth values lets the firm gain more than the day's tolerance from
//! the day's trade; (H2) no plausible world values a budgeter of budget b below -b; (H3) none values the firm above F; (H4) none
//! values a budgeter of trader k above `(F + 2 sum w) 2^b / w_k`, which is what "not exploited" means after finitely many days
//! (Garrabrant et al. 2016, lemmas 5.1.3, 5.2.2, 5.3.3 and theorem 5.4.2). A day counts the worlds that are plausible on it.

use super::inductor::{Day, Trade};
use super::number::Exact;
use super::sentence::{SentenceId, Sentences};
use super::worlds::{Model, Work, Worlds};
use crate::error::Result;
use std::collections::BTreeMap;

/// How near an invariant came to failing.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The least that was left; below 0 it failed.
    pub slack: Exact,
    pub day: usize,
    pub trader: Option<usize>,
    pub budget: Option<u64>,
}

/// Of greater budgets the bound of this one is asked for, which is the lesser.
const ENOUGH: u64 = 1 << 16;

/// Cash and shares of somebody.
#[derive(Clone, Debug, Default)]
struct Position {
    cash: Exact,
    shares: BTreeMap<SentenceId, Exact>,
}

#[derive(Clone, Debug)]
struct Audited {
    weight: Exact,
    raw: Position,
    /// The most that the raw trader lost on any day in any world.
    lost: Exact,
    /// Of all budgets: those from one on, up to the next or without end, have the same.
    budgets: Vec<(u64, Position)>,
}

/// Days are told to it one after the other.
#[derive(Clone, Debug, Default)]
pub struct Auditor {
    worlds: Worlds,
    days: usize,
    traders: Vec<Audited>,
    firm: Position,
    tolerances: Exact,
    /// H1 to H4.
    findings: [Option<Finding>; 4],
    /// The first budget of a trade is not what its past says.
    wrong_budget: Option<Finding>,
}

/// All worlds of a day, for everything that is held.
struct Plausible {
    model: Model,
    of: Vec<SentenceId>,
}

impl Plausible {
    /// The least that a position is worth; with `sign` -1 of its opposite.
    fn least(&self, position: &Position, sign: i64) -> Exact {
        let sign = Exact::from(sign);
        let held = self.of.iter().map(|sentence| position.shares.get(sentence));
        let weights: Vec<_> = held
            .map(|shares| shares.map_or_else(Exact::default, |x| x * &sign))
            .collect();
        let mut truths = vec![false; weights.len()];
        let least = self.model.minimum(&weights, &mut truths, &mut Work::default());
        &(&position.cash * &sign) + &least
    }

    fn most(&self, position: &Position) -> Exact {
        -&self.least(position, -1)
    }
}

impl Position {
    fn buy(&mut self, day: &Day, trade: &Trade, factor: &Exact) {
        for (column, shares) in trade.columns.iter().zip(&trade.shares) {
            let bought = factor * shares;
            self.cash = &self.cash - &(&bought * &day.prices[*column]);
            let held = self.shares.entry(day.sentences[*column]).or_default();
            *held = &*held + &bought;
        }
    }

    /// Decided shares become cash.
    fn settle(&mut self, decided: &[(SentenceId, bool)]) {
        for (sentence, truth) in decided {
            if let Some(shares) = self.shares.remove(sentence).filter(|_| *truth) {
                self.cash = &self.cash + &shares;
            }
        }
    }
}

impl Audited {
    fn new(weight: Exact) -> Self {
        Self {
            weight,
            raw: Position::default(),
            lost: Exact::default(),
            budgets: vec![(1, Position::default())],
        }
    }

    fn positions(&mut self) -> impl Iterator<Item = &mut Position> {
        let budgets = self.budgets.iter_mut().map(|(_, position)| position);
        budgets.chain([&mut self.raw])
    }

    /// From now on this budget and those above may have another position than those below.
    fn part(&mut self, budget: u64) {
        if let Err(at) = self.budgets.binary_search_by_key(&budget, |(from, _)| *from) {
            let position = self.budgets[at.saturating_sub(1)].1.clone();
            self.budgets.insert(at, (budget, position));
        }
    }

    /// The budget from which on others follow, by place.
    fn ends(&self) -> impl Iterator<Item = Option<u64>> + use<> {
        let starts: Vec<u64> = self.budgets.iter().map(|(from, _)| *from).collect();
        (1..=starts.len()).map(move |next| starts.get(next).copied())
    }

    /// Enters a trade; the weight of all budgets' shares of it.
    fn enter(&mut self, day: &Day, trade: &Trade) -> Exact {
        let singly = trade.factors.len().max(1) as u64; // all above have the last factor
        (0..singly).for_each(|above| self.part(trade.first.saturating_add(above)));
        let mut weight = Exact::default();
        let ends = self.ends();
        for ((from, position), end) in self.budgets.iter_mut().zip(ends) {
            let factor = trade.factor(*from);
            if !factor.is_zero() {
                position.buy(day, trade, &factor);
                weight = &weight + &(&factor * &weight_from(*from));
                weight = end.map_or(weight.clone(), |end| &weight - &(&factor * &weight_from(end)));
            }
        }
        self.raw.buy(day, trade, &Exact::from(1));
        weight
    }
}

/// Of a budget and all above together.
fn weight_from(budget: u64) -> Exact {
    Exact::two_to_minus(budget as usize - 1)
}

impl Auditor {
    /// The most pressing of H1 to H4; None of an inductor without trades.
    pub fn findings(&self) -> &[Option<Finding>; 4] {
        &self.findings
    }

    /// A trade whose first budget is not the least that its past leaves, if there is one.
    pub fn wrong_budget(&self) -> Option<&Finding> {
        self.wrong_budget.as_ref()
    }

    /// Whether all of it holds.
    pub fn holds(&self) -> bool {
        let fails = |finding: &Finding| finding.slack.is_negative();
        self.wrong_budget.is_none() && !self.findings.iter().flatten().any(fails)
    }

    /// Checks the next day; `weights` of all traders that have entered.
    ///
    /// # Errors
    /// What was revealed on it contradicts itself.
    pub fn day(&mut self, sentences: &Sentences, day: &Day, weights: &[Exact]) -> Result<()> {
        self.days += 1;
        self.tolerances = &self.tolerances + &day.tolerance;
        self.worlds.reveal_all(sentences, &day.revealed)?;
        for weight in &weights[self.traders.len()..] {
            self.traders.push(Audited::new(weight.clone()));
        }
        self.trade(day);
        let plausible = self.settle(sentences)?;
        self.judge(&plausible);
        Ok(())
    }

    /// Enters the day's trades: H1.
    fn trade(&mut self, day: &Day) {
        let mut demand = vec![Exact::default(); day.sentences.len()];
        for trade in &day.trades {
            let audited = &mut self.traders[trade.trader];
            if trade.first != first_left(&audited.lost) {
                let slack = Exact::from(-1);
                self.wrong_budget.get_or_insert(Finding {
                    slack,
                    day: self.days,
                    trader: Some(trade.trader),
                    budget: Some(trade.first),
                });
            }
            let weight = &audited.enter(day, trade) * &audited.weight;
            self.firm.buy(day, trade, &weight);
            for (column, shares) in trade.columns.iter().zip(&trade.shares) {
                demand[*column] = &demand[*column] + &(shares * &weight);
            }
        }
        let one = Exact::from(1);
        let gains = demand.iter().zip(&day.prices);
        let gains = gains.map(|(d, price)| (d * &(&one - price)).max(-&(d * price)));
        let certificate = gains.fold(Exact::default(), |sum, gain| &sum + &gain);
        self.find(0, &day.tolerance - &certificate, None, None);
    }

    /// Turns what is decided into cash; the worlds of what is not.
    fn settle(&mut self, sentences: &Sentences) -> Result<Plausible> {
        let positions = self.traders.iter().map(|audited| &audited.raw);
        let held = positions
            .chain([&self.firm])
            .flat_map(|position| position.shares.keys());
        let mut of: Vec<_> = held.copied().collect();
        // a budget that is shut off may hold what the trader itself has sold
        of.extend(
            self.traders
                .iter()
                .flat_map(|a| a.budgets.iter().flat_map(|(_, held)| held.shares.keys())),
        );
        of.sort_unstable();
        of.dedup();
        let model = self.worlds.model(sentences, &of)?;
        let known = of.iter().zip(model.decided());
        let decided: Vec<_> = known.filter_map(|(s, truth)| truth.map(|truth| (*s, truth))).collect();
        if !decided.is_empty() {
            self.firm.settle(&decided);
            let positions = self.traders.iter_mut().flat_map(Audited::positions);
            positions.for_each(|position| position.settle(&decided));
        }
        Ok(Plausible { model, of })
    }

    /// H2 to H4, and what the raw traders have lost.
    fn judge(&mut self, plausible: &Plausible) {
        let weights = self
            .traders
            .iter()
            .fold(Exact::default(), |sum, audited| &sum + &audited.weight);
        let most = &self.tolerances + &(&weights * &Exact::from(2));
        let firm = plausible.most(&self.firm);
        self.find(2, &self.tolerances - &firm, None, None);
        for number in 0..self.traders.len() {
            let audited = &self.traders[number];
            let share = most.divided(&audited.weight).unwrap_or_default();
            let mut slacks = Vec::new();
            let left = first_left(&audited.lost);
            for ((budget, position), end) in audited.budgets.iter().zip(audited.ends()) {
                if end.is_some_and(|end| end <= left) && position.shares.is_empty() {
                    continue; // shut off, and all that it held is decided: nothing has changed since
                }
                // the least of them is bound most
                let low = &plausible.least(position, 1) + &Exact::dyadic((*budget).into(), 0);
                let bound = share.doubled((*budget).min(ENOUGH) as usize);
                slacks.push((*budget, low, &bound - &plausible.most(position)));
            }
            let lost = -&plausible.least(&audited.raw, 1);
            let audited = &mut self.traders[number];
            audited.lost = audited.lost.clone().max(lost);
            for (budget, low, high) in slacks {
                self.find(1, low, Some(number), Some(budget));
                self.find(3, high, Some(number), Some(budget));
            }
        }
    }

    fn find(&mut self, invariant: usize, slack: Exact, trader: Option<usize>, budget: Option<u64>) {
        let known = &mut self.findings[invariant];
        if known.as_ref().is_none_or(|known| slack < known.slack) {
            *known = Some(Finding {
                slack,
                day: self.days,
                trader,
                budget,
            });
        }
    }
}

/// The least budget that a loss leaves: b with -b < -lost.
fn first_left(lost: &Exact) -> u64 {
    u64::try_from(lost.floor_at(0)).map_or(u64::MAX, |lost| lost.saturating_add(1))
}

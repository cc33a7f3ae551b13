//! Redefinition by name: new traders, each of which takes a part of the money of the one it redefines.

use crate::accounts::book::Book;
use crate::accounts::groups::Groups;
use crate::error::{MarketError, Result};
use crate::grue::Unit;
use crate::grue::definitions::Node;
use crate::grue::provenance::Column;
use crate::market::state::{Accounts, Clock, Traders};
use crate::market::{Market, When, divide_by_group};
use crate::real::Real;
use crate::scaled::Scaled;
use std::collections::HashSet;
use std::sync::Arc;

/// "Until now `source`, from now on the new trader": `bits` is what it takes to say so.
#[derive(Clone, Copy, Debug)]
pub struct Redefinition {
    pub source: u32,
    pub bits: f64,
    /// The new trader's group.
    pub group: u32,
}

impl Redefinition {
    fn share(&self) -> f64 {
        (-self.bits).exp2()
    }

    /// What is left to the source.
    fn rest(&self) -> f64 {
        -f64::exp_m1(-self.bits * std::f64::consts::LN_2)
    }
}

/// The division of every source between itself and its new trader.
struct Division<'a> {
    /// The traders before.
    old: usize,
    new: &'a [Redefinition],
    /// What is left to each of them.
    rest: Vec<f64>,
}

impl<'a> Division<'a> {
    fn new(old: usize, new: &'a [Redefinition]) -> Self {
        let mut rest = vec![1.0; old];
        for r in new {
            rest[r.source as usize] = r.rest();
        }
        Self { old, new, rest }
    }

    fn len(&self) -> usize {
        self.old + self.new.len()
    }

    fn divide<F: Real>(&self, value: impl Fn(usize) -> Scaled) -> Book<F> {
        Book::from_values(self.len(), |j| match j.checked_sub(self.old) {
            None => value(j) * self.rest[j],
            Some(at) => value(self.new[at].source as usize) * self.new[at].share(),
        })
    }

    /// The same with nothing for the new traders.
    fn keep<F: Real>(&self, value: impl Fn(usize) -> Scaled) -> Book<F> {
        Book::from_values(self.len(), |j| {
            if j < self.old {
                value(j) * self.rest[j]
            } else {
                Scaled::ZERO
            }
        })
    }

    fn groups(&self, groups: &Groups, count: usize) -> Groups {
        let old = (0..self.old).map(|j| groups.of(j) as u32);
        Groups::new(old.chain(self.new.iter().map(|r| r.group)), count)
    }

    /// Shares of the money that stood when the stage began, of which the new traders have none: any will do.
    fn columns(&self, columns: &[Column]) -> Vec<Column> {
        let grown = |column: &Column| {
            let mut shares = column.shares.to_vec();
            shares.extend(self.new.iter().map(|r| column.shares[r.source as usize]));
            Column {
                stage: column.stage,
                shares: Arc::new(shares),
            }
        };
        columns.iter().map(grown).collect()
    }
}

impl<F: Real> Market<F> {
    /// The market with one more trader for each redefinition, which holds `2^-bits` of its source's money, now and in the
    /// prior. The tax is levied at the beginning of `stage`; before anything has happened the prior is divided and nobody
    /// pays.
    pub fn redefined(&self, new: &[Redefinition], groups: usize, stage: Option<&str>) -> Result<Self> {
        self.check_redefinitions(new, groups)?;
        let mut market = self.clone();
        market.catch_up();
        if market.state.clock.episodes > 0 {
            let when = When {
                stage,
                new_episode: false,
            };
            market.begin(when, 1)?;
            market.tax_redefinitions(new, groups);
        }
        market.divide(&Division::new(self.len(), new), groups);
        Ok(market)
    }

    fn check_redefinitions(&self, new: &[Redefinition], groups: usize) -> Result<()> {
        let rho = &self.state.roster.rho;
        let mut seen = HashSet::new();
        for &Redefinition { source, bits, group } in new {
            let fault = if source as usize >= self.len() {
                format!("is not one of 0 to {}", self.len() - 1)
            } else if rho.is_absent(source as usize) {
                "has not entered yet".to_owned()
            } else if !seen.insert(source) {
                "is redefined twice in one call".to_owned()
            } else if !(bits.is_finite() && bits > 0.0) {
                format!("is redefined for {bits} bits; give a finite number above 0")
            } else if group as usize >= groups || groups < self.traders.groups.count {
                format!("is redefined into group {group} of {groups}")
            } else {
                continue;
            };
            return Err(MarketError::input(format!("trader {source} {fault}")));
        }
        Ok(())
    }

    /// Enters into the ledger what the sources pay and the new traders receive.
    fn tax_redefinitions(&mut self, new: &[Redefinition], groups: usize) {
        let unit = self.state.accounts.share_unit(self.state.roster.money);
        let Some(open) = &mut self.state.open else { return };
        let open = Arc::make_mut(open);
        open.grow(groups);
        for r in new {
            let amount = (self.state.accounts.wealth.value(r.source as usize) * unit).to_f64() * r.share();
            open.paid[self.traders.groups.of(r.source as usize)] += amount;
            open.received[r.group as usize] += amount;
        }
    }

    fn divide(&mut self, division: &Division<'_>, groups: usize) {
        let old = Arc::clone(&self.traders);
        let groups = division.groups(&old.groups, groups);
        let prior = division.divide(|j| old.share(j));
        let (rho, over) = if old.over.is_empty() {
            (prior, Vec::new())
        } else {
            divide_by_group(&prior, &groups)
        };
        let traders = Traders {
            rho: Arc::new(rho),
            over,
            groups,
            rule: old.rule.grown(division.new.iter().map(|r| r.source as usize)),
            tax: old.tax.as_ref().map(|tax| tax.grown(division.len())),
            calendar: Arc::new(old.calendar.grown(division.len())),
            ..*old
        };
        let state = &mut self.state;
        let rho = traders.entered(state.roster.rho.next());
        state.hand_on(&traders, rho, |columns| division.columns(columns));
        let begun = state.clock.episodes > 0;
        let clock = traders.index(&state.clock);
        state.accounts.divide(division, begun && traders.provenance);
        if begun {
            state.accounts.redefine(division, clock, &mut self.nodes);
        }
        self.traders = Arc::new(traders);
    }
}

impl<F: Real> Traders<F> {
    /// The index at which the schedule of the tax stands.
    fn index(&self, clock: &Clock) -> u64 {
        match self.tax.as_ref().map(|tax| tax.unit) {
            Some(Unit::Round) => clock.rounds,
            Some(Unit::Batch) => clock.batches,
            Some(Unit::Stage) => clock.stages.saturating_sub(1),
            Some(Unit::Episode) | None => clock.episodes,
        }
    }
}

impl<F: Real> Accounts<F> {
    fn divide(&mut self, division: &Division<'_>, provenance: bool) {
        let wealth = &self.wealth;
        if provenance {
            let standing = self.standing();
            self.unredefined = Some(Arc::new(division.keep(|j| standing.value(j))));
        }
        if let Some(histories) = &mut self.histories {
            let histories = Arc::make_mut(histories);
            histories.scores = division.divide(|j| histories.scores.value(j));
            histories.grow(division.new.iter().map(|r| r.source as usize));
        }
        self.bankruptcies |= division.new.iter().any(|r| wealth.value(r.source as usize).is_zero());
        self.wealth = Arc::new(division.divide(|j| wealth.value(j)));
        self.total = self.wealth.sum();
    }

    /// Writes the redefinitions into the new traders' histories, and into their sources' that they were not redefined.
    fn redefine(&mut self, division: &Division<'_>, clock: u64, nodes: &mut Vec<Node>) {
        let Some(histories) = &mut self.histories else { return };
        let histories = Arc::make_mut(histories);
        for (at, r) in division.new.iter().enumerate() {
            let (source, new) = (r.source as usize, division.old + at);
            nodes.push(Node {
                clock,
                source: r.source,
                before: histories.last[source],
            });
            histories.last[new] = u32::try_from(nodes.len() - 1).expect("fewer than 2^32 redefinitions");
            histories.tax_bits[new] = histories.tax_bits[source] + r.bits;
            histories.tax_bits[source] -= r.rest().log2();
        }
    }
}

//! What a call begins: a stage, episodes with their entries, the levy due before them.

use crate::error::Result;
use crate::grue::Unit;
use crate::ledger::Open;
use crate::market::tax::{Due, Taxman};
use crate::market::{Market, When};
use crate::real::Real;
use std::borrow::Cow;
use std::sync::Arc;

impl<F: Real> Market<F> {
    /// Each group's share of the money.
    pub(super) fn group_shares(&self) -> Vec<f64> {
        let state = &self.state;
        if self.traders.groups.count == 1 {
            return vec![state.roster.money.to_f64()];
        }
        if let Some(lazy) = &state.lazy {
            return lazy.money.iter().map(|m| m[0]).collect();
        }
        let unit = state.accounts.share_unit(state.roster.money);
        let (wealth, rho) = (&state.accounts.wealth, &state.roster.rho);
        let sum = || Cow::Owned(self.traders.groups.money(wealth, rho, state.accounts.total.exponent));
        let money = state.known_money().map_or_else(sum, Cow::Borrowed);
        money.iter().map(|m| (m.wealth * unit).to_f64()).collect()
    }

    /// Sums up the groups' money, for the ledger and the first levy alike.
    fn sum_groups(&mut self) {
        let Self { traders, state, .. } = self;
        if traders.groups.count > 1 && state.lazy.is_none() && state.known_money().is_none() {
            let (wealth, rho) = (&state.accounts.wealth, &state.roster.rho);
            let money = traders.groups.money(wealth, rho, state.accounts.total.exponent);
            state.keep_money(money);
        }
    }

    /// Brings everybody up to date after sparse rounds.
    pub(super) fn catch_up(&mut self) {
        if let Some(lazy) = self.state.lazy.take() {
            lazy.catch_up(&mut self.state.accounts, &self.state.roster);
        }
    }

    /// Begins what a call begins: the stage, the episodes with their entries, and the levy due before them.
    pub(super) fn begin(&mut self, when: When<'_>, episodes: u64) -> Result<()> {
        let changed = self.state.clock.stages == 0 || when.stage.is_some_and(|s| s != self.stage());
        let starts = when.new_episode || self.state.clock.episodes == 0;
        if !changed && !starts {
            return Ok(());
        }
        let left = self.state.clock.stage;
        self.sum_groups();
        let wealth = self.group_shares();
        if let Some(open) = self.state.open.take() {
            self.entries.extend(open.entries(&wealth));
        }
        if changed {
            if self.state.clock.stages > 0 {
                self.close_stage(left);
            }
            self.state.clock.enter_stage(when.stage);
            self.state.provenance.open_stage(self.state.clock.stage);
            let name = self.stage().to_owned();
            let tax = self.traders.tax.as_ref();
            self.state.clock.landmark = tax.and_then(|tax| tax.stage_landmarks.get(&name).copied());
        }
        let first = self.state.clock.episodes;
        if starts {
            self.state.clock.episodes += episodes;
            self.state.clock.batches += 1;
        }
        let clock = &self.state.clock;
        self.state.open = Some(Arc::new(Open::new(clock.stage, clock.batches - 1, wealth)));
        if starts {
            self.enter(first);
        }
        let hazard = self.hazard_at_start(changed, starts.then_some((first, episodes)))?;
        if let Some(due) = hazard {
            self.catch_up();
            self.levy(due);
        }
        Ok(())
    }

    /// The levy by stage, batch or episode that is due; several episodes that begin at once are taxed at once.
    pub(super) fn hazard_at_start(&mut self, stage: bool, started: Option<(u64, u64)>) -> Result<Option<Due>> {
        let Some(tax) = &self.traders.tax else { return Ok(None) };
        let clock = &mut self.state.clock;
        let (first, count) = match (tax.unit, started) {
            (Unit::Stage, _) if stage => (clock.stages - 1, 1),
            (Unit::Batch, Some(_)) => (clock.batches - 1, 1),
            (Unit::Episode, Some(span)) => span,
            _ => return Ok(None),
        };
        let landmark = clock.landmark.take();
        let mut hazard = tax.hazard(first, landmark)?;
        for index in first + 1..first + count {
            hazard += (1.0 - hazard) * tax.hazard(index, None)?;
        }
        // a levy on several episodes at once, the first of all among them, redefines from episode 1 on
        Ok((hazard > 0.0).then_some(Due {
            clock: first.max(1),
            hazard,
        }))
    }

    pub(super) fn enter(&mut self, episode: u64) {
        if self.state.roster.rho.next_episode().is_none_or(|e| e > episode) {
            return;
        }
        self.catch_up();
        let state = &mut self.state;
        let who = self.traders.enter(&mut state.accounts, &mut state.roster, episode);
        if let Some(open) = &mut state.open {
            let open = Arc::make_mut(open);
            for (j, share) in who {
                open.entered[self.traders.groups.of(j)] += share;
            }
        }
    }

    pub(super) fn close_stage(&mut self, stage: u32) {
        if !self.traders.provenance {
            return;
        }
        self.catch_up();
        let accounts = &mut self.state.accounts;
        if let Some(old) = accounts.unredefined.take() {
            let stayed = old.part_of(&accounts.wealth);
            self.state.provenance.close_stage(stage, stayed);
        }
    }

    /// Levies a tax on the slow accounts.
    pub(super) fn levy(&mut self, due: Due) {
        let traders = Arc::clone(&self.traders);
        let Self { state, nodes, .. } = self;
        let known = state.known_money().cloned();
        let mut taxman = Taxman::new(&traders, &mut state.open, &mut state.clock.landmark, nodes, 1.0);
        taxman.money = known;
        taxman.levy(&mut state.accounts, &state.roster, due);
    }
}

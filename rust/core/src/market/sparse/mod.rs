//! Sparse rounds: lists of who is awake, at a cost that grows with their number and not with the market's.

mod play;
mod rounds;
mod undo;

pub use rounds::SparseRounds;

use crate::error::{MarketError, Result};
use crate::grue::stays::Levied;
use crate::market::lazy::Lazy;
use crate::market::play::Played;
use crate::market::regret::Regret;
use crate::market::tax::{Due, Taxman};
use crate::market::{Interrupt, Market, Run, When};
use crate::real::Real;
use play::Player;
use std::collections::BTreeMap;
use std::sync::Arc;
use undo::{Before, Undo, untouched};

/// Levies noted before everybody is brought up to date, so that their record stays small.
const MOST_LEVIES: usize = 1 << 16;

impl<F: Real> Market<F> {
    /// Plays sparse rounds; everybody who is not listed sleeps.
    pub fn run_sparse<P: Real>(
        &mut self,
        rounds: &SparseRounds<'_, P>,
        when: When<'_>,
        regret: bool,
        interrupt: Interrupt<'_>,
    ) -> Result<Run<F>> {
        self.traders.check_layout(rounds.layout, rounds.rounds())?;
        rounds.check(self.len())?;
        let mut saved = (self.state.clone(), self.entries.len(), self.nodes.len());
        if let Err(error) = self.begin(when, 1) {
            self.restore(saved);
            return Err(error);
        }
        let traders = Arc::clone(&self.traders);
        let levies = self.state.lazy.as_ref().map_or(0, |lazy| lazy.stays.len());
        // a call that catches up on its levies half way cannot be taken back step by step
        let short = levies + rounds.rounds() < MOST_LEVIES;
        let undoable = short && (traders.taxes_lazily() || !traders.taxes_rounds());
        let aliased = undoable && untouched(&saved.0, &self.state);
        let was_lazy = saved.0.lazy.is_some();
        self.be_lazy();
        let before = Before::of(&self.state, was_lazy);
        if aliased {
            saved.0.forget_books();
        }
        let first = self.state.clock.rounds;
        let regret = regret.then(BTreeMap::new);
        let mut player = Player {
            traders: &traders,
            rounds,
            undo: Undo::default(),
            played: Played::default(),
            regret,
        };
        for t in 0..rounds.rounds() {
            if interrupt() {
                return Err(MarketError::Interrupted { rounds: t as u64 });
            }
            self.be_lazy();
            if let Err(error) = self
                .sparse_tax(first + t as u64)
                .and_then(|()| player.round(&mut self.state, t))
            {
                if aliased {
                    player.undo.roll_back(&mut self.state, before);
                    saved.0.accounts = self.state.accounts.clone();
                    saved.0.lazy = self.state.lazy.take();
                }
                self.restore(saved);
                return Err(error);
            }
            self.state.clock.rounds += 1;
        }
        let Player { played, mut regret, .. } = player;
        if let Some(bits) = &mut regret {
            bits.retain(|&j, _| !self.state.roster.rho.is_absent(j as usize));
        }
        let regret = regret.map_or(Regret::Known(Vec::new()), |bits| {
            Regret::Awake(bits.into_iter().collect())
        });
        Ok(Run { played, first, regret })
    }

    /// Makes the levies lazy from here on.
    fn be_lazy(&mut self) {
        if self
            .state
            .lazy
            .as_ref()
            .is_some_and(|lazy| lazy.stays.len() >= MOST_LEVIES)
        {
            self.catch_up();
        }
        let state = &mut self.state;
        if state.lazy.is_some() {
            return;
        }
        let groups = &self.traders.groups;
        let mut lazy = Lazy::default();
        if groups.count > 1 || self.traders.taxes_lazily() {
            let unit = state.accounts.share_unit(state.roster.money);
            let rho = &state.roster.rho;
            let money = groups.money(&state.accounts.wealth, rho, state.accounts.total.exponent);
            lazy.money = money
                .iter()
                .map(|m| [(m.wealth * unit).to_f64(), (m.own * unit).to_f64()])
                .collect();
            let squares = groups.money(&rho.book(), rho, 0);
            lazy.squares = squares.iter().map(|m| m.own.to_f64()).collect();
        }
        state.lazy = Some(Arc::new(lazy));
    }

    /// The levy before the round of index `at`: noted where it is one map for all, else carried out.
    fn sparse_tax(&mut self, at: u64) -> Result<()> {
        let traders = Arc::clone(&self.traders);
        let Self { state, nodes, .. } = &mut *self;
        let mut taxman = Taxman::new(&traders, &mut state.open, &mut state.clock.landmark, nodes, 1.0);
        let Some(Due { clock, hazard }) = taxman.due(at)? else {
            return Ok(());
        };
        if !traders.taxes_lazily() {
            taxman.levy(&mut state.accounts, &state.roster, Due { clock, hazard });
            self.state.lazy = None;
            self.be_lazy();
            return Ok(());
        }
        if traders.provenance && state.accounts.unredefined.is_none() {
            state.accounts.unredefined = Some(Arc::clone(&state.accounts.wealth));
        }
        let weights = &state.roster.weights;
        let all = state.roster.money.to_f64();
        let lazy = Arc::make_mut(state.lazy.as_mut().expect("lazy"));
        let (mut paid, mut received) = (Vec::new(), Vec::new());
        for ((money, rho), squares) in lazy.money.iter_mut().zip(&weights.entered).zip(&lazy.squares) {
            let [wealth, own] = *money;
            paid.push(hazard * (weights.total * wealth - own));
            received.push(hazard * (rho * all - own));
            let keep = (1.0 - hazard * weights.total).max(0.0);
            *money = [keep * wealth + hazard * rho * all, keep * own + hazard * all * squares];
        }
        taxman.enter(&paid, &received);
        lazy.push(
            Levied {
                hazard,
                total: weights.total,
            },
            traders.rho.len(),
        );
        Ok(())
    }
}

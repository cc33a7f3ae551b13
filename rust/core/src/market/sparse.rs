//! Sparse rounds: lists of who is awake, at a cost that grows with their number and not with the market's.

use crate::accounts::book::{TILE, Tile};
use crate::accounts::narrow::Narrow;
use crate::error::{MarketError, Result};
use crate::grue::stays::Levied;
use crate::market::clear::Listed;
use crate::market::lazy::Lazy;
use crate::market::play::Played;
use crate::market::regret::Regret;
use crate::market::state::{Accounts, State, Traders};
use crate::market::tax::{Due, Taxman};
use crate::market::{Interrupt, Market, Run, When};
use crate::real::Real;
use crate::rounds::Layout;
use crate::scaled::Scaled;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Levies noted before everybody is brought up to date, so that their record stays small.
const MOST_LEVIES: usize = 1 << 16;

/// Rounds as lists of the awake: round t has the entries `starts[t]..starts[t + 1]`.
#[derive(Clone, Copy, Debug)]
pub struct SparseRounds<'a, P> {
    pub starts: &'a [i64],
    pub traders: &'a [i64],
    /// One an entry, or with [`Layout::Full`] `outcomes` an entry, side by side.
    pub values: &'a [P],
    pub layout: Layout,
    pub outcomes: usize,
    pub happened: &'a [u32],
    /// One an entry; empty: everything.
    pub stakes: &'a [f64],
}

impl<P: Real> SparseRounds<'_, P> {
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    fn width(&self) -> usize {
        if self.layout == Layout::Likelihood {
            1
        } else {
            self.outcomes
        }
    }

    fn entries(&self, t: usize) -> std::ops::Range<usize> {
        self.starts[t] as usize..self.starts[t + 1] as usize
    }

    fn at(&self, entry: usize, k: usize) -> f64 {
        match self.layout {
            Layout::Full => self.values[entry * self.outcomes + k].to_f64(),
            Layout::Binary if k == 0 => (P::ONE - self.values[entry]).to_f64(),
            _ => self.values[entry].to_f64(),
        }
    }

    fn outcome(&self, t: usize) -> usize {
        if self.layout == Layout::Likelihood {
            0
        } else {
            self.happened[t] as usize
        }
    }

    /// Checks everything, so that nothing but an impossible outcome can stop the play.
    fn check(&self, traders: usize) -> Result<()> {
        let rounds = self.rounds();
        let starts = self.starts;
        if starts.first() != Some(&0) || starts.windows(2).any(|w| w[1] < w[0]) {
            return Err(MarketError::input(
                "sparse rounds: indptr must rise from 0 and have one entry more than rounds",
            ));
        }
        let entries = self.traders.len();
        let per_entry = if self.layout == Layout::Full { self.outcomes } else { 1 };
        if starts[rounds] as usize != entries || self.values.len() != entries * per_entry {
            return Err(MarketError::shape(format!(
                "sparse rounds: indptr ends at {}, with {entries} traders and {} values",
                starts[rounds],
                self.values.len()
            )));
        }
        if !(self.stakes.is_empty() || self.stakes.len() == entries) {
            return Err(MarketError::shape(format!(
                "{} stakes for {entries} entries",
                self.stakes.len()
            )));
        }
        if self.layout != Layout::Likelihood && self.happened.len() != rounds {
            return Err(MarketError::shape(format!(
                "{} outcomes for {rounds} rounds",
                self.happened.len()
            )));
        }
        let mut seen = Vec::new();
        for t in 0..rounds {
            if self.outcome(t) >= self.width() {
                return Err(MarketError::input(format!(
                    "round {t}: outcome {} is not one of 0..{}",
                    self.outcome(t),
                    self.outcomes - 1
                )));
            }
            seen.clear();
            seen.extend_from_slice(&self.traders[self.entries(t)]);
            seen.sort_unstable();
            if let Some(&[twice, _]) = seen.windows(2).find(|w| w[0] == w[1]) {
                return Err(MarketError::input(format!(
                    "round {t}: trader {twice} stands there twice"
                )));
            }
            if let Some(j) = [seen.first(), seen.last()]
                .into_iter()
                .flatten()
                .find(|j| !(0..traders as i64).contains(j))
            {
                return Err(MarketError::input(format!(
                    "round {t}: trader {j} is not one of 0..{}",
                    traders - 1
                )));
            }
            for e in self.entries(t) {
                self.check_entry(t, e)?;
            }
        }
        Ok(())
    }

    fn check_entry(&self, t: usize, e: usize) -> Result<()> {
        let j = self.traders[e];
        let mut sum = 0.0;
        for k in 0..self.width() {
            let p = self.at(e, k);
            sum += p;
            if !(p >= 0.0 && p <= 1.0 + P::SUM_TOLERANCE) {
                let given = if self.layout == Layout::Binary {
                    self.at(e, 1)
                } else {
                    p
                };
                return Err(MarketError::input(format!(
                    "round {t}, trader {j}: {given} is not a probability; give finite numbers in [0, 1]"
                )));
            }
        }
        if self.layout == Layout::Full && (sum - 1.0).abs() > P::SUM_TOLERANCE {
            return Err(MarketError::input(format!(
                "round {t}, trader {j}: the forecast sums to {sum}, not to 1"
            )));
        }
        match self.stakes.get(e) {
            Some(b) if !(0.0..=1.0).contains(b) => Err(MarketError::input(format!(
                "round {t}, trader {j}: stake {b} is not in [0, 1]"
            ))),
            _ => Ok(()),
        }
    }
}

/// What a trader had before a round touched it.
struct Undo {
    trader: usize,
    wealth: Scaled,
    unredefined: Option<Scaled>,
    score: Option<Scaled>,
    touched: Option<u32>,
}

/// One call's play: what it has made so far, and how to take it back.
struct Player<'a, F, P> {
    traders: &'a Traders<F>,
    rounds: &'a SparseRounds<'a, P>,
    undo: Vec<Undo>,
    /// The tiles that were touched, as they were.
    tiles: BTreeMap<usize, Tiles>,
    played: Played,
    regret: Option<BTreeMap<u32, f64>>,
}

/// One tile of each book, but for its mantissas.
struct Tiles {
    wealth: Tile,
    unredefined: Option<Tile>,
    scores: Option<Tile>,
}

impl Tiles {
    fn of<F>(accounts: &Accounts<F>, t: usize) -> Self {
        Self {
            wealth: accounts.wealth.tiles[t].clone(),
            unredefined: accounts.unredefined.as_ref().map(|book| book.tiles[t].clone()),
            scores: accounts.histories.as_ref().map(|h| h.scores.tiles[t].clone()),
        }
    }

    fn put_back<F: Real>(self, accounts: &mut Accounts<F>, t: usize) {
        Arc::make_mut(&mut accounts.wealth).tile_mut(t).put_back(self.wealth);
        if let (Some(book), Some(tile)) = (&mut accounts.unredefined, self.unredefined) {
            Arc::make_mut(book).tile_mut(t).put_back(tile);
        }
        if let (Some(histories), Some(tile)) = (&mut accounts.histories, self.scores) {
            Arc::make_mut(histories).scores.tile_mut(t).put_back(tile);
        }
    }
}

/// What a call that is taken back must put right beside the accounts it touched.
struct Before {
    lazy: bool,
    levies: usize,
    money: Vec<[f64; 2]>,
    unredefined: bool,
    bankruptcies: bool,
}

impl Before {
    fn of<F>(state: &State<F>, lazy: bool) -> Self {
        let (levies, money) = state
            .lazy
            .as_ref()
            .map_or((0, Vec::new()), |l| (l.stays.len(), l.money.clone()));
        let accounts = &state.accounts;
        Self {
            lazy,
            levies,
            money,
            unredefined: accounts.unredefined.is_some(),
            bankruptcies: accounts.bankruptcies,
        }
    }
}

/// Somebody awake in a round.
struct Awake {
    entry: usize,
    trader: usize,
    stake: f64,
    wealth: Scaled,
}

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
            undo: Vec::new(),
            tiles: BTreeMap::new(),
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
                    player.roll_back(&mut self.state, before);
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

impl<F: Real, P: Real> Player<'_, F, P> {
    /// Plays round t.
    fn round(&mut self, state: &mut State<F>, t: usize) -> Result<()> {
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
        self.tiles
            .entry(trader / TILE)
            .or_insert_with(|| Tiles::of(accounts, trader / TILE));
        self.undo.push(Undo {
            trader,
            wealth: accounts.wealth.value(trader),
            unredefined: accounts.unredefined.as_ref().map(|b| b.value(trader)),
            score: accounts.histories.as_ref().map(|h| h.scores.value(trader)),
            touched: (!lazy.touched.is_empty()).then(|| lazy.touched.at(trader)),
        });
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

    /// Takes back every settlement and levy of the call.
    fn roll_back(&mut self, state: &mut State<F>, before: Before) {
        let accounts = &mut state.accounts;
        let lazy = Arc::make_mut(state.lazy.as_mut().expect("lazy"));
        for undo in self.undo.drain(..).rev() {
            Arc::make_mut(&mut accounts.wealth).set(undo.trader, undo.wealth);
            if let (Some(book), Some(value)) = (&mut accounts.unredefined, undo.unredefined) {
                Arc::make_mut(book).set(undo.trader, value);
            }
            if let (Some(histories), Some(value)) = (&mut accounts.histories, undo.score) {
                Arc::make_mut(histories).scores.set(undo.trader, value);
            }
            if !lazy.touched.is_empty() {
                lazy.touched.set(undo.trader, undo.touched.unwrap_or(0));
            }
        }
        for (t, tiles) in std::mem::take(&mut self.tiles) {
            tiles.put_back(accounts, t);
        }
        accounts.bankruptcies = before.bankruptcies;
        if !before.unredefined {
            accounts.unredefined = None;
        }
        lazy.stays.truncate(before.levies);
        lazy.money = before.money;
        if before.levies == 0 {
            lazy.touched = Narrow::EMPTY;
        }
        if !before.lazy {
            state.lazy = None;
        }
    }
}

/// Whether beginning the call has left all that playing may change as it was, so that it can be taken back step by step.
fn untouched<F: Real>(saved: &State<F>, now: &State<F>) -> bool {
    fn same<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
    let (before, after) = (&saved.accounts, &now.accounts);
    Arc::ptr_eq(&before.wealth, &after.wealth)
        && before.total == after.total
        && saved.clock.stages == now.clock.stages
        && same(before.unredefined.as_ref(), after.unredefined.as_ref())
        && same(before.histories.as_ref(), after.histories.as_ref())
        && same(saved.lazy.as_ref(), now.lazy.as_ref())
}

//! The market: one book of accounts, the rules it is played by, and every way to play.

pub mod lazy;
pub mod play;
pub mod read;
pub mod sparse;
pub mod state;
pub mod tax;

use crate::accounts::book::{Book, TILE};
use crate::accounts::groups::Groups;
use crate::accounts::prior::{self, Given};
use crate::error::{MarketError, Result};
use crate::grue::definitions::Node;
use crate::grue::kernel::Kernel;
use crate::grue::provenance::Provenance;
use crate::grue::stays::Stays;
use crate::grue::{Tax, Unit};
use crate::ledger::{Entry, Open};
use crate::real::Real;
use crate::rounds::{Rounds, Stakes};
use crate::scaled::Scaled;
use play::{Game, Played, Track};
use state::{Accounts, Clock, Roster, State, Traders};
use std::sync::Arc;
use tax::{Due, Taxman};

/// What a market is built from.
#[derive(Clone, Debug)]
pub struct Config<'a> {
    pub prior: Given<'a>,
    pub normalize: bool,
    pub outcomes: usize,
    pub fraction: f64,
    pub tax: Option<Tax>,
    pub groups: Groups,
    /// The episode at which each trader enters; empty: all from the start.
    pub enters_at: &'a [i64],
    pub provenance: bool,
    pub definitions: bool,
}

/// How a call stands in the market's time.
#[derive(Clone, Copy, Debug)]
pub struct When<'a> {
    /// The stage's name; `None`: the present one.
    pub stage: Option<&'a str>,
    pub new_episode: bool,
}

pub type Interrupt<'a> = &'a (dyn Fn() -> bool + Sync);

/// Traders, their accounts and their history.
#[derive(Clone, Debug)]
pub struct Market<F> {
    traders: Arc<Traders<F>>,
    state: State<F>,
    entries: Vec<Entry>,
    nodes: Vec<Node>,
    /// The book before the last call, whose memory the next may use.
    spare: Spare<F>,
}

/// A book that is not part of the market's state.
#[derive(Debug)]
struct Spare<F>(Option<Arc<Book<F>>>);

impl<F> Clone for Spare<F> {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl<F> Spare<F> {
    /// The book, if nobody else holds it.
    fn take(&mut self) -> Option<Book<F>> {
        self.0.take().and_then(Arc::into_inner)
    }
}

/// The outcome of a call.
pub struct Run<F> {
    pub played: Played,
    /// The market's index of the first round.
    pub first: u64,
    pub regret: Regret<F>,
}

/// Each trader's regret in bits, or what it takes to work it out.
pub enum Regret<F> {
    Known(Vec<f64>),
    /// Log wealth ratio: exact where everybody staked everything and no tax was levied.
    Growth {
        start: Box<Accounts<F>>,
        end: Box<Accounts<F>>,
    },
    /// The same of the money that no levy redefined, less what the levies took.
    Unredefined(Box<Unredefined<F>>),
    /// (trader, bits) of those that were ever awake.
    Awake(Vec<(u32, f64)>),
}

/// What regret is worked out from where a rank-one tax is levied every round.
pub struct Unredefined<F> {
    start: Accounts<F>,
    end: Accounts<F>,
    roster: Roster<F>,
    stays: Stays,
}

impl<F: Real> Regret<F> {
    #[must_use]
    pub fn bits(&self, traders: usize) -> Vec<f64> {
        match self {
            Self::Known(bits) => bits.clone(),
            Self::Awake(some) => {
                let mut bits = vec![0.0; traders];
                for &(i, b) in some {
                    bits[i as usize] = b;
                }
                bits
            }
            Self::Growth { start, end } => {
                let mut bits = vec![0.0; traders];
                growth(start, end, &start.wealth, &end.wealth, &mut bits);
                bits
            }
            Self::Unredefined(held) => {
                let Unredefined {
                    start,
                    end,
                    roster,
                    stays,
                } = &**held;
                let (before, after) = (start.standing(), end.standing());
                let mut bits = vec![0.0; traders];
                growth(start, end, before, after, &mut bits);
                for (j, sum) in bits.iter_mut().enumerate().filter(|(j, _)| !before.value(*j).is_zero()) {
                    *sum -= stays.stayed(0, roster.rho.value(j).to_f64()).log2();
                }
                bits
            }
        }
    }
}

/// Adds log2 of each trader's growth from `before` to `after`, in shares; who had nothing then has not played.
fn growth<F: Real>(start: &Accounts<F>, end: &Accounts<F>, before: &Book<F>, after: &Book<F>, bits: &mut [f64]) {
    let unit = (start.total / end.total).log2();
    let tiles = bits.chunks_mut(TILE).enumerate().collect();
    crate::threads::map(
        tiles,
        || (),
        |(), (t, bits): (usize, &mut [f64])| {
            let (a, b) = (before.tile(t), after.tile(t));
            for (i, sum) in bits.iter_mut().enumerate() {
                let before = a.value(i);
                if !before.is_zero() {
                    *sum += (b.value(i) / before).log2() + unit;
                }
            }
        },
    );
}

impl<F: Real> Market<F> {
    pub fn new(config: Config<'_>) -> Result<Self> {
        let (book, reserve) = prior::prior(config.prior, config.normalize)?;
        let n = book.len();
        if book.sum().is_zero() {
            return Err(MarketError::input("every prior share is 0; give some trader a share"));
        }
        if config.outcomes < 2 {
            return Err(MarketError::input(format!(
                "{} outcomes; a question has 2 or more",
                config.outcomes
            )));
        }
        if !(config.fraction > 0.0 && config.fraction <= 1.0) {
            return Err(MarketError::input(format!(
                "Kelly fraction {} is not in (0, 1]",
                config.fraction
            )));
        }
        let (rho, over) = match &config.tax {
            Some(Tax {
                kernel: Kernel::WithinGroups,
                ..
            }) => divide_by_group(&book, &config.groups),
            _ => (book, Vec::new()),
        };
        let traders = Traders {
            rho: Arc::new(rho),
            over,
            reserve,
            entrants: entrants(config.enters_at, n)?,
            groups: config.groups,
            outcomes: config.outcomes,
            fraction: config.fraction,
            provenance: config.provenance,
            tax: config.tax,
            definitions: config.definitions,
        };
        Ok(Self::of(Arc::new(traders)))
    }

    fn of(traders: Arc<Traders<F>>) -> Self {
        let roster = traders.roster();
        let state = State {
            accounts: Accounts::new(&traders, &roster),
            roster,
            clock: Clock::default(),
            provenance: Provenance::default(),
            open: None,
            lazy: None,
        };
        Self {
            traders,
            state,
            entries: Vec::new(),
            nodes: Vec::new(),
            spare: Spare(None),
        }
    }

    /// A market put together from its saved parts.
    #[must_use]
    pub fn from_parts(traders: Arc<Traders<F>>, state: State<F>, entries: Vec<Entry>, nodes: Vec<Node>) -> Self {
        Self {
            traders,
            state,
            entries,
            nodes,
            spare: Spare(None),
        }
    }

    /// The same traders with their prior, before anything has happened.
    #[must_use]
    pub fn virgin(&self) -> Self {
        Self::of(Arc::clone(&self.traders))
    }

    /// The same traders and clocks with other cash; what `shares` leave short of 1 is the reserve.
    pub fn with_wealth(&self, shares: &[f64]) -> Result<Self> {
        let n = self.len();
        if shares.len() != n {
            return Err(MarketError::shape(format!("{} shares for {n} traders", shares.len())));
        }
        let late = &self.traders.entrants[self.state.roster.entered..];
        if let Some((_, j)) = late.iter().find(|(_, j)| shares[*j as usize] != 0.0) {
            return Err(MarketError::input(format!(
                "trader {j} has not entered yet; its share must be 0"
            )));
        }
        let (book, mut reserve) = prior::prior::<F>(Given::Shares(shares), false)?;
        let waiting: f64 = late.iter().map(|&(_, j)| self.traders.share(j as usize).to_f64()).sum();
        if waiting > 0.0 && reserve < waiting * (1.0 - 1e-9) {
            return Err(MarketError::input(format!(
                "the shares leave {reserve} in reserve, but traders that are yet to enter are owed {waiting}"
            )));
        }
        let mut traders = (*self.traders).clone();
        traders.reserve = (reserve - waiting).max(0.0);
        reserve = reserve.max(waiting);
        let mut market = Self::from_parts(Arc::new(traders), self.state.clone(), Vec::new(), Vec::new());
        let mut roster = market.state.roster.clone();
        roster.reserve = reserve;
        let mut accounts = Accounts::new(&self.traders, &roster);
        accounts.total = book.sum();
        if let Some(histories) = &mut accounts.histories {
            Arc::make_mut(histories).scores = book.clone();
        }
        accounts.wealth = Arc::new(book);
        accounts.bankruptcies = true;
        market.state = State {
            accounts,
            roster,
            provenance: Provenance::from_parts(self.state.clock.present().collect(), Vec::new()),
            open: None,
            lazy: None,
            clock: self.state.clock.clone(),
        };
        let wealth = market.group_shares();
        let clock = &market.state.clock;
        if clock.episodes > 0 {
            market.state.open = Some(Arc::new(Open::new(clock.stage, clock.batches - 1, wealth)));
        }
        Ok(market)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.traders.rho.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each group's share of the money.
    fn group_shares(&self) -> Vec<f64> {
        let state = &self.state;
        if self.traders.groups.count == 1 {
            return vec![1.0 - state.roster.reserve];
        }
        if let Some(lazy) = &state.lazy {
            return lazy.money.iter().map(|m| m[0]).collect();
        }
        let unit = state.accounts.share_unit(state.roster.reserve);
        let (wealth, rho) = (&state.accounts.wealth, &state.roster.rho);
        let money = self.traders.groups.money(wealth, rho, state.accounts.total.exponent);
        money.iter().map(|m| (m.wealth * unit).to_f64()).collect()
    }

    /// Brings everybody up to date after sparse rounds.
    fn settle_lazy(&mut self) {
        if let Some(lazy) = self.state.lazy.take() {
            lazy.settle_all(&mut self.state.accounts, &self.state.roster);
        }
    }

    /// Begins what a call begins: the stage, the episodes with their entries, and the levy due before them.
    fn begin(&mut self, when: When<'_>, episodes: u64) -> Result<()> {
        let changed = self.state.clock.stages == 0 || when.stage.is_some_and(|s| s != self.stage());
        let starts = when.new_episode || self.state.clock.episodes == 0;
        if !changed && !starts {
            return Ok(());
        }
        let left = self.state.clock.stage;
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
            self.settle_lazy();
            self.levy(due);
        }
        Ok(())
    }

    /// The levy by stage, batch or episode that is due; several episodes that begin at once are taxed at once.
    fn hazard_at_start(&mut self, stage: bool, started: Option<(u64, u64)>) -> Result<Option<Due>> {
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

    fn enter(&mut self, episode: u64) {
        let pending = self.traders.entrants.get(self.state.roster.entered);
        if pending.is_none_or(|(e, _)| *e > episode) {
            return;
        }
        self.settle_lazy();
        let state = &mut self.state;
        let who = self.traders.enter(&mut state.accounts, &mut state.roster, episode);
        if let Some(open) = &mut state.open {
            let open = Arc::make_mut(open);
            for (j, share) in who {
                open.entered[self.traders.groups.of(j)] += share;
            }
        }
    }

    fn close_stage(&mut self, stage: u32) {
        if !self.traders.provenance {
            return;
        }
        self.settle_lazy();
        let accounts = &mut self.state.accounts;
        if let Some(old) = accounts.unredefined.take() {
            let stayed: Vec<_> = (0..old.len())
                .map(|j| {
                    let all = accounts.wealth.value(j);
                    if all.is_zero() {
                        1.0
                    } else {
                        (old.value(j) / all).to_f64().min(1.0)
                    }
                })
                .collect();
            self.state.provenance.close_stage(stage, &stayed);
        }
    }

    /// Levies a tax on the slow accounts.
    fn levy(&mut self, due: Due) {
        let traders = Arc::clone(&self.traders);
        let Self { state, nodes, .. } = self;
        let Some(open) = &mut state.open else { return };
        let mut taxman = Taxman {
            traders: &traders,
            open: Arc::make_mut(open),
            nodes,
            weight: 1.0,
            landmark: &mut state.clock.landmark,
            money: None,
        };
        taxman.levy(&mut state.accounts, &state.roster, due);
    }

    /// Plays rounds. An error leaves the market as it was before the call; an interruption, after the last settled round.
    pub fn run<P: Real>(
        &mut self,
        rounds: &Rounds<'_, P>,
        when: When<'_>,
        regret: bool,
        interrupt: Interrupt<'_>,
    ) -> Result<Run<F>> {
        self.check(rounds)?;
        let saved = (self.state.clone(), self.entries.len(), self.nodes.len());
        let result = self.try_run(rounds, when, regret, interrupt);
        if let Err(error) = &result {
            if let MarketError::Interrupted { rounds } = error {
                self.state.clock.rounds += rounds;
            } else {
                self.restore(saved);
            }
        } else {
            self.spare = Spare(Some(saved.0.accounts.wealth));
        }
        result
    }

    fn check<P: Real>(&self, rounds: &Rounds<'_, P>) -> Result<()> {
        if rounds.traders != self.len() || rounds.outcomes != self.traders.outcomes {
            return Err(MarketError::shape(format!(
                "rounds of {} traders and {} outcomes for a market of {} and {}",
                rounds.traders,
                rounds.outcomes,
                self.len(),
                self.traders.outcomes
            )));
        }
        rounds.check()
    }

    fn restore(&mut self, (state, entries, nodes): (State<F>, usize, usize)) {
        self.state = state;
        self.entries.truncate(entries);
        self.nodes.truncate(nodes);
    }

    fn try_run<P: Real>(
        &mut self,
        rounds: &Rounds<'_, P>,
        when: When<'_>,
        regret: bool,
        interrupt: Interrupt<'_>,
    ) -> Result<Run<F>> {
        self.begin(when, 1)?;
        self.settle_lazy();
        let first = self.state.clock.rounds;
        let traders = Arc::clone(&self.traders);
        let game = self.game(rounds, first, interrupt);
        let Self {
            state, nodes, spare, ..
        } = self;
        let solvent = regret && game.everything && !state.accounts.bankruptcies;
        let stays = if solvent && traders.taxes_rounds() {
            traders.stays(&state.roster, state.clock.landmark, first, rounds.rounds)?
        } else {
            None
        };
        let start = (solvent && (game.flows || stays.is_some())).then(|| state.accounts.clone());
        let mut track = (regret && start.is_none()).then(|| Track::new(rounds.traders, !game.everything));
        let taxman = Taxman {
            traders: &traders,
            open: Arc::make_mut(state.open.as_mut().expect("begun")),
            nodes,
            weight: 1.0,
            landmark: &mut state.clock.landmark,
            money: None,
        };
        let played = game.play(&mut state.accounts, &state.roster, taxman, track.as_mut(), spare.take())?;
        state.clock.rounds += rounds.rounds as u64;
        let end = state.accounts.clone();
        let regret = match (start, stays, track) {
            (Some(start), None, _) => Regret::Growth {
                start: Box::new(start),
                end: Box::new(end),
            },
            (Some(start), Some(stays), _) => {
                let roster = state.roster.clone();
                Regret::Unredefined(Box::new(Unredefined {
                    start,
                    end,
                    roster,
                    stays,
                }))
            }
            (None, _, Some(track)) => {
                let mut bits = vec![0.0; rounds.traders];
                track.add_to(&mut bits);
                self.forget_absent(&mut bits);
                Regret::Known(bits)
            }
            (None, _, None) => Regret::Known(Vec::new()),
        };
        Ok(Run { played, first, regret })
    }

    /// Traders that have not entered have no regret.
    fn forget_absent(&self, bits: &mut [f64]) {
        for &(_, j) in &self.traders.entrants[self.state.roster.entered..] {
            bits[j as usize] = 0.0;
        }
    }

    fn game<'a, P: Real>(&self, rounds: &'a Rounds<'a, P>, first: u64, interrupt: Interrupt<'a>) -> Game<'a, P> {
        let fraction = self.traders.fraction;
        let everything = fraction == 1.0 && matches!(rounds.stakes, Stakes::All);
        let flows = everything && !self.traders.taxes_rounds();
        Game {
            rounds,
            fraction,
            everything,
            flows,
            first,
            interrupt,
        }
    }

    /// Plays E episodes in parallel from the same slow wealth; then everyone's slow wealth becomes the mean of what its
    /// fast wealths ended with (design 2.3).
    pub fn run_batch<P: Real>(
        &mut self,
        episodes: &[Rounds<'_, P>],
        stage: Option<&str>,
        regret: bool,
        interrupt: Interrupt<'_>,
    ) -> Result<Run<F>> {
        for (e, rounds) in episodes.iter().enumerate() {
            self.check(rounds).map_err(|error| error.in_episode(e))?;
        }
        if episodes.is_empty() {
            return Err(MarketError::input("a batch of no episodes; give one or more"));
        }
        if self.traders.definitions && self.traders.taxes_rounds() && episodes.len() > 1 {
            return Err(MarketError::input(
                "definitions=True with a tax by round cannot follow one history through several parallel episodes; \
                 tax by episode, batch or stage, or run batches of one episode",
            ));
        }
        let saved = (self.state.clone(), self.entries.len(), self.nodes.len());
        let result = self.try_batch(episodes, stage, regret, interrupt);
        if result.is_err() {
            self.restore(saved);
        }
        result
    }

    fn try_batch<P: Real>(
        &mut self,
        episodes: &[Rounds<'_, P>],
        stage: Option<&str>,
        regret: bool,
        interrupt: Interrupt<'_>,
    ) -> Result<Run<F>> {
        if let [rounds] = episodes {
            let when = When {
                stage,
                new_episode: true,
            };
            return self
                .try_run(rounds, when, regret, interrupt)
                .map_err(|error| error.in_episode(0));
        }
        let count = episodes.len();
        self.begin(
            When {
                stage,
                new_episode: true,
            },
            count as u64,
        )?;
        self.settle_lazy();
        let first = self.state.clock.rounds;
        let traders = Arc::clone(&self.traders);
        let slow = self.state.accounts.clone();
        let mut mean = Mean::new(&slow, count);
        let mut bits = vec![0.0; if regret { self.len() } else { 0 }];
        let mut played = Played::default();
        for (e, rounds) in episodes.iter().enumerate() {
            let game = self.game(rounds, self.state.clock.rounds, interrupt);
            let Self { state, nodes, .. } = &mut *self;
            // histories do not move inside the episode: they move with the slow wealth
            let mut fast = Accounts {
                histories: None,
                ..slow.clone()
            };
            let by_growth = game.flows && !slow.bankruptcies;
            let mut track = (regret && !by_growth).then(|| Track::new(rounds.traders, !game.everything));
            let taxman = Taxman {
                traders: &traders,
                open: Arc::make_mut(state.open.as_mut().expect("begun")),
                nodes,
                weight: 1.0 / count as f64,
                landmark: &mut state.clock.landmark,
                money: None,
            };
            let part = game
                .play(&mut fast, &state.roster, taxman, track.as_mut(), None)
                .map_err(|err| err.in_episode(e))?;
            played.prices.extend(part.prices);
            played.losses.extend(part.losses);
            state.clock.rounds += rounds.rounds as u64;
            match track {
                Some(track) => track.add_to(&mut bits),
                None if regret => growth(&slow, &fast, &slow.wealth, &fast.wealth, &mut bits),
                None => {}
            }
            mean.add(&fast);
        }
        if regret {
            self.forget_absent(&mut bits);
        }
        self.state.accounts = mean.finish(slow);
        Ok(Run {
            played,
            first,
            regret: Regret::Known(bits),
        })
    }

    /// The prices of the next round for these forecasts, its tax included; nothing moves.
    pub fn price<P: Real>(&self, rounds: &Rounds<'_, P>) -> Result<Vec<f64>> {
        self.check(rounds)?;
        let mut copy = self.clone();
        copy.begin(
            When {
                stage: None,
                new_episode: false,
            },
            1,
        )?;
        copy.settle_lazy();
        let traders = Arc::clone(&copy.traders);
        let first = copy.state.clock.rounds;
        let Self { state, nodes, .. } = &mut copy;
        let mut taxman = Taxman {
            traders: &traders,
            open: Arc::make_mut(state.open.as_mut().expect("begun")),
            nodes,
            weight: 1.0,
            landmark: &mut state.clock.landmark,
            money: None,
        };
        if let Some(due) = taxman.due(first)? {
            taxman.levy(&mut state.accounts, &state.roster, due);
        }
        self.game(rounds, first, &|| false)
            .price(&mut state.accounts, &state.roster)
    }
}

/// The weights within each group, and what they were divided by.
fn divide_by_group<F: Real>(prior: &Book<F>, groups: &Groups) -> (Book<F>, Vec<Scaled>) {
    let mut over = vec![Scaled::ZERO; groups.count];
    for j in 0..prior.len() {
        let sum = &mut over[groups.of(j)];
        *sum = *sum + prior.value(j);
    }
    let weight = |j: usize| {
        let over = over[groups.of(j)];
        if over.is_zero() {
            Scaled::ZERO
        } else {
            prior.value(j) / over
        }
    };
    (Book::from_values(prior.len(), weight), over)
}

fn entrants(enters_at: &[i64], traders: usize) -> Result<Vec<(u64, u32)>> {
    if !enters_at.is_empty() && enters_at.len() != traders {
        return Err(MarketError::shape(format!(
            "{} entries in enters_at for {traders} traders",
            enters_at.len()
        )));
    }
    let mut late = Vec::new();
    for (j, &episode) in enters_at.iter().enumerate() {
        let episode = u64::try_from(episode).map_err(|_| {
            MarketError::input(format!(
                "trader {j}: enters_at {episode} is negative; 0 enters at the start"
            ))
        })?;
        if episode > 0 {
            late.push((episode, j as u32));
        }
    }
    late.sort_unstable();
    Ok(late)
}

/// The mean of the fast accounts of a batch.
struct Mean<F> {
    wealth: Book<F>,
    unredefined: Option<Book<F>>,
    total: Scaled,
    episodes: usize,
    bankruptcies: bool,
}

impl<F: Real> Mean<F> {
    fn new(slow: &Accounts<F>, episodes: usize) -> Self {
        let n = slow.wealth.len();
        Self {
            wealth: Book::empty(n),
            unredefined: slow.unredefined.as_ref().map(|_| Book::empty(n)),
            total: slow.total,
            episodes,
            bankruptcies: false,
        }
    }

    fn add(&mut self, fast: &Accounts<F>) {
        let unit = self.total / fast.total * (1.0 / self.episodes as f64);
        if self.unredefined.is_none() && fast.unredefined.is_some() {
            // the tax began inside this episode: until now all money stood unredefined
            self.unredefined = Some(self.wealth.clone());
        }
        add_book(&mut self.wealth, &fast.wealth, unit);
        if let Some(old) = &mut self.unredefined {
            add_book(old, fast.unredefined.as_ref().unwrap_or(&fast.wealth), unit);
        }
        self.bankruptcies |= fast.bankruptcies;
    }

    fn finish(mut self, slow: Accounts<F>) -> Accounts<F> {
        for book in [Some(&mut self.wealth), self.unredefined.as_mut()]
            .into_iter()
            .flatten()
        {
            book.tiles_mut().for_each(|mut tile| tile.normalise());
        }
        let histories = slow.histories.map(|mut histories| {
            let moved = Arc::make_mut(&mut histories);
            for (t, mut tile) in moved.scores.tiles_mut().enumerate() {
                tile.assign(|score, i| {
                    let before = slow.wealth.value(t * TILE + i);
                    if before.is_zero() {
                        score
                    } else {
                        score * (self.wealth.value(t * TILE + i) / before)
                    }
                });
            }
            histories
        });
        Accounts {
            total: self.wealth.sum(),
            wealth: Arc::new(self.wealth),
            unredefined: self.unredefined.map(Arc::new),
            histories,
            bankruptcies: slow.bankruptcies | self.bankruptcies,
        }
    }
}

fn add_book<F: Real>(sum: &mut Book<F>, other: &Book<F>, factor: Scaled) {
    let tiles: Vec<_> = sum.tiles_mut().enumerate().collect();
    crate::threads::map(tiles, || (), |(), (t, mut tile)| tile.add_scaled(other.tile(t), factor));
}

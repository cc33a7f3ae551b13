//! The market: one book of accounts, the rules it is played by, and every way to play.

mod batch;
mod begin;
mod clear;
pub mod lazy;
pub mod play;
pub mod read;
pub mod redefine;
pub mod regret;
pub mod reinforce;
pub mod rule;
pub mod sparse;
pub mod split;
pub mod state;
pub mod tax;
mod tile;

use crate::accounts::book::Book;
use crate::accounts::calendar::Calendar;
use crate::accounts::groups::Groups;
use crate::accounts::prior::{self, Given};
use crate::clearing::Rule;
use crate::error::{MarketError, Result};
use crate::grue::Tax;
use crate::grue::definitions::{Histories, Node};
use crate::grue::kernel::Kernel;
use crate::grue::provenance::Provenance;
use crate::ledger::{Entry, Open};
use crate::real::Real;
use crate::rounds::{Rounds, Stakes};
use crate::scaled::Scaled;
use clear::Desk;
use play::{Game, Played};
use regret::{Regret, Track, Unredefined};
use state::{Accounts, Clock, Roster, State, Traders};
use std::sync::Arc;
use tax::Taxman;

/// What a market is built from.
#[derive(Clone, Debug)]
pub struct Config<'a> {
    pub prior: Given<'a>,
    pub normalize: bool,
    pub outcomes: usize,
    pub rule: Rule,
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
    /// Memory of the last call that the next may use.
    spare: Spare<F>,
}

/// What is not part of the market's state: a book, and what rounds by a rule leave to the next.
#[derive(Debug)]
struct Spare<F> {
    book: Option<Arc<Book<F>>>,
    desk: Desk,
}

impl<F> Spare<F> {
    fn none() -> Self {
        Self {
            book: None,
            desk: Desk::default(),
        }
    }

    /// The book, if nobody else holds it.
    fn take(&mut self) -> Option<Book<F>> {
        self.book.take().and_then(Arc::into_inner)
    }
}

impl<F> Clone for Spare<F> {
    fn clone(&self) -> Self {
        Self::none()
    }
}

/// The outcome of a call.
pub struct Run<F> {
    pub played: Played,
    /// The market's index of the first round.
    pub first: u64,
    pub regret: Regret<F>,
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
        config.rule.check(config.outcomes, n)?;
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
            calendar: Arc::new(calendar(config.enters_at, n)?),
            groups: config.groups,
            outcomes: config.outcomes,
            rule: config.rule,
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
            summed: None,
        };
        Self {
            traders,
            state,
            entries: Vec::new(),
            nodes: Vec::new(),
            spare: Spare::none(),
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
            spare: Spare::none(),
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
        let late = self.state.roster.rho.absent();
        if let Some(j) = late.iter().find(|j| shares[**j as usize] != 0.0) {
            return Err(MarketError::input(format!(
                "trader {j} has not entered yet; its share must be 0"
            )));
        }
        let (book, reserve) = prior::prior::<F>(Given::Shares(shares), false)?;
        let total = book.sum();
        let waiting: f64 = late.iter().map(|&j| self.traders.share(j as usize).to_f64()).sum();
        if waiting > 0.0 && reserve < waiting * (1.0 - 1e-9) {
            return Err(MarketError::input(format!(
                "the shares leave {reserve} in reserve, but traders that are yet to enter are owed {waiting}"
            )));
        }
        let mut market = Self::from_parts(Arc::clone(&self.traders), self.state.clone(), Vec::new(), Vec::new());
        market.state = State {
            accounts: Accounts {
                total,
                histories: self.traders.definitions.then(|| Arc::new(Histories::new(book.clone()))),
                wealth: Arc::new(book),
                unredefined: None,
                bankruptcies: shares.contains(&0.0),
            },
            roster: Roster {
                money: if reserve > 0.0 { total } else { Scaled::ONE },
                idle: (reserve - waiting).max(0.0),
                reserve: reserve.max(waiting),
                ..self.state.roster.clone()
            },
            provenance: Provenance::from_parts(self.state.clock.present().collect(), Vec::new(), Vec::new()),
            open: None,
            lazy: None,
            summed: None,
            clock: self.state.clock.clone(),
        };
        let wealth = market.group_shares();
        let clock = &market.state.clock;
        if clock.episodes > 0 {
            market.state.open = Some(Arc::new(Open::new(clock.stage, clock.batches - 1, wealth)));
        }
        Ok(market)
    }

    /// The same accounts at the same time, without the records: what one rollout or one look ahead plays on.
    #[must_use]
    pub fn without_records(&self) -> Self {
        let traders = Traders {
            provenance: false,
            definitions: false,
            rho: Arc::clone(&self.traders.rho),
            over: self.traders.over.clone(),
            calendar: Arc::clone(&self.traders.calendar),
            groups: self.traders.groups.clone(),
            rule: self.traders.rule.clone(),
            tax: self.traders.tax.clone(),
            ..*self.traders
        };
        let mut state = self.state.clone();
        state.accounts.unredefined = None;
        state.accounts.histories = None;
        state.provenance = Provenance::default();
        Self::from_parts(Arc::new(traders), state, Vec::new(), Vec::new())
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.traders.rho.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
            let book = saved.0.accounts.wealth;
            // what the drained take beside their mantissas is not worth keeping
            let light = book.tiles.iter().all(|t| t.drained.is_empty());
            self.spare.book = light.then_some(book);
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
        self.traders.check_layout(rounds.layout, rounds.rounds)?;
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
        self.catch_up();
        let first = self.state.clock.rounds;
        let traders = Arc::clone(&self.traders);
        let game = Self::game(&traders, rounds, first, interrupt);
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
        // what no round's levy takes would be kept for the books that the rounds leave behind
        let known = state.known_money().filter(|_| traders.taxes_rounds()).cloned();
        let mut taxman = Taxman::new(&traders, &mut state.open, &mut state.clock.landmark, nodes, 1.0);
        taxman.money = known;
        let (accounts, roster) = (&mut state.accounts, &state.roster);
        let played = game.play(accounts, roster, &mut taxman, track.as_mut(), spare)?;
        if let Some(money) = taxman.money.take() {
            state.keep_money(money);
        }
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
        for j in self.state.roster.rho.absent() {
            bits[j as usize] = 0.0;
        }
    }

    fn game<'a, P: Real>(
        traders: &'a Traders<F>,
        rounds: &'a Rounds<'a, P>,
        first: u64,
        interrupt: Interrupt<'a>,
    ) -> Game<'a, P> {
        let fraction = traders.rule.fraction();
        let everything = traders.rule.is_kelly() && fraction == 1.0 && matches!(rounds.stakes, Stakes::All);
        let flows = everything && !traders.taxes_rounds();
        Game {
            rounds,
            rule: &traders.rule,
            fraction,
            everything,
            flows,
            first,
            interrupt,
        }
    }

    /// The prices of the next round for these forecasts, its tax included; nothing moves.
    pub fn price<P: Real>(&self, rounds: &Rounds<'_, P>) -> Result<Vec<f64>> {
        self.check(rounds)?;
        // a copy without the past, which may be long: prices need neither entries nor definitions
        let mut copy = Self::from_parts(Arc::clone(&self.traders), self.state.clone(), Vec::new(), Vec::new());
        copy.state.accounts.histories = None;
        copy.begin(
            When {
                stage: None,
                new_episode: false,
            },
            1,
        )?;
        copy.catch_up();
        let traders = Arc::clone(&copy.traders);
        let first = copy.state.clock.rounds;
        let Self { state, nodes, .. } = &mut copy;
        let mut taxman = Taxman::new(&traders, &mut state.open, &mut state.clock.landmark, nodes, 1.0);
        if let Some(due) = taxman.due(first)? {
            taxman.levy(&mut state.accounts, &state.roster, due);
        }
        Self::game(&traders, rounds, first, &|| false).price(&mut state.accounts, &state.roster)
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

fn calendar(enters_at: &[i64], traders: usize) -> Result<Calendar> {
    if !enters_at.is_empty() && enters_at.len() != traders {
        return Err(MarketError::shape(format!(
            "{} entries in enters_at for {traders} traders",
            enters_at.len()
        )));
    }
    let episode = |(j, &episode): (usize, &i64)| {
        u64::try_from(episode).map_err(|_| {
            MarketError::input(format!(
                "trader {j}: enters_at {episode} is negative; 0 enters at the start"
            ))
        })
    };
    let episodes = enters_at.iter().enumerate().map(episode);
    Ok(Calendar::new(&episodes.collect::<Result<Vec<_>>>()?))
}

//! The members of an inductor: families that read the same episodes, each at its own pace.

use crate::error::{MarketError, Result};
use crate::families::{Family, impossible};
use crate::market::{Interrupt, Market, When};
use crate::real::Real;
use crate::rounds::{Layout, Rounds, Stakes};
use crate::threads;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the caller's thread looks for a signal while the members read.
const LOOK: Duration = Duration::from_millis(50);

/// A family that its inductor shares with whoever made it.
pub type Shared = Arc<Mutex<dyn Family>>;

/// Families with the same outcomes, whose accounts stand side by side.
pub struct Members {
    families: Vec<Shared>,
    accounts: Vec<usize>,
    outcomes: usize,
}

/// How a rollout is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Sampling<'a> {
    /// At most this many symbols, of `rounds` rounds each.
    pub symbols: usize,
    pub rounds: usize,
    /// Prices are raised to the power 1 / temperature, round by round; 0 takes the likeliest outcome.
    pub temperature: f64,
    /// A rollout ends after any of these.
    pub stop: &'a [Vec<u32>],
    /// Whether the context begins an episode of the market.
    pub new_episode: bool,
}

/// What was drawn from the prices.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    pub outcomes: Vec<u32>,
    /// -log2 of the prices of the outcomes drawn.
    pub bits: f64,
    /// (symbols + 1, accounts): the fast wealth after the context and after each symbol.
    pub wealth: Vec<f64>,
}

fn hold(family: &Shared) -> MutexGuard<'_, dyn Family + 'static> {
    family.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A family that is frozen for as long as this lives, or left as it was.
struct Reading<'a> {
    family: MutexGuard<'a, dyn Family + 'static>,
    frozen: bool,
}

impl<'a> Reading<'a> {
    fn new(family: &'a Shared, learn: bool) -> Self {
        let mut family = hold(family);
        let frozen = family.frozen();
        family.freeze(frozen || !learn);
        Self { family, frozen }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.family.freeze(self.frozen);
    }
}

/// What is wanted of an episode.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    /// The probability of what happened.
    Likelihoods,
    /// The probabilities of every outcome.
    Forecasts,
}

impl Reading<'_> {
    fn read(&mut self, episode: &[u32], wanted: Wanted, out: &mut [f64]) -> Result<()> {
        self.family.begin_episode()?;
        if wanted == Wanted::Likelihoods {
            return self.family.read(episode, out);
        }
        let width = out.len() / episode.len().max(1);
        for (&x, row) in episode.iter().zip(out.chunks_exact_mut(width.max(1))) {
            self.family.forecast(row)?;
            self.family.observe(x)?;
        }
        Ok(())
    }
}

/// A family's way through the episodes.
struct Task {
    member: usize,
    episode: usize,
    /// (rounds, accounts) probabilities of what happened, by episode, or (rounds, outcomes, accounts).
    read: Vec<Vec<f64>>,
}

impl Members {
    pub fn new(families: Vec<Shared>) -> Result<Self> {
        let outcomes: Vec<_> = families.iter().map(|family| hold(family).outcomes()).collect();
        let first = *outcomes
            .first()
            .ok_or_else(|| MarketError::input("an inductor of no families; give one or more"))?;
        if let Some(m) = outcomes.iter().position(|&k| k != first) {
            return Err(MarketError::shape(format!(
                "family {m} forecasts {} outcomes, family 0 {first}; all must forecast the same questions",
                outcomes[m]
            )));
        }
        let accounts = families.iter().map(|family| hold(family).accounts()).collect();
        Ok(Self {
            families,
            accounts,
            outcomes: first,
        })
    }

    /// All accounts of all members.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.accounts.iter().sum()
    }

    #[must_use]
    pub fn outcomes(&self) -> usize {
        self.outcomes
    }

    /// (rounds, accounts) probabilities of what happened, for each episode. Member m learns from episode e if
    /// `learn[m * E + e]` says so and it is not frozen; it reads the episodes in their order, beside the other members.
    pub fn likelihoods(&self, episodes: &[&[u32]], learn: &[bool], interrupt: Interrupt<'_>) -> Result<Vec<Vec<f64>>> {
        self.read(episodes, learn, Wanted::Likelihoods, interrupt)
    }

    /// The same of every outcome, (rounds, outcomes, accounts).
    pub fn forecasts(&self, episodes: &[&[u32]], learn: &[bool], interrupt: Interrupt<'_>) -> Result<Vec<Vec<f64>>> {
        self.read(episodes, learn, Wanted::Forecasts, interrupt)
    }

    fn read(
        &self,
        episodes: &[&[u32]],
        learn: &[bool],
        wanted: Wanted,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        let rows = if wanted == Wanted::Forecasts { self.outcomes } else { 1 };
        for &x in episodes.iter().copied().flatten() {
            if x as usize >= self.outcomes {
                return Err(impossible(x, self.outcomes));
            }
        }
        let tasks = (0..self.families.len()).map(|member| Task {
            member,
            episode: 0,
            read: Vec::with_capacity(episodes.len()),
        });
        let waiting = Mutex::new(tasks.collect::<VecDeque<_>>());
        let finished = Mutex::new(Vec::new());
        let stopped = AtomicBool::new(false);
        let work = || -> Result<()> {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(mut task) = next else { return Ok(()) };
                if stopped.load(Ordering::Relaxed) {
                    return Err(MarketError::Interrupted { rounds: 0 });
                }
                if let Some(episode) = episodes.get(task.episode) {
                    let mut out = vec![0.0; episode.len() * rows * self.accounts[task.member]];
                    let learn = learn[task.member * episodes.len() + task.episode];
                    let mut reading = Reading::new(&self.families[task.member], learn);
                    reading.read(episode, wanted, &mut out)?;
                    drop(reading);
                    task.read.push(out);
                    task.episode += 1;
                    // the member that has got least far is always next, so that no thread waits for a last one
                    waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(task);
                } else {
                    finished.lock().unwrap_or_else(PoisonError::into_inner).push(task);
                }
            }
        };
        let workers = threads::threads().min(self.families.len());
        while_watching(workers, work, interrupt, &stopped)?;
        let mut read = finished.into_inner().unwrap_or_else(PoisonError::into_inner);
        read.sort_by_key(|task| task.member);
        if let [only] = &mut read[..] {
            return Ok(std::mem::take(&mut only.read));
        }
        Ok((0..episodes.len()).map(|e| self.side_by_side(&read, e)).collect())
    }

    fn side_by_side(&self, read: &[Task], episode: usize) -> Vec<f64> {
        let n = self.accounts();
        let rounds = read[0].read[episode].len() / self.accounts[0];
        let mut all = vec![0.0; rounds * n];
        let mut first = 0;
        for task in read {
            let own = self.accounts[task.member];
            for (row, part) in all.chunks_exact_mut(n).zip(task.read[episode].chunks_exact(own)) {
                row[first..first + own].copy_from_slice(part);
            }
            first += own;
        }
        all
    }

    /// Draws what comes after `context` from the prices at which the frozen members clear, inference within the episode
    /// included. The market does not move.
    pub fn sample<F: Real>(
        &self,
        market: &Market<F>,
        context: &[u32],
        how: &Sampling<'_>,
        seed: u64,
        interrupt: Interrupt<'_>,
    ) -> Result<Rollout> {
        let (k, n) = (self.outcomes, self.accounts());
        let learn = vec![false; self.families.len()];
        let (wanted, layout) = if market.traders().rule.is_kelly() {
            (Wanted::Likelihoods, Layout::Likelihood)
        } else {
            (Wanted::Forecasts, Layout::Full)
        };
        let read = self.read(&[context], &learn, wanted, interrupt)?;
        let mut reading: Vec<_> = self.families.iter().map(|family| Reading::new(family, false)).collect();
        let mut fast = market.without_records();
        let rounds = Rounds {
            values: &read[0][..],
            layout,
            rounds: context.len(),
            traders: n,
            outcomes: k,
            happened: context,
            stakes: Stakes::All,
        };
        let began = When {
            stage: None,
            new_episode: how.new_episode,
        };
        let within = When {
            stage: None,
            new_episode: false,
        };
        fast.run(&rounds, began, false, interrupt)?;
        let mut rollout = Rollout {
            wealth: fast.wealth(),
            ..Rollout::default()
        };
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        let mut values = vec![0.0; k * n];
        while rollout.outcomes.len() < how.symbols * how.rounds {
            self.forecast(&mut reading, &mut values)?;
            let asked = Rounds {
                values: &values[..],
                layout: Layout::Full,
                rounds: 1,
                happened: &[0], // the price does not depend on it
                ..rounds
            };
            let price = fast.price(&asked)?;
            let x = draw(&price, how.temperature, draws.next_u64());
            let settled = Rounds {
                happened: &[x as u32],
                ..asked
            };
            fast.run(&settled, within, false, &|| false)?;
            for member in &mut reading {
                member.family.observe(x as u32)?;
            }
            rollout.outcomes.push(x as u32);
            rollout.bits -= price[x].log2();
            if rollout.outcomes.len().is_multiple_of(how.rounds) {
                if interrupt() {
                    return Err(MarketError::Interrupted { rounds: 0 });
                }
                rollout.wealth.extend(fast.wealth());
                if how.stop.iter().any(|stop| rollout.outcomes.ends_with(stop)) {
                    break;
                }
            }
        }
        Ok(rollout)
    }

    /// Writes (outcomes, accounts) of all members side by side.
    fn forecast(&self, reading: &mut [Reading<'_>], values: &mut [f64]) -> Result<()> {
        let n = self.accounts();
        let mut first = 0;
        let mut own = Vec::new();
        for (member, &accounts) in reading.iter_mut().zip(&self.accounts) {
            own.resize(self.outcomes * accounts, 0.0);
            member.family.forecast(&mut own)?;
            for (row, part) in values.chunks_exact_mut(n).zip(own.chunks_exact(accounts)) {
                row[first..first + accounts].copy_from_slice(part);
            }
            first += accounts;
        }
        Ok(())
    }
}

/// Runs `work` on so many threads while this one, which alone hears of signals, looks whether it is to stop.
fn while_watching(
    workers: usize,
    work: impl Fn() -> Result<()> + Sync,
    interrupt: Interrupt<'_>,
    stopped: &AtomicBool,
) -> Result<()> {
    let (done, results) = mpsc::channel();
    let work = &work;
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let done = done.clone();
            scope.spawn(move || done.send(work()));
        }
        drop(done);
        let mut result = Ok(());
        loop {
            match results.recv_timeout(LOOK) {
                Ok(ended) => {
                    stopped.fetch_or(ended.is_err(), Ordering::Relaxed);
                    // the first error is the cause; what was stopped for it only says so
                    result = result.and(ended);
                }
                Err(RecvTimeoutError::Timeout) => {
                    stopped.fetch_or(interrupt(), Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Disconnected) => return result,
            }
        }
    })
}

/// An outcome drawn from the tempered prices.
fn draw(price: &[f64], temperature: f64, random: u64) -> usize {
    let top = price.iter().copied().fold(0.0, f64::max);
    if temperature == 0.0 {
        return price.iter().position(|&p| p == top).unwrap_or(0);
    }
    // relative to the likeliest, so that a low temperature leaves no row of zeros
    let tempered = |p: &f64| (p / top).powf(1.0 / temperature);
    let total: f64 = price.iter().map(tempered).sum();
    let mut left = (random >> 11) as f64 * 2f64.powi(-53) * total;
    for (x, p) in price.iter().enumerate() {
        left -= tempered(p);
        if left < 0.0 {
            return x;
        }
    }
    price.iter().rposition(|&p| p > 0.0).unwrap_or(0)
}

//! Batches: episodes played in parallel from the same slow wealth, and resolved all at once (design 2.3).

use crate::accounts::book::{Book, TILE};
use crate::error::{MarketError, Result};
use crate::market::play::{Game, Played};
use crate::market::regret::{Regret, Track, growth};
use crate::market::state::Accounts;
use crate::market::tax::Taxman;
use crate::market::{Interrupt, Market, Run, Spare, When};
use crate::real::Real;
use crate::rounds::Rounds;
use crate::scaled::Scaled;
use crate::threads;
use std::sync::Arc;

/// Episodes of few traders that are played at once: their threads hear of Ctrl-C only between two such lots.
const ABREAST: usize = 16;
/// The most rounds of such an episode.
const SHORT: usize = 1 << 17;

impl<F: Real> Market<F> {
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
        self.catch_up();
        let first = self.state.clock.rounds;
        let traders = Arc::clone(&self.traders);
        let traders_count = self.len();
        let slow = self.state.accounts.clone();
        let mut mean = Mean::new(&slow, count);
        let mut bits = vec![0.0; if regret { self.len() } else { 0 }];
        let mut played = Played::default();
        // histories do not move inside the episode: they move with the slow wealth
        let start = Accounts {
            histories: None,
            ..slow.clone()
        };
        let short = |rounds: &Rounds<'_, P>| rounds.traders <= TILE && rounds.rounds <= SHORT;
        let abreast = if !traders.taxes_rounds() && !traders.rule.is_foreign() && episodes.iter().all(short) {
            ABREAST
        } else {
            1
        };
        for (c, chunk) in episodes.chunks(abreast).enumerate() {
            if interrupt() {
                return Err(MarketError::Interrupted { rounds: 0 });
            }
            let mut at = self.state.clock.rounds;
            let mut games = Vec::new();
            for rounds in chunk {
                games.push(Self::game(&traders, rounds, at, interrupt));
                at += rounds.rounds as u64;
            }
            let roster = self.state.roster.clone();
            let play = |mut taxman: Taxman<'_, F>, game: &Game<'_, P>| {
                let by_growth = game.flows && !slow.bankruptcies;
                let mut track = (regret && !by_growth).then(|| Track::new(traders_count, !game.everything));
                let mut fast = start.clone();
                let part = game.play(&mut fast, &roster, &mut taxman, track.as_mut(), &mut Spare::none())?;
                Ok((part, fast, track))
            };
            let parts: Vec<Result<_>> = if let [game] = &games[..] {
                let Self { state, nodes, .. } = &mut *self;
                let weight = 1.0 / count as f64;
                let taxman = Taxman::new(&traders, &mut state.open, &mut state.clock.landmark, nodes, weight);
                vec![play(taxman, game)]
            } else {
                threads::map(
                    games,
                    || (),
                    |(), game| {
                        // nothing is levied inside of these episodes
                        let (mut open, mut landmark, mut nodes) = (None, None, Vec::new());
                        play(Taxman::new(&traders, &mut open, &mut landmark, &mut nodes, 1.0), &game)
                    },
                )
            };
            for (i, part) in parts.into_iter().enumerate() {
                let (part, fast, track) = part.map_err(|err| err.in_episode(c * abreast + i))?;
                played.prices.extend(part.prices);
                played.losses.extend(part.losses);
                played.passes.extend(part.passes);
                played.residuals.extend(part.residuals);
                match track {
                    Some(track) => track.add_to(&mut bits),
                    None if regret => growth(&slow, &fast, &slow.wealth, &fast.wealth, &mut bits),
                    None => {}
                }
                mean.add(&fast);
            }
            self.state.clock.rounds = at;
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
        if fast.total.is_zero() {
            return;
        }
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
    threads::map(tiles, || (), |(), (t, mut tile)| tile.add_scaled(other.tile(t), factor));
}

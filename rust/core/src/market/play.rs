//! Playing rounds: clearing and settlement, tile by tile.
//!
//! Kelly clearing (Beygelzimer, Langford, Pennock 2012, arXiv 1201.6655): the price of outcome k is the stake-weighted mean
//! of the forecasts, `c_k = sum w b q_k / sum w b`, and settlement multiplies a trader's wealth by `b q(x) / c(x) + 1 - b`.
//! The books are not divided by the price: wealth is multiplied by `b q(x) + c(x) (1 - b)` and the book's total falls to
//! `c(x)` of what it was. So where everybody stakes everything a settlement needs no price, and a tile stays in the cache
//! while many rounds pass over it.

use crate::accounts::book::{Book, TILE};
use crate::accounts::groups::Groups;
use crate::clearing::Rule;
use crate::error::{MarketError, Result};
use crate::grue::levy::Levy;
use crate::lanes::several::{self, ROUNDS};
use crate::market::Spare;
use crate::market::regret::Track;
use crate::market::state::{Accounts, Roster};
use crate::market::tax::Taxman;
use crate::market::tile::{Scratch, Task, tasks};
use crate::real::Real;
use crate::rounds::{Layout, Next, Rounds};
use crate::scaled::Scaled;
use crate::threads;

/// Forecasts read between two looks at whether the caller wants to stop.
const CHUNK: usize = 1 << 27;
/// Rounds of few traders between two such looks.
const LOOK: usize = 256;
/// Bits by which the money may fall in a round for which its groups are summed up in the unit of before.
const LARGEST_FALL: i64 = 64;

/// Prices (rounds x width) and losses in bits, round after round.
#[derive(Clone, Debug, Default)]
pub struct Played {
    pub prices: Vec<f64>,
    pub losses: Vec<f64>,
    /// Passes over the traders that each price took, and how far it is from clearing; empty with Kelly's rule.
    pub passes: Vec<u32>,
    pub residuals: Vec<f64>,
}

/// What a round has given in one tile.
struct Part {
    sums: Vec<Scaled>,
    zero: bool,
    given_back: Scaled,
}

/// Applies a levy to whole books; returns `sum rho w` of before where the kernel is `Anything`.
pub fn levy<F: Real>(accounts: &mut Accounts<F>, roster: &Roster<F>, levy: &Levy<'_>) -> Scaled {
    let n = accounts.wealth.len();
    let work = |scratch: &mut Scratch<F>, mut task: Task<'_, F>| task.tax(levy, false, &[], scratch);
    let parts = threads::map(tasks(accounts, None, &roster.rho), || Scratch::new(n), work);
    Scaled::sum(parts.iter().copied())
}

/// Rounds to play, and how.
pub struct Game<'a, P> {
    pub rounds: &'a Rounds<'a, P>,
    pub rule: &'a Rule,
    pub fraction: f64,
    /// Whether everybody stakes everything.
    pub everything: bool,
    /// Whether a tile is led through many rounds before the next.
    pub flows: bool,
    /// The index of the first round on the market's clock.
    pub first: u64,
    pub interrupt: &'a (dyn Fn() -> bool + Sync),
}

impl<P: Real> Game<'_, P> {
    /// What will be read after a row of forecasts.
    pub(super) fn next(&self) -> Next {
        if self.flows { Next::Row } else { Next::Tile }
    }

    pub(super) fn stake(&self, stakes: Option<&[f64]>, i: usize) -> f64 {
        stakes.map_or(1.0, |b| b[i] * self.fraction)
    }

    /// Plays every round against `accounts`. On an interruption `accounts` stands after the last settled round.
    pub(super) fn play<F: Real>(
        &self,
        accounts: &mut Accounts<F>,
        roster: &Roster<F>,
        taxman: &mut Taxman<'_, F>,
        mut track: Option<&mut Track<F>>,
        spare: &mut Spare<F>,
    ) -> Result<Played> {
        if !self.rule.is_kelly() {
            return self.play_by_rule(accounts, roster, taxman, track, spare);
        }
        let mut played = Played::default();
        if self.flows && track.is_none() {
            self.flow(accounts, roster, spare.take(), &mut played)?;
            return Ok(played);
        }
        if !self.everything && track.is_none() && !taxman.by_round() && self.rounds.traders <= TILE {
            self.play_few(accounts, roster, &mut played)?;
            return Ok(played);
        }
        for t in 0..self.rounds.rounds {
            if (self.interrupt)() {
                return Err(MarketError::Interrupted { rounds: t as u64 });
            }
            self.step(accounts, roster, taxman, track.as_deref_mut(), t, &mut played)?;
        }
        Ok(played)
    }

    /// Untaxed rounds of traders who stake fractions and are so few that they fit one tile: what a round takes beside the
    /// arithmetic is prepared once.
    fn play_few<F: Real>(&self, accounts: &mut Accounts<F>, roster: &Roster<F>, played: &mut Played) -> Result<()> {
        let (n, width) = (self.rounds.traders, self.rounds.width());
        let (mut total, mut moved, mut result) = (accounts.total, false, Ok(()));
        let mut scratch = Scratch::new(n);
        let mut sums = Vec::with_capacity(width + 1);
        let mut tiles = tasks(accounts, None, &roster.rho);
        for t in 0..self.rounds.rounds {
            if t.is_multiple_of(LOOK) && (self.interrupt)() {
                result = Err(MarketError::Interrupted { rounds: t as u64 });
                break;
            }
            sums.clear();
            for task in &tiles {
                if !task.measure(self, t, &mut scratch, &mut sums) {
                    return self.check::<()>(&[Err(t)], n);
                }
            }
            if sums[width].is_zero() {
                self.record_asleep(played);
                continue;
            }
            let price = self.record(&sums[..width], sums[width], t, played)?;
            for task in &mut tiles {
                total = task.settle_part(self, t, price, &mut scratch);
            }
            moved = true;
        }
        accounts.total = total;
        accounts.bankruptcies |= moved;
        result
    }

    /// Untaxed rounds in which everybody stakes everything: tile after tile through many rounds.
    fn flow<F: Real>(
        &self,
        accounts: &mut Accounts<F>,
        roster: &Roster<F>,
        spare: Option<Book<F>>,
        played: &mut Played,
    ) -> Result<()> {
        let (n, width) = (self.rounds.traders, self.rounds.width());
        played.prices.reserve(self.rounds.rounds * width);
        played.losses.reserve(self.rounds.rounds);
        let per_chunk = (CHUNK / (n * width)).clamp(1, 4096);
        // with one row a round its price is the ratio of the totals; with more, each outcome has a sum of its own
        let measured = if width == 1 { 0 } else { width };
        let several = measured == 0 && several::pays();
        if (self.interrupt)() {
            return Err(MarketError::Interrupted { rounds: 0 });
        }
        // the first rounds copy each tile on their way, from the book that is kept in case the call is refused
        let mut before = (self.rounds.rounds > 0).then(|| accounts.replace_wealth(spare));
        for start in (0..self.rounds.rounds).step_by(per_chunk) {
            // before the first rounds the book is yet to be filled
            if start > 0 && (self.interrupt)() {
                return Err(MarketError::Interrupted { rounds: start as u64 });
            }
            let span = start..(start + per_chunk).min(self.rounds.rounds);
            let parts = threads::map(
                tasks(accounts, None, &roster.rho),
                || Scratch::new(n),
                |scratch, mut task| {
                    if let Some(before) = &before {
                        task.wealth.copy_from(before.tile(task.tile));
                    }
                    let mut sums = Vec::with_capacity(span.len() * (measured + 1));
                    let mut zero = false;
                    // each round before `apart` needs a closer look
                    let (mut t, mut apart) = (span.start, span.start);
                    while t < span.end {
                        if several && t >= apart && t + ROUNDS <= span.end {
                            match task.settle_several(self, t, &span, scratch, &mut sums) {
                                Ok(zeros) => {
                                    zero |= zeros;
                                    t += ROUNDS;
                                    continue;
                                }
                                Err(r) => apart = t + r + 1,
                            }
                        }
                        if measured > 0 && !task.measure(self, t, scratch, &mut sums) {
                            return Err(t);
                        }
                        let next = Next::within(&span, t + 1);
                        let (sum, zeros) = task.settle_all(self, None, t, next, scratch).ok_or(t)?;
                        zero |= zeros;
                        sums.push(sum);
                        t += 1;
                    }
                    Ok((sums, zero))
                },
            );
            before = None;
            self.check(&parts, n)?;
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            accounts.bankruptcies |= parts.iter().any(|p| p.1);
            let mut sums = vec![Scaled::ZERO; measured + 1];
            for (row, t) in span.enumerate() {
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum = Scaled::sum(parts.iter().map(|p| p.0[row * (measured + 1) + k]));
                }
                self.record(&sums[..width], accounts.total, t, played)?;
                accounts.total = sums[measured];
            }
        }
        Ok(())
    }

    /// The first invalid forecast among the tiles' results, as an error.
    pub(super) fn check<R>(&self, parts: &[std::result::Result<R, usize>], n: usize) -> Result<()> {
        let bad = parts
            .iter()
            .enumerate()
            .filter_map(|(tile, p)| p.as_ref().err().map(|&t| (t, tile)))
            .min();
        let Some((t, tile)) = bad else { return Ok(()) };
        let fault = self.rounds.fault(t, tile * TILE..((tile + 1) * TILE).min(n));
        Err(fault.unwrap_or_else(|| MarketError::input(format!("round {t}: a forecast is not valid"))))
    }

    /// The price of outcome k in round t.
    fn clear(&self, t: usize, k: usize, sums: &[Scaled], stake: Scaled) -> Scaled {
        if self.rounds.traders == 1 {
            // w q / w, but for rounding: the market of a lone trader is that trader, to the last bit
            return Scaled::new(self.rounds.at(t, k, 0), 0);
        }
        sums[k] / stake
    }

    /// Writes down the prices `sums / stake` of round t.
    fn record(&self, sums: &[Scaled], stake: Scaled, t: usize, played: &mut Played) -> Result<Scaled> {
        if stake.is_zero() {
            return Ok(self.record_asleep(played));
        }
        let price = self.clear(t, self.rounds.outcome(t), sums, stake);
        if price.is_zero() {
            let known = self.rounds.layout != Layout::Likelihood;
            let outcome = if known {
                self.rounds.happened[t].to_string()
            } else {
                "(by likelihoods)".to_owned()
            };
            return Err(MarketError::Impossible {
                episode: None,
                round: t as u64,
                outcome,
            });
        }
        let prices = (0..sums.len()).map(|k| self.clear(t, k, sums, stake).to_f64());
        played.prices.extend(prices);
        played.losses.push(-price.log2());
        Ok(price)
    }

    /// One round: the tax, the price, the settlement.
    fn step<F: Real>(
        &self,
        accounts: &mut Accounts<F>,
        roster: &Roster<F>,
        taxman: &mut Taxman<'_, F>,
        mut track: Option<&mut Track<F>>,
        t: usize,
        played: &mut Played,
    ) -> Result<()> {
        let n = self.rounds.traders;
        let due = taxman.due(self.first + t as u64)?;
        let levy = taxman.prepare(accounts, roster, due);
        taxman.money = None; // of before this round
        let measured = if self.everything && self.rounds.width() == 1 {
            0
        } else {
            self.rounds.width()
        };
        let by_tile = if self.everything { taxman.groups_by_tile() } else { None };
        let unit = accounts.total.exponent;
        let parts = threads::map_runs(
            tasks(accounts, track.as_deref_mut(), &roster.rho),
            by_tile.map_or(1, Groups::tiles_a_sum),
            || Scratch::new(n),
            |scratch, run| {
                let mut money = by_tile.map(Groups::sums);
                let play = |mut task: Task<'_, F>| {
                    let part = self.play_tile(&mut task, levy.as_ref(), t, measured, scratch);
                    if let (Some(groups), Some(sums)) = (by_tile, &mut money) {
                        let rho = task.rho.tile(task.tile, &mut scratch.rho);
                        groups.add_tile(sums, task.tile, task.wealth.as_ref(), rho, unit);
                    }
                    part
                };
                let parts: Vec<_> = run.into_iter().map(play).collect();
                (parts, money)
            },
        );
        let (parts, money): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        self.check(&parts, n)?;
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        taxman.collect(
            levy.as_ref(),
            accounts,
            roster,
            Scaled::sum(parts.iter().map(|p| p.given_back)),
        );
        let sums: Vec<_> = (0..=measured)
            .map(|k| Scaled::sum(parts.iter().map(|p| p.sums[k])))
            .collect();
        let log2_price = if self.everything {
            accounts.bankruptcies |= parts.iter().any(|p| p.zero);
            let total = sums[measured];
            let prices = if measured == 0 { &sums[..] } else { &sums[..measured] };
            let price = self.record(prices, accounts.total, t, played)?;
            accounts.total = total;
            // after so great a fall the poor may have been lost to the old unit
            if let (Some(groups), true) = (by_tile, unit - total.exponent < LARGEST_FALL) {
                let sums: Vec<_> = money.into_iter().flatten().collect();
                taxman.money = Some(groups.gather(&sums, unit, &accounts.wealth, &roster.rho, total.exponent));
            }
            price.log2()
        } else if sums[measured].is_zero() {
            // nobody awake has money
            let uniform = self.record_asleep(played);
            if let Some(track) = track.as_deref_mut() {
                self.track_asleep(track, t, uniform);
            }
            uniform.log2()
        } else {
            let price = self.record(&sums[..measured], sums[measured], t, played)?;
            self.settle(accounts, roster, track.as_deref_mut(), t, price);
            price.log2()
        };
        if let Some(track) = track {
            track.log2_prices += log2_price;
        }
        Ok(())
    }

    /// One tile's part of round t, or t where a forecast is not valid; its settlement where everybody stakes everything.
    fn play_tile<F: Real>(
        &self,
        task: &mut Task<'_, F>,
        levy: Option<&Levy<'_>>,
        t: usize,
        measured: usize,
        scratch: &mut Scratch<F>,
    ) -> std::result::Result<Part, usize> {
        let mut part = Part {
            sums: Vec::with_capacity(measured + 1),
            zero: false,
            given_back: Scaled::ZERO,
        };
        let mut next = Next::Tile;
        if let Some(levy) = levy {
            let x = self.rounds.outcome(t);
            let ahead = self.rounds.in_place(t, x, task.range(), Next::Sent);
            part.given_back = task.tax(levy, self.everything, ahead.map_or(&[], |(row, _)| row), scratch);
            if matches!(levy, Levy::WithinGroups(_)) {
                next = Next::Sent;
            }
        }
        if measured > 0 && !task.measure(self, t, scratch, &mut part.sums) {
            return Err(t);
        }
        if self.everything {
            let (sum, zero) = task.settle_all(self, levy, t, next, scratch).ok_or(t)?;
            part.sums.push(sum);
            part.zero = zero;
        }
        Ok(part)
    }

    /// Nobody awake has money: the price is uniform, and nothing moves.
    pub(super) fn record_asleep(&self, played: &mut Played) -> Scaled {
        let uniform = 1.0 / self.rounds.outcomes as f64;
        if !self.rule.is_kelly() {
            played.passes.push(0);
            played.residuals.push(0.0);
        }
        played.prices.extend(std::iter::repeat_n(uniform, self.rounds.width()));
        played.losses.push(-uniform.log2());
        Scaled::new(uniform, 0)
    }

    /// The regret of those who are awake without money, against the uniform price.
    pub(super) fn track_asleep<F: Real>(&self, track: &mut Track<F>, t: usize, price: Scaled) {
        let x = self.rounds.outcome(t);
        let awake = |j: usize| self.rounds.stakes(t).is_none_or(|b| b[j] > 0.0);
        for (tile, mut book) in track.likelihoods.tiles_mut().enumerate() {
            let at = |j: usize| {
                if awake(j) {
                    Scaled::new(self.rounds.at(t, x, j), 0)
                } else {
                    Scaled::ONE
                }
            };
            book.assign(|old, i| old * at(tile * TILE + i));
        }
        for (tile, mut book) in track.prices.iter_mut().flat_map(Book::tiles_mut).enumerate() {
            book.assign(|old, i| if awake(tile * TILE + i) { old * price } else { old });
        }
    }

    fn settle<F: Real>(
        &self,
        accounts: &mut Accounts<F>,
        roster: &Roster<F>,
        track: Option<&mut Track<F>>,
        t: usize,
        price: Scaled,
    ) {
        let n = self.rounds.traders;
        let parts = threads::map(
            tasks(accounts, track, &roster.rho),
            || Scratch::new(n),
            |scratch, mut task| task.settle_part(self, t, price, scratch),
        );
        accounts.total = Scaled::sum(parts.iter().copied());
        accounts.bankruptcies = true;
    }

    /// The prices of round t, nothing moved.
    pub fn price<F: Real>(&self, accounts: &mut Accounts<F>, roster: &Roster<F>) -> Result<Vec<f64>> {
        if !self.rule.is_kelly() {
            return self.price_by_rule(&accounts.wealth);
        }
        let n = self.rounds.traders;
        let parts = threads::map(
            tasks(accounts, None, &roster.rho),
            || Scratch::new(n),
            |scratch, task| {
                let mut sums = Vec::new();
                if task.measure(self, 0, scratch, &mut sums) {
                    Ok(sums)
                } else {
                    Err(0)
                }
            },
        );
        self.check(&parts, n)?;
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        let width = self.rounds.width();
        let sum = |k: usize| Scaled::sum(parts.iter().map(|p| p[k]));
        let sums: Vec<_> = (0..width).map(sum).collect();
        let stake = if self.everything { accounts.total } else { sum(width) };
        #[allow(clippy::cast_precision_loss)]
        let uniform = 1.0 / width as f64;
        Ok((0..width)
            .map(|k| {
                if stake.is_zero() {
                    uniform
                } else {
                    self.clear(0, k, &sums, stake).to_f64()
                }
            })
            .collect())
    }
}

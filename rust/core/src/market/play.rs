//! Playing rounds: clearing and settlement, tile by tile.
//!
//! Kelly clearing (Beygelzimer, Langford, Pennock 2012, arXiv 1201.6655): the price of outcome k is the stake-weighted mean
//! of the forecasts, `c_k = sum w b q_k / sum w b`, and settlement multiplies a trader's wealth by `b q(x) / c(x) + 1 - b`.
//! The books are not divided by the price: wealth is multiplied by `b q(x) + c(x) (1 - b)` and the book's total falls to
//! `c(x)` of what it was. So where everybody stakes everything a settlement needs no price, and a tile stays in the cache
//! while many rounds pass over it.

use crate::accounts::book::{Book, TILE, TileMut, TileRef};
use crate::error::{MarketError, Result};
use crate::grue::levy::Levy;
use crate::lanes;
use crate::market::state::{Accounts, Roster};
use crate::market::tax::Taxman;
use crate::real::{Real, pow2};
use crate::rounds::{Layout, Next, Rounds};
use crate::scaled::Scaled;
use crate::threads;
use std::ops::Range;
use std::sync::Arc;

/// Forecasts read between two looks at whether the caller wants to stop.
const CHUNK: usize = 1 << 27;

/// Prices (rounds x width) and losses in bits, round after round.
#[derive(Clone, Debug, Default)]
pub struct Played {
    pub prices: Vec<f64>,
    pub losses: Vec<f64>,
}

/// What regret is worked out from: likelihoods and prices, multiplied up over each trader's awake rounds.
pub struct Track<F> {
    likelihoods: Book<F>,
    /// One a trader where some may sleep; else the sum of log2 prices serves all.
    prices: Option<Book<F>>,
    log2_prices: f64,
}

impl<F: Real> Track<F> {
    #[must_use]
    pub fn new(traders: usize, sleepers: bool) -> Self {
        let ones = || Book::from_values(traders, |_| Scaled::ONE);
        Self {
            likelihoods: ones(),
            prices: sleepers.then(ones),
            log2_prices: 0.0,
        }
    }

    /// Adds each trader's regret in bits to `regret`.
    pub fn add_to(&self, regret: &mut [f64]) {
        for (i, sum) in regret.iter_mut().enumerate() {
            let prices = self
                .prices
                .as_ref()
                .map_or(self.log2_prices, |book| book.value(i).log2());
            *sum += self.likelihoods.value(i).log2() - prices;
        }
    }
}

/// One tile's part of everything that moves with wealth.
struct Task<'a, F> {
    tile: usize,
    wealth: TileMut<'a, F>,
    unredefined: Option<TileMut<'a, F>>,
    scores: Option<TileMut<'a, F>>,
    likelihoods: Option<TileMut<'a, F>>,
    prices: Option<TileMut<'a, F>>,
    rho: TileRef<'a, F>,
}

/// Rows that a worker reads forecasts into.
struct Scratch<F> {
    row: Vec<F>,
    weighted: Vec<F>,
    sums: Vec<F>,
    ones: Vec<f64>,
}

impl<F: Real> Scratch<F> {
    fn new(traders: usize) -> Self {
        let n = traders.min(TILE);
        Self {
            row: vec![F::ZERO; n],
            weighted: vec![F::ZERO; n],
            sums: vec![F::ZERO; n],
            ones: vec![1.0; n],
        }
    }
}

fn tasks<'a, F: Real>(
    accounts: &'a mut Accounts<F>,
    track: Option<&'a mut Track<F>>,
    rho: &'a Book<F>,
) -> Vec<Task<'a, F>> {
    let mut unredefined = accounts.unredefined.as_mut().map(|b| Arc::make_mut(b).tiles_mut());
    let mut scores = accounts.histories.as_mut().map(|h| Arc::make_mut(h).scores.tiles_mut());
    let (likelihoods, prices) = track.map_or((None, None), |t| (Some(&mut t.likelihoods), t.prices.as_mut()));
    let (mut likelihoods, mut prices) = (likelihoods.map(Book::tiles_mut), prices.map(Book::tiles_mut));
    let wealth = Arc::make_mut(&mut accounts.wealth).tiles_mut().enumerate();
    wealth
        .map(|(tile, wealth)| Task {
            tile,
            wealth,
            unredefined: unredefined.as_mut().and_then(Iterator::next),
            scores: scores.as_mut().and_then(Iterator::next),
            likelihoods: likelihoods.as_mut().and_then(Iterator::next),
            prices: prices.as_mut().and_then(Iterator::next),
            rho: rho.tile(tile),
        })
        .collect()
}

impl<F: Real> Task<'_, F> {
    fn range(&self) -> Range<usize> {
        self.tile * TILE..self.tile * TILE + self.wealth.m.len()
    }

    /// Levies the tax; the stay of the unredefined money is left to `settle_all` where `settles`.
    fn tax(&mut self, levy: &Levy<'_>, settles: bool, scratch: &mut Scratch<F>) -> Scaled {
        let later = settles && levy.as_one_map().is_some();
        if let (Some(old), false) = (&mut self.unredefined, later) {
            levy.apply_stay(self.tile, old, self.rho, &mut scratch.row[..self.wealth.m.len()]);
        }
        let n = self.wealth.m.len();
        levy.apply(self.tile, &mut self.wealth, self.rho, &mut scratch.row[..n])
    }

    /// Multiplies everything that moves with wealth by `row`; returns the new sum of wealth.
    fn multiply(&mut self, row: &[F], least: f64, exact: impl Fn(usize) -> Scaled) -> Scaled {
        for companion in [&mut self.unredefined, &mut self.scores].into_iter().flatten() {
            companion.multiply(row, least, &exact);
        }
        self.wealth.multiply(row, least, &exact)
    }

    /// The stake-weighted sums of round t's forecasts, one an outcome, then the sum of stakes where not all is staked.
    /// False where a forecast is not valid.
    fn measure<P: Real>(&self, game: &Game<'_, P>, t: usize, scratch: &mut Scratch<F>, sums: &mut Vec<Scaled>) -> bool {
        let (rounds, range) = (game.rounds, self.range());
        let n = range.len();
        let stakes = if game.everything {
            None
        } else {
            Some(stakes_of(rounds, t, &range, &scratch.ones))
        };
        let (row, weighted, totals) = (
            &mut scratch.row[..n],
            &mut scratch.weighted[..n],
            &mut scratch.sums[..n],
        );
        totals.fill(F::ZERO);
        for k in 0..rounds.width() {
            let (given, extent) = rounds.load(t, k, range.clone(), game.next(), row);
            if !extent.valid {
                return false;
            }
            if rounds.layout == Layout::Full {
                lanes::add_row(totals, given);
            }
            let given = match stakes {
                None => given,
                Some(stakes) => lanes::weigh(given, weighted, stakes, game.fraction),
            };
            let exact = |i: usize| Scaled::new(rounds.at(t, k, range.start + i), 0) * game.stake(stakes, i);
            sums.push(self.wealth.as_ref().dot(given, exact));
        }
        if let Some(stakes) = stakes {
            row.fill(F::ONE);
            let staked = lanes::weigh(row, weighted, stakes, game.fraction);
            sums.push(
                self.wealth
                    .as_ref()
                    .dot(staked, |i| Scaled::new(game.stake(Some(stakes), i), 0)),
            );
        }
        // an f32 book's sums are too coarse to condemn f64 forecasts
        let near = rounds.layout != Layout::Full || lanes::near_one(totals, P::SUM_TOLERANCE);
        near || rounds.fault(t, range).is_none()
    }

    /// Settles round t for traders who stake everything, carrying out the stay of `levy` for the unredefined money on the
    /// way; returns the new sum of wealth, or None for an invalid forecast.
    fn settle_all<P: Real>(
        &mut self,
        game: &Game<'_, P>,
        levy: Option<&Levy<'_>>,
        t: usize,
        scratch: &mut Scratch<F>,
    ) -> Option<(Scaled, bool)> {
        let (rounds, range) = (game.rounds, self.range());
        let x = rounds.outcome(t);
        let exact = |i: usize| Scaled::new(rounds.at(t, x, range.start + i), 0);
        let in_place = rounds.in_place(t, x, range.clone(), game.next());
        let (row, extent, sum) = if let Some((row, next)) = in_place {
            let (sum, extent) = self.wealth.check_and_multiply(row, next, exact).ok()?;
            (row, extent, sum)
        } else {
            let (row, extent) = rounds.load(t, x, range.clone(), game.next(), &mut scratch.row[..range.len()]);
            if !extent.valid {
                return None;
            }
            (row, extent, self.wealth.multiply(row, extent.least, exact))
        };
        if let Some(old) = &mut self.unredefined {
            match levy.and_then(Levy::as_one_map) {
                Some(stay) => old.stay_and_multiply(self.rho, stay, row, extent.least, exact),
                None => drop(old.multiply(row, extent.least, exact)),
            }
        }
        for companion in [&mut self.scores, &mut self.likelihoods].into_iter().flatten() {
            companion.multiply(row, extent.least, exact);
        }
        Some((sum, extent.zero))
    }

    /// Settles round t at `price` for traders who stake fractions; returns the new sum of wealth.
    fn settle_part<P: Real>(
        &mut self,
        game: &Game<'_, P>,
        t: usize,
        price: Scaled,
        scratch: &mut Scratch<F>,
    ) -> Scaled {
        let (rounds, range) = (game.rounds, self.range());
        let (x, n) = (rounds.outcome(t), range.len());
        let stakes = stakes_of(rounds, t, &range, &scratch.ones);
        let (row, factors) = (&mut scratch.row[..n], &mut scratch.weighted[..n]);
        let at = |i: usize| Scaled::new(rounds.at(t, x, range.start + i), 0);
        let plain = price.exponent > -900;
        let asleep = |i: usize| stakes[i] == 0.0;
        if let (Some(likelihoods), Some(prices)) = (&mut self.likelihoods, &mut self.prices) {
            let (given, extent) = rounds.load(t, x, range.clone(), game.next(), row);
            for (i, (factor, &q)) in factors.iter_mut().zip(given).enumerate() {
                *factor = if asleep(i) { F::ONE } else { q };
            }
            likelihoods.multiply(factors, extent.least, |i| if asleep(i) { Scaled::ONE } else { at(i) });
            let paid = F::from_f64(price.to_f64());
            factors
                .iter_mut()
                .enumerate()
                .for_each(|(i, f)| *f = if asleep(i) { F::ONE } else { paid });
            prices.multiply(factors, price.to_f64(), |i| if asleep(i) { Scaled::ONE } else { price });
        }
        let (given, extent) = rounds.load(t, x, range.clone(), game.next(), row);
        lanes::settle(given, factors, stakes, game.fraction, price.to_f64());
        // who stakes all is left its likelihood, who does not at least 2^-53 of the price
        let held = extent.least.min(price.to_f64() * pow2(-53)) >= F::LIMIT;
        let least = if plain && held {
            lanes::extremes(factors).1.min(1.0)
        } else {
            0.0
        };
        self.multiply(factors, least, |i| {
            let b = stakes[i] * game.fraction;
            at(i) * b + price * (1.0 - b)
        })
    }
}

fn stakes_of<'a, P: Real>(rounds: &'a Rounds<'_, P>, t: usize, range: &Range<usize>, ones: &'a [f64]) -> &'a [f64] {
    rounds.stakes(t).map_or(&ones[..range.len()], |b| &b[range.clone()])
}

/// What a round has given in one tile.
struct Part {
    sums: Vec<Scaled>,
    zero: bool,
    given_back: Scaled,
    money: Option<Vec<[f64; 2]>>,
}

/// Applies a levy to whole books; returns `sum rho w` of before where the kernel is `Anything`.
pub fn levy<F: Real>(accounts: &mut Accounts<F>, roster: &Roster<F>, levy: &Levy<'_>) -> Scaled {
    let n = accounts.wealth.len();
    let work = |scratch: &mut Scratch<F>, mut task: Task<'_, F>| task.tax(levy, false, scratch);
    let parts = threads::map(tasks(accounts, None, &roster.rho), || Scratch::new(n), work);
    Scaled::sum(parts.iter().copied())
}

/// Rounds to play, and how.
pub struct Game<'a, P> {
    pub rounds: &'a Rounds<'a, P>,
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
    fn next(&self) -> Next {
        if self.flows { Next::Row } else { Next::Tile }
    }

    fn stake(&self, stakes: Option<&[f64]>, i: usize) -> f64 {
        stakes.map_or(1.0, |b| b[i] * self.fraction)
    }

    /// Plays every round against `accounts`. On an interruption `accounts` stands after the last settled round.
    pub fn play<F: Real>(
        &self,
        accounts: &mut Accounts<F>,
        roster: &Roster<F>,
        mut taxman: Taxman<'_, F>,
        mut track: Option<&mut Track<F>>,
        spare: Option<Book<F>>,
    ) -> Result<Played> {
        let mut played = Played::default();
        if self.flows && track.is_none() {
            self.flow(accounts, roster, spare, &mut played)?;
            return Ok(played);
        }
        for t in 0..self.rounds.rounds {
            if (self.interrupt)() {
                return Err(MarketError::Interrupted { rounds: t as u64 });
            }
            self.step(accounts, roster, &mut taxman, track.as_deref_mut(), t, &mut played)?;
        }
        Ok(played)
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
        // the first rounds copy each tile on their way, from the book that is kept in case the call is refused
        let mut before = (self.rounds.rounds > 0).then(|| accounts.replace_wealth(spare));
        for start in (0..self.rounds.rounds).step_by(per_chunk) {
            if (self.interrupt)() {
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
                    for t in span.clone() {
                        if measured > 0 && !task.measure(self, t, scratch, &mut sums) {
                            return Err(t);
                        }
                        let (sum, zeros) = task.settle_all(self, None, t, scratch).ok_or(t)?;
                        zero |= zeros;
                        sums.push(sum);
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
    fn check<R>(&self, parts: &[std::result::Result<R, usize>], n: usize) -> Result<()> {
        let bad = parts
            .iter()
            .enumerate()
            .filter_map(|(tile, p)| p.as_ref().err().map(|&t| (t, tile)))
            .min();
        let Some((t, tile)) = bad else { return Ok(()) };
        let fault = self.rounds.fault(t, tile * TILE..((tile + 1) * TILE).min(n));
        Err(fault.unwrap_or_else(|| MarketError::input(format!("round {t}: a forecast is not valid"))))
    }

    /// Writes down the prices `sums / stake` of round t.
    fn record(&self, sums: &[Scaled], stake: Scaled, t: usize, played: &mut Played) -> Result<Scaled> {
        let price = sums[self.rounds.outcome(t)] / stake;
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
        played.prices.extend(sums.iter().map(|&s| (s / stake).to_f64()));
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
        let measured = if self.everything && self.rounds.width() == 1 {
            0
        } else {
            self.rounds.width()
        };
        let by_tile = if self.everything { taxman.groups_by_tile() } else { None };
        let parts = threads::map(
            tasks(accounts, track.as_deref_mut(), &roster.rho),
            || Scratch::new(n),
            |scratch, mut task| {
                let given_back = levy
                    .as_ref()
                    .map_or(Scaled::ZERO, |l| task.tax(l, self.everything, scratch));
                let mut sums = Vec::with_capacity(measured + 1);
                if measured > 0 && !task.measure(self, t, scratch, &mut sums) {
                    return Err(t);
                }
                let mut zero = false;
                if self.everything {
                    let (sum, zeros) = task.settle_all(self, levy.as_ref(), t, scratch).ok_or(t)?;
                    sums.push(sum);
                    zero = zeros;
                }
                let money = by_tile.map(|g| g.tile_money(task.tile, task.wealth.as_ref(), task.rho));
                Ok(Part {
                    sums,
                    zero,
                    given_back,
                    money,
                })
            },
        );
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
            if let Some(groups) = by_tile {
                let money: Vec<_> = parts.into_iter().filter_map(|p| p.money).collect();
                taxman.money = Some(groups.gather(&money, &accounts.wealth, &roster.rho, total.exponent));
            }
            price.log2()
        } else if sums[measured].is_zero() {
            // nobody awake has money
            self.record_asleep(played);
            let uniform = Scaled::new(1.0 / self.rounds.outcomes as f64, 0);
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

    /// Nobody awake: the price is uniform and no money moves.
    #[allow(clippy::cast_precision_loss)]
    fn record_asleep(&self, played: &mut Played) {
        let outcomes = self.rounds.outcomes as f64;
        played
            .prices
            .extend(std::iter::repeat_n(1.0 / outcomes, self.rounds.width()));
        played.losses.push(outcomes.log2());
    }

    /// The regret of those who are awake without money, against the uniform price.
    fn track_asleep<F: Real>(&self, track: &mut Track<F>, t: usize, price: Scaled) {
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
        let stake = if self.everything { accounts.total } else { sum(width) };
        #[allow(clippy::cast_precision_loss)]
        let uniform = 1.0 / width as f64;
        Ok((0..width)
            .map(|k| {
                if stake.is_zero() {
                    uniform
                } else {
                    (sum(k) / stake).to_f64()
                }
            })
            .collect())
    }
}

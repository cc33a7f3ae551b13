//! One tile's part of a round: the tax, the sums that make the price, the growth.

use crate::accounts::book::{Book, TILE};
use crate::accounts::entered::{Copied, Entered};
use crate::accounts::tile::TileMut;
use crate::grue::levy::Levy;
use crate::lanes::{self, several::ROUNDS};
use crate::market::clear::Growth;
use crate::market::play::Game;
use crate::market::regret::Track;
use crate::market::state::Accounts;
use crate::real::{Real, pow2};
use crate::rounds::{Layout, Next, Rounds};
use crate::scaled::Scaled;
use std::ops::Range;
use std::sync::Arc;

/// One tile's part of everything that moves with wealth.
pub(super) struct Task<'a, F> {
    pub(super) tile: usize,
    pub(super) wealth: TileMut<'a, F>,
    pub(super) unredefined: Option<TileMut<'a, F>>,
    pub(super) scores: Option<TileMut<'a, F>>,
    pub(super) likelihoods: Option<TileMut<'a, F>>,
    pub(super) prices: Option<TileMut<'a, F>>,
    pub(super) rho: &'a Entered<F>,
}

/// Rows that a worker reads forecasts into.
pub(super) struct Scratch<F> {
    row: Vec<F>,
    weighted: Vec<F>,
    sums: Vec<F>,
    /// A sum an outcome.
    dots: Vec<f64>,
    ones: Vec<f64>,
    /// A tile of the prior without those who have not entered.
    pub(super) rho: Copied<F>,
}

impl<F: Real> Scratch<F> {
    pub(super) fn new(traders: usize) -> Self {
        let n = traders.min(TILE);
        Self {
            row: vec![F::ZERO; n],
            weighted: vec![F::ZERO; n],
            sums: vec![F::ZERO; n],
            dots: Vec::new(),
            ones: vec![1.0; n],
            rho: Copied::default(),
        }
    }
}

pub(super) fn tasks<'a, F: Real>(
    accounts: &'a mut Accounts<F>,
    track: Option<&'a mut Track<F>>,
    rho: &'a Entered<F>,
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
            rho,
        })
        .collect()
}

impl<F: Real> Task<'_, F> {
    pub(super) fn range(&self) -> Range<usize> {
        self.tile * TILE..self.tile * TILE + self.wealth.m.len()
    }

    /// Levies the tax; the stay of the unredefined money is left to `settle_all` where `settles`. `next` is read after it.
    pub(super) fn tax(&mut self, levy: &Levy<'_>, settles: bool, next: &[F], scratch: &mut Scratch<F>) -> Scaled {
        let later = settles && levy.as_one_map().is_some();
        let rho = self.rho.tile(self.tile, &mut scratch.rho);
        if let (Some(old), false) = (&mut self.unredefined, later) {
            levy.apply_stay(self.tile, old, rho, &mut scratch.row[..self.wealth.m.len()]);
        }
        levy.apply(self.tile, &mut self.wealth, rho, next)
    }

    /// Multiplies everything that moves with wealth by `row`; returns the new sum of wealth.
    pub(super) fn multiply(&mut self, row: &[F], least: f64, exact: impl Fn(usize) -> Scaled) -> Scaled {
        for companion in [&mut self.unredefined, &mut self.scores].into_iter().flatten() {
            companion.multiply(row, least, &exact);
        }
        self.wealth.multiply(row, least, &exact)
    }

    /// The stake-weighted sums of round t's forecasts, one an outcome, then the sum of stakes where not all is staked.
    /// False where a forecast is not valid.
    pub(super) fn measure<P: Real>(
        &self,
        game: &Game<'_, P>,
        t: usize,
        scratch: &mut Scratch<F>,
        sums: &mut Vec<Scaled>,
    ) -> bool {
        let (rounds, range) = (game.rounds, self.range());
        let n = range.len();
        let stakes = if game.everything {
            if let Some(valid) = self.measure_in_place(game, t, scratch, sums) {
                return valid;
            }
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

    /// The same where all is staked and every outcome's forecasts can be read in place, in one pass, run by run; None where
    /// they cannot.
    fn measure_in_place<P: Real>(
        &self,
        game: &Game<'_, P>,
        t: usize,
        scratch: &mut Scratch<F>,
        sums: &mut Vec<Scaled>,
    ) -> Option<bool> {
        let (rounds, range) = (game.rounds, self.range());
        if rounds.layout != Layout::Full {
            return None;
        }
        scratch.dots.clear();
        scratch.dots.resize(rounds.outcomes, 0.0);
        let mut valid = true;
        for start in (0..range.len()).step_by(lanes::RUN) {
            let run = start..(start + lanes::RUN).min(range.len());
            let totals = &mut scratch.sums[..run.len()];
            totals.fill(F::ZERO);
            for (k, dot) in scratch.dots.iter_mut().enumerate() {
                let (row, next) = rounds.in_place::<F>(t, k, range.clone(), game.next())?;
                let next = next.get(run.clone()).unwrap_or_default();
                let (sum, positive) = lanes::weigh_in(&self.wealth.m[run.clone()], &row[run.clone()], totals, next);
                *dot += sum;
                valid &= positive;
            }
            valid &= lanes::near_one(totals, P::SUM_TOLERANCE);
        }
        // a float's sums may be too coarse to condemn
        if !valid && rounds.fault(t, range.clone()).is_some() {
            return Some(false);
        }
        for (k, &dot) in scratch.dots.iter().enumerate() {
            let exact = |i: usize| Scaled::new(rounds.at(t, k, range.start + i), 0);
            sums.push(self.wealth.as_ref().dotted(dot, exact));
        }
        Some(true)
    }

    /// Settles round t for traders who stake everything, carrying out the stay of `levy` for the unredefined money on the
    /// way; returns the new sum of wealth, or None for an invalid forecast.
    pub(super) fn settle_all<P: Real>(
        &mut self,
        game: &Game<'_, P>,
        levy: Option<&Levy<'_>>,
        t: usize,
        next: Next,
        scratch: &mut Scratch<F>,
    ) -> Option<(Scaled, bool)> {
        let (rounds, range) = (game.rounds, self.range());
        let x = rounds.outcome(t);
        let exact = |i: usize| Scaled::new(rounds.at(t, x, range.start + i), 0);
        let in_place = rounds.in_place(t, x, range.clone(), next);
        let (row, extent, sum) = if let Some((row, ahead)) = in_place {
            let (sum, extent) = self
                .wealth
                .check_and_multiply(row, ahead, matches!(next, Next::Tile), exact)
                .ok()?;
            (row, extent, sum)
        } else {
            let (row, extent) = rounds.load(t, x, range.clone(), next, &mut scratch.row[..range.len()]);
            if !extent.valid {
                return None;
            }
            (row, extent, self.wealth.multiply(row, extent.least, exact))
        };
        if let Some(old) = &mut self.unredefined {
            match levy.and_then(Levy::as_one_map) {
                Some(stay) => {
                    let rho = self.rho.tile(self.tile, &mut scratch.rho);
                    old.stay_and_multiply(rho, stay, row, extent.least, exact);
                }
                None => drop(old.multiply(row, extent.least, exact)),
            }
        }
        for companion in [&mut self.scores, &mut self.likelihoods].into_iter().flatten() {
            companion.multiply(row, extent.least, exact);
        }
        Some((sum, extent.zero))
    }

    /// [`Self::settle_all`] for the rounds from t on, several in one pass, of likelihoods in the book's own type; pushes the
    /// new sums, and tells whether there was a 0. Where that cannot be, nothing is done; the index of the round that needs a
    /// closer look is returned.
    pub(super) fn settle_several<P: Real>(
        &mut self,
        game: &Game<'_, P>,
        t: usize,
        span: &Range<usize>,
        scratch: &mut Scratch<F>,
        sums: &mut Vec<Scaled>,
    ) -> Result<bool, usize> {
        let (rounds, range) = (game.rounds, self.range());
        let (mut rows, mut ahead) = ([&[][..]; ROUNDS], [&[][..]; ROUNDS]);
        for r in 0..ROUNDS {
            let next = Next::within(span, t + ROUNDS + r);
            (rows[r], ahead[r]) = rounds.in_place(t + r, 0, range.clone(), next).ok_or(ROUNDS)?;
        }
        let extents = self
            .wealth
            .multiply_several(rows, ahead, &mut scratch.row[..range.len()], sums)?;
        for (r, (row, extent)) in rows.into_iter().zip(extents).enumerate() {
            let exact = |i: usize| Scaled::new(rounds.at(t + r, 0, range.start + i), 0);
            for companion in [&mut self.unredefined, &mut self.scores].into_iter().flatten() {
                companion.multiply(row, extent.least, exact);
            }
        }
        Ok(extents.iter().any(|e| e.zero))
    }

    /// Settles round t by another rule than Kelly's; returns the new sum of wealth.
    pub(super) fn settle_by_rule<P: Real>(
        &mut self,
        game: &Game<'_, P>,
        t: usize,
        growth: &Growth<'_>,
        scratch: &mut Scratch<F>,
    ) -> Scaled {
        self.track_awake(game, t, growth.price, scratch);
        let range = self.range();
        let n = range.len();
        let (row, factors) = (&mut scratch.row[..n], &mut scratch.weighted[..n]);
        let stakes = game.rounds.stakes(t).map(|b| &b[range]);
        let mut least = growth.shares(row);
        let Some(stakes) = stakes else {
            return self.multiply(row, least, |i| growth.exact(i));
        };
        let kept = growth.kept;
        lanes::settle(row, factors, stakes, 1.0, kept.to_f64());
        // who stakes all is left what it has grown to, who does not at least 2^-53 of what it kept
        let held = least.min(kept.to_f64() * pow2(-53)) >= F::LIMIT;
        least = if held { lanes::least(factors).min(1.0) } else { 0.0 };
        self.multiply(factors, least, |i| {
            growth.exact(i) * stakes[i] + kept * (1.0 - stakes[i])
        })
    }

    /// Multiplies up what regret is worked out from, for those who are awake in round t.
    fn track_awake<P: Real>(&mut self, game: &Game<'_, P>, t: usize, price: Scaled, scratch: &mut Scratch<F>) {
        let (rounds, range) = (game.rounds, self.range());
        let (x, n) = (rounds.outcome(t), range.len());
        let (Some(likelihoods), Some(prices)) = (&mut self.likelihoods, &mut self.prices) else {
            return;
        };
        let stakes = stakes_of(rounds, t, &range, &scratch.ones);
        let (row, factors) = (&mut scratch.row[..n], &mut scratch.weighted[..n]);
        let at = |i: usize| Scaled::new(rounds.at(t, x, range.start + i), 0);
        let asleep = |i: usize| stakes[i] == 0.0;
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

    /// Settles round t at `price` for traders who stake fractions; returns the new sum of wealth.
    pub(super) fn settle_part<P: Real>(
        &mut self,
        game: &Game<'_, P>,
        t: usize,
        price: Scaled,
        scratch: &mut Scratch<F>,
    ) -> Scaled {
        let (rounds, range) = (game.rounds, self.range());
        let (x, n) = (rounds.outcome(t), range.len());
        self.track_awake(game, t, price, scratch);
        let stakes = stakes_of(rounds, t, &range, &scratch.ones);
        let (row, factors) = (&mut scratch.row[..n], &mut scratch.weighted[..n]);
        let (given, extent) = rounds.load(t, x, range.clone(), game.next(), row);
        let at = |i: usize| Scaled::new(rounds.at(t, x, range.start + i), 0);
        let plain = price.exponent > -900;
        lanes::settle(given, factors, stakes, game.fraction, price.to_f64());
        // who stakes all is left its likelihood, who does not at least 2^-53 of the price
        let held = extent.least.min(price.to_f64() * pow2(-53)) >= F::LIMIT;
        let least = if plain && held {
            lanes::least(factors).min(1.0)
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

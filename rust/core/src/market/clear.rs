//! Rounds that clear by another rule than Kelly's.
//!
//! What the awake stake and forecast is gathered in parts, a tile each, and the rule finds a price. A unit staked then
//! grows by G, so wealth is multiplied by `b G + 1 - b`. As in a Kelly round the books are not multiplied by that but by
//! its share of the greatest growth, which lies in [0, 1], and the book's total falls instead of the poor's accounts.

use crate::accounts::book::{Book, TILE};
use crate::accounts::tile::TileRef;
use crate::clearing::{Opened, Part, Price, Room, Rule, Settled, Who};
use crate::error::{MarketError, Result};
use crate::lanes;
use crate::market::Spare;
use crate::market::play::{Game, Played};
use crate::market::regret::Track;
use crate::market::rule::in_round;
use crate::market::state::{Accounts, Roster};
use crate::market::tax::Taxman;
use crate::market::tile::{Scratch, Task, tasks};
use crate::real::{Real, pow2};
use crate::rounds::{Layout, Next, Rounds};
use crate::scaled::Scaled;
use crate::threads;
use std::ops::Range;
use std::sync::Arc;

/// Traders whose forecasts are checked outcome by outcome before the next: their totals stay at hand.
const CHECKED: usize = 512;
/// A stake below this, in units of its trader's wealth, is worked out in scaled arithmetic.
const SMALL: i64 = -400;
/// Stakes may be in units of which the greatest has 2 to the power of this, or of minus this.
const FAR: i64 = 100;
/// A growth of more bits than this takes what is left of others near a float's least.
const STEEP: f64 = 900.0;

/// What a tile's traders stake and forecast in a round.
#[derive(Debug)]
struct Sheet {
    range: Range<usize>,
    /// What each stakes, in units of `2^unit`; 0 for what is too little to count beside the greatest stake.
    stakes: Vec<f64>,
    /// Whether the book's own numbers are that, and are read in place.
    own: bool,
    unit: i64,
    /// The exponent of the greatest stake beside the maker's, if there is one.
    top: Option<i64>,
    /// Where the rule's maker stands, if it is in this tile, and what it stakes.
    maker: Option<(usize, Scaled)>,
    /// The rows that cannot be read in place.
    forecasts: Vec<f64>,
    /// What the rule makes its price of, if it has such sums.
    opened: Option<Opened>,
}

/// What rounds by a rule leave to the next.
#[derive(Debug, Default)]
pub(super) struct Desk {
    size: Option<Size>,
    sheets: Vec<Sheet>,
    /// What units staked grow by, as the rule has written it.
    growth: Vec<f64>,
    room: Room,
}

/// What a desk is made for.
#[derive(Debug, PartialEq)]
struct Size {
    traders: usize,
    /// Outcomes whose forecasts cannot be read in place.
    rows: usize,
    maker: Option<usize>,
}

/// How a tile is settled.
pub(super) struct Growth<'a> {
    /// What units staked have grown by, as it is written; nothing for who has lost all or sleeps.
    pub(super) written: &'a [f64],
    pub(super) settled: Settled,
    /// The greatest that is written of all tiles.
    pub(super) top: f64,
    /// What is left of what was not staked, in the units that make the greatest growth 1.
    pub(super) kept: Scaled,
    pub(super) price: Scaled,
}

impl Growth<'_> {
    /// Every growth as a share of the greatest; returns the least that is above 0, as 0 where a float does not hold it.
    pub(super) fn shares<F: Real>(&self, row: &mut [F]) -> f64 {
        let least = if self.settled.greatest.is_some() {
            lanes::growth::shares(self.written, 1.0 / self.top, row);
            lanes::least(self.written) / self.top
        } else {
            lanes::growth::powers(self.written, self.top, row);
            (lanes::growth::span(self.written).0 - self.top).exp2()
        };
        if least == f64::INFINITY { 1.0 } else { least }
    }

    /// The same of one trader, where a float might not hold it.
    pub(super) fn exact(&self, i: usize) -> Scaled {
        if self.settled.greatest.is_some() {
            Scaled::new(self.written[i], 0) / Scaled::new(self.top, 0)
        } else {
            self.settled.growth(self.written[i] - self.top)
        }
    }
}

/// What all tiles have in common when they are settled.
struct Scale {
    settled: Settled,
    top: f64,
    kept: Scaled,
}

impl Sheet {
    fn new(size: &Size, tile: usize) -> Self {
        let range = tile * TILE..((tile + 1) * TILE).min(size.traders);
        let maker = size.maker.filter(|i| range.contains(i));
        Self {
            stakes: vec![0.0; range.len()],
            own: false,
            unit: 0,
            top: None,
            maker: maker.map(|i| (i - range.start, Scaled::ZERO)),
            forecasts: vec![0.0; size.rows * range.len()],
            opened: None,
            range,
        }
    }

    /// Takes in round t; gives t back where a forecast is not valid.
    fn fill<F: Real, P: Real>(
        &mut self,
        rounds: &Rounds<'_, P>,
        rule: &Rule,
        wealth: TileRef<'_, F>,
        t: usize,
        totals: &mut [f64; CHECKED],
    ) -> std::result::Result<(), usize> {
        // a rule that opens checks what it reads
        if !(rule.opens() && self.forecasts.is_empty()) {
            self.take_in(rounds, t, totals)?;
        }
        self.stake(wealth, rounds.stakes(t).map(|b| &b[self.range.clone()]));
        self.opened = rule.open(&self.part(rounds, wealth, t), P::SUM_TOLERANCE);
        let valid = self.opened.as_ref().is_none_or(Opened::valid);
        if !valid && rounds.fault(t, self.range.clone()).is_some() {
            return Err(t);
        }
        Ok(())
    }

    /// Checks the forecasts, and keeps those that cannot be read in place.
    fn take_in<P: Real>(
        &mut self,
        rounds: &Rounds<'_, P>,
        t: usize,
        totals: &mut [f64; CHECKED],
    ) -> std::result::Result<(), usize> {
        let n = self.range.len();
        for start in (0..n).step_by(CHECKED) {
            let run = start..(start + CHECKED).min(n);
            let range = self.range.start + run.start..self.range.start + run.end;
            let totals = &mut totals[..run.len()];
            totals.fill(0.0);
            for k in 0..rounds.outcomes {
                let row = self.forecasts.get_mut(k * n + run.start..k * n + run.end);
                let (given, extent) = rounds.load::<f64>(t, k, range.clone(), Next::Tile, row.unwrap_or_default());
                if !extent.valid {
                    return Err(t);
                }
                if rounds.layout == Layout::Full {
                    lanes::add_row(totals, given);
                }
            }
            let near = rounds.layout != Layout::Full || lanes::near_one(totals, P::SUM_TOLERANCE);
            if !near && rounds.fault(t, range).is_some() {
                return Err(t);
            }
        }
        Ok(())
    }

    /// Works out what each stakes, in a unit of the tile's own.
    fn stake<F: Real>(&mut self, wealth: TileRef<'_, F>, stakes: Option<&[f64]>) {
        let staked = |i: usize| wealth.value(i) * stakes.map_or(1.0, |b| b[i]);
        if let Some((i, made)) = &mut self.maker {
            *made = staked(*i);
        }
        let small = stakes.is_some_and(|b| lanes::least(b) < pow2(SMALL));
        let plain = wealth.tile.drained.is_empty() && !small;
        self.own = plain && stakes.is_none() && self.maker.is_none() && F::DTYPE == f64::DTYPE;
        if self.own {
            self.unit = wealth.tile.exponent;
        } else if plain {
            self.unit = wealth.tile.exponent;
            lanes::convert(wealth.m, &mut self.stakes);
            if let Some(b) = stakes {
                self.stakes.iter_mut().zip(b).for_each(|(u, b)| *u *= b);
            }
        } else {
            let maker = self.maker.map(|(i, _)| i);
            let all: Vec<_> = (0..self.stakes.len())
                .map(|i| if Some(i) == maker { Scaled::ZERO } else { staked(i) })
                .collect();
            self.unit = all
                .iter()
                .filter(|u| !u.is_zero())
                .map(|u| u.exponent)
                .max()
                .unwrap_or(0);
            for (u, staked) in self.stakes.iter_mut().zip(all) {
                *u = staked.in_units_of(self.unit);
            }
        }
        if let Some((i, _)) = self.maker {
            self.stakes[i] = 0.0; // until the others' unit is known
        }
        let most = lanes::extremes(self.stakes(wealth)).0;
        self.top = (most > 0.0).then(|| Scaled::new(most, self.unit).exponent);
    }

    fn stakes<'a, F: Real>(&'a self, wealth: TileRef<'a, F>) -> &'a [f64] {
        if self.own {
            bytemuck::cast_slice(wealth.m)
        } else {
            &self.stakes
        }
    }

    /// Changes to units of `2^unit`.
    fn rescale<F: Real>(&mut self, wealth: TileRef<'_, F>, unit: i64) {
        let shift = self.unit - unit;
        if shift != 0 {
            if self.own {
                lanes::convert(wealth.m, &mut self.stakes);
                self.own = false;
            }
            // in two steps, since a float may not hold the whole shift
            for factor in [pow2(shift / 2), pow2(shift - shift / 2)] {
                lanes::scale(&mut self.stakes, factor);
                self.opened.iter_mut().for_each(|opened| opened.scale(factor));
            }
        }
        self.unit = unit;
        if let Some((i, made)) = self.maker {
            self.stakes[i] = Rule::held(made, unit);
        }
    }

    fn part<'a, F: Real, P: Real>(&'a self, rounds: &'a Rounds<'_, P>, wealth: TileRef<'a, F>, t: usize) -> Part<'a> {
        let n = self.range.len();
        let row = |k: usize| match rounds.in_place::<f64>(t, k, self.range.clone(), Next::Sent) {
            Some((row, _)) => row,
            None => &self.forecasts[k * n..(k + 1) * n],
        };
        Part {
            stakes: self.stakes(wealth),
            rows: (0..rounds.outcomes).map(row).collect(),
            traders: Who::From(self.range.start),
        }
    }
}

impl Desk {
    /// Makes it fit these rounds, if it does not.
    fn set<P: Real>(&mut self, game: &Game<'_, P>) {
        let (rounds, maker) = (game.rounds, game.rule.maker());
        let in_place = rounds.layout == Layout::Full && P::DTYPE == f64::DTYPE;
        let size = Size {
            traders: rounds.traders,
            rows: if in_place { 0 } else { rounds.outcomes },
            maker,
        };
        if self.size.as_ref() != Some(&size) {
            let tiles = 0..size.traders.div_ceil(TILE);
            *self = Self {
                sheets: tiles.map(|tile| Sheet::new(&size, tile)).collect(),
                growth: vec![0.0; size.traders],
                room: Room::default(),
                size: Some(size),
            };
        }
    }
}

impl<P: Real> Game<'_, P> {
    /// [`Game::play`] by another rule than Kelly's.
    pub(super) fn play_by_rule<F: Real>(
        &self,
        accounts: &mut Accounts<F>,
        roster: &Roster<F>,
        taxman: &mut Taxman<'_, F>,
        mut track: Option<&mut Track<F>>,
        spare: &mut Spare<F>,
    ) -> Result<Played> {
        let mut played = Played::default();
        let mut book = spare.take();
        let desk = &mut spare.desk;
        desk.set(self);
        for t in 0..self.rounds.rounds {
            if (self.interrupt)() {
                return Err(MarketError::Interrupted { rounds: t as u64 });
            }
            if let Some(due) = taxman.due(self.first + t as u64)? {
                taxman.levy(accounts, roster, due);
            }
            taxman.money = None; // of before this round
            let Some(price) = self.clear_by_rule(&accounts.wealth, t, desk)? else {
                let uniform = self.record_asleep(&mut played);
                if let Some(track) = track.as_deref_mut() {
                    self.track_asleep(track, t, uniform);
                }
                continue;
            };
            played.record(&price, self.rounds.outcome(t), t)?;
            let of_outcome = Scaled::new(price.prices[self.rounds.outcome(t)], 0);
            let scale = self.grow(&accounts.wealth, price, t, desk);
            // a book that is kept in case the call is refused is copied tile by tile
            let kept = Arc::get_mut(&mut accounts.wealth).is_none();
            let before = kept.then(|| accounts.replace_wealth(book.take()));
            let settle = |scratch: &mut Scratch<F>, mut task: Task<'_, F>| {
                if let Some(before) = &before {
                    task.wealth.copy_from(before.tile(task.tile));
                }
                let growth = Growth {
                    written: &desk.growth[task.range()],
                    settled: scale.settled,
                    top: scale.top,
                    kept: scale.kept,
                    price: of_outcome,
                };
                task.settle_by_rule(self, t, &growth, scratch)
            };
            let tiles = tasks(accounts, track.as_deref_mut(), &roster.rho);
            let sums = threads::map(tiles, || Scratch::new(self.rounds.traders), settle);
            accounts.total = Scaled::sum(sums.iter().copied());
            accounts.bankruptcies = true;
        }
        Ok(played)
    }

    /// The price of round t; `None` where nobody awake has money.
    fn clear_by_rule<F: Real>(&self, wealth: &Book<F>, t: usize, desk: &mut Desk) -> Result<Option<Price>> {
        let Desk { sheets, room, .. } = desk;
        let n = self.rounds.traders;
        let fill = |totals: &mut [f64; CHECKED], (tile, sheet): (usize, &mut Sheet)| {
            sheet.fill(self.rounds, self.rule, wealth.tile(tile), t, totals)
        };
        let filled = threads::map(sheets.iter_mut().enumerate().collect(), || [0.0; CHECKED], fill);
        self.check(&filled, n)?;
        let maker = sheets.iter().find_map(|sheet| sheet.maker).map(|(_, made)| made);
        let alone = maker.filter(|made| !made.is_zero()).map(|made| made.exponent);
        let Some(top) = sheets.iter().filter_map(|sheet| sheet.top).max().or(alone) else {
            return Ok(None);
        };
        // the books' own unit mostly serves
        let unit = sheets.iter().map(|sheet| sheet.unit).max().unwrap_or(top);
        let unit = if (unit - top).abs() < FAR { unit } else { top };
        threads::map(
            sheets.iter_mut().enumerate().collect(),
            || (),
            |(), (tile, sheet): (usize, &mut Sheet)| sheet.rescale(wealth.tile(tile), unit),
        );
        let mut opened = sheets.iter().filter_map(|sheet| sheet.opened.as_ref());
        let opened = opened.next().map(|first| opened.fold(first.clone(), Opened::and));
        let parts = self.parts(sheets, wealth, t);
        self.rule
            .clear_in(room, self.rounds.outcomes, &parts, opened.as_ref(), true)
            .map_err(|error| in_round(error, t))
    }

    fn parts<'a, F: Real>(&'a self, sheets: &'a [Sheet], wealth: &'a Book<F>, t: usize) -> Vec<Part<'a>> {
        let part = |(tile, sheet): (usize, &'a Sheet)| sheet.part(self.rounds, wealth.tile(tile), t);
        sheets.iter().enumerate().map(part).collect()
    }

    /// Works out everybody's growth but for a common factor, and what it is to be measured by.
    fn grow<F: Real>(&self, wealth: &Book<F>, price: Price, t: usize, desk: &mut Desk) -> Scale {
        let Desk {
            sheets, growth, room, ..
        } = desk;
        let parts = self.parts(sheets, wealth, t);
        let settled = self.rule.settle(&price, &parts, self.rounds.outcome(t), true, growth);
        room.leave_round(price);
        let stakes = self.rounds.stakes(t);
        let plain = settled.greatest.is_some();
        let none = if plain { 0.0 } else { f64::NEG_INFINITY };
        let top = settled.greatest.filter(|_| stakes.is_none()).unwrap_or_else(|| {
            let work = |(): &mut (), (sheet, growth): (&Sheet, &mut [f64])| {
                if let Some(b) = stakes.map(|b| &b[sheet.range.clone()]) {
                    let asleep = growth.iter_mut().zip(b).filter(|(_, b)| **b == 0.0);
                    asleep.for_each(|(growth, _)| *growth = none);
                }
                lanes::growth::span(growth).1
            };
            let jobs = sheets.iter().zip(growth.chunks_mut(TILE)).collect();
            threads::map(jobs, || (), work).into_iter().fold(none, f64::max)
        });
        // in units of the greatest growth
        let kept = Scaled::ONE / (settled.growth(top) * settled.factor());
        if stakes.is_none() || -kept.log2() > STEEP {
            return Scale { settled, top, kept };
        }
        // who stakes a part must not gain or lose by the price's last digits
        let work = |(): &mut (), (sheet, growth): (&Sheet, &[f64])| {
            let paid = if plain {
                lanes::dot(&sheet.stakes, growth) / top
            } else {
                lanes::growth::paid(growth, top, &sheet.stakes)
            };
            (paid, lanes::sum(&sheet.stakes))
        };
        let jobs = sheets.iter().zip(growth.chunks(TILE)).collect();
        let sums = threads::map(jobs, || (), work);
        let (paid, staked) = sums.into_iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        let kept = if staked < f64::INFINITY {
            Scaled::new(paid / staked, 0)
        } else {
            kept
        };
        Scale { settled, top, kept }
    }

    /// [`Game::price`] by another rule than Kelly's.
    pub(super) fn price_by_rule<F: Real>(&self, wealth: &Book<F>) -> Result<Vec<f64>> {
        let mut desk = Desk::default();
        desk.set(self);
        let price = self.clear_by_rule(wealth, 0, &mut desk)?;
        let outcomes = self.rounds.outcomes;
        Ok(price.map_or_else(|| vec![1.0 / outcomes as f64; outcomes], |price| price.prices))
    }
}

impl Played {
    /// Writes down what a rule has found for round t, in which x happened.
    pub(super) fn record(&mut self, price: &Price, x: usize, t: usize) -> Result<()> {
        if price.prices[x] == 0.0 {
            return Err(MarketError::Impossible {
                episode: None,
                round: t as u64,
                outcome: x.to_string(),
            });
        }
        self.prices.extend(&price.prices);
        self.losses.push(-price.prices[x].log2());
        self.passes.push(price.passes);
        self.residuals.push(price.residual);
        Ok(())
    }
}

/// Those who are awake in a sparse round: trader by trader what they stake, and outcome by outcome their forecasts.
pub(super) struct Listed {
    traders: Vec<i64>,
    stakes: Vec<Scaled>,
    /// The stakes in units of the greatest's exponent.
    shares: Vec<f64>,
    forecasts: Vec<f64>,
}

impl Listed {
    pub(super) fn new(rule: &Rule, traders: Vec<i64>, stakes: Vec<Scaled>, forecasts: Vec<f64>) -> Self {
        let maker = rule
            .maker()
            .and_then(|maker| traders.iter().position(|&i| i as usize == maker));
        let exponent = |(_, u): (usize, &Scaled)| u.exponent;
        let staked = || stakes.iter().enumerate().filter(|(_, u)| !u.is_zero());
        let others = staked().filter(|(i, _)| Some(*i) != maker).map(exponent).max();
        let unit = others.or(staked().map(exponent).max()).unwrap_or(0);
        let mut shares: Vec<_> = stakes.iter().map(|u| u.in_units_of(unit)).collect();
        if let Some(i) = maker {
            shares[i] = Rule::held(stakes[i], unit);
        }
        Self {
            traders,
            stakes,
            shares,
            forecasts,
        }
    }

    fn part(&self) -> Part<'_> {
        Part {
            stakes: &self.shares,
            rows: self.forecasts.chunks_exact(self.stakes.len()).collect(),
            traders: Who::Listed(&self.traders),
        }
    }

    /// The price of round t, in which somebody has money.
    pub(super) fn clear(&self, rule: &Rule, outcomes: usize, t: usize) -> Result<Price> {
        let price = rule.clear(outcomes, &[self.part()], true);
        let price = price.map_err(|error| in_round(error, t))?;
        Ok(price.expect("somebody stakes something"))
    }

    /// What a unit staked by each has grown by where x happened. All stakes together keep their sum, to the last digits.
    pub(super) fn growth(&self, rule: &Rule, price: &Price, x: usize) -> Vec<Scaled> {
        let growth = rule.growth(price, &[self.part()], x, true);
        let paid = Scaled::sum(self.stakes.iter().zip(&growth).map(|(&u, &g)| u * g));
        let staked = Scaled::sum(self.stakes.iter().copied());
        growth.into_iter().map(|g| g * staked / paid).collect()
    }
}

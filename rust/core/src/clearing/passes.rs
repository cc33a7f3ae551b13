//! Passes over the traders of an isoelastic market at trial prices.
//!
//! With `a_ik = q_ik^(1/eta)`, which no price changes, and `r_k = c_k^(-1/eta)` trader i buys `x_ik = u_i a_ik r_k / budget_i`,
//! `budget_i = sum_k c_k r_k a_ik`: where all have one eta the powers are taken once and a pass only multiplies. Where they
//! differ, or powers could leave the range of floats, a pass takes them afresh, of `q_ik / c_k` over its greatest.

use super::isoelastic::Aversion;
use super::room::{in_lines, lined};
use super::tiles::{Cut, Pieces, TILE, Tile, total};
use super::{Room, Round, kelly};
use crate::lanes::prefetch::send_for;
use crate::lanes::{self, budgets, logs};

/// The greatest |ln| of a power that is kept.
const RANGE: f64 = 150.0;
/// A price below which an outcome is given up, if it is wanted lower still: the end of the range of floats.
pub const GIVEN_UP: f64 = 4.0 * f64::MIN_POSITIVE;
/// The most powers that are kept.
const KEPT: usize = 1 << 25;

/// What a pass has found.
pub struct Pass {
    /// `sum_i x_ik / S - 1`
    pub excess: Vec<f64>,
    /// The lower triangle of A / S, row-major; empty where it was not asked for.
    pub slope: Vec<f64>,
    /// The greatest |excess|.
    pub residual: f64,
    /// `ln( sum_i x_ik / S )`, and the greatest |ln| of those not to be given up.
    pub logs: Vec<f64>,
    pub off: f64,
}

/// What every trader could buy at the last price, for the settlement.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// `sum_k c_k (q_ik / c_k * scale_i)^(1/eta_i)`
    pub sums: Vec<f64>,
    pub scales: Vec<f64>,
    pub excess: Vec<f64>,
}

pub struct Passes<'a> {
    cut: &'a Cut<'a>,
    aversion: &'a Aversion,
    outcomes: usize,
    staked: f64,
    /// For each task.
    runs: Vec<Kept>,
    found: Budgets,
    pub count: u32,
}

/// What a task keeps of its tiles.
struct Kept {
    /// The least positive forecast of each.
    least: Vec<f64>,
    /// Whether its scales are all 1.
    plain: Vec<bool>,
    /// The powers, where they are kept.
    powers: Vec<f64>,
}

/// One task of a pass.
struct Task<'a> {
    tiles: &'a [Tile<'a>],
    kept: &'a mut Kept,
    budgets: Pieces<'a, f64>,
    scales: Pieces<'a, f64>,
}

/// Trial prices, and what of them every tile needs.
struct Trial {
    /// 1/eta where it is common.
    power: Option<f64>,
    prices: Vec<f64>,
    /// `1/c_k`; 0 for an outcome without a price.
    inverse: Vec<f64>,
    /// `r_k` and `c_k` `r_k`, where they are within range.
    kept: Option<(Vec<f64>, Vec<f64>)>,
    ones: Vec<f64>,
    slope: bool,
}

/// A worker's rows.
struct Scratch(Vec<f64>);

/// Rows of [`Scratch`] beside the block.
const ROWS: usize = 4;

impl<'a> Passes<'a> {
    /// The Kelly price, and what is kept for every pass.
    pub fn begin(aversion: &'a Aversion, round: &'a Round<'a>, room: &mut Room) -> (Self, Vec<f64>) {
        let (cut, outcomes) = (&round.cut, round.outcomes);
        let power = match aversion {
            Aversion::Common(eta) if cut.places() * outcomes <= KEPT => Some(1.0 / eta),
            _ => None,
        };
        let work = |(): &mut (), (tiles, mut powers): (&[Tile<'_>], Vec<f64>)| {
            let mut sums = vec![0.0; outcomes];
            let mut least = vec![f64::INFINITY; tiles.len()];
            let mut rest = Pieces(in_lines(&mut powers));
            for (tile, least) in tiles.iter().zip(&mut least) {
                for (k, sum) in sums.iter_mut().enumerate() {
                    send_for(tile.ahead(k), tile.len());
                    *sum += lanes::dot(tile.stakes(), tile.row(k));
                    *least = least.min(lanes::least(tile.row(k)));
                    if let Some(power) = power {
                        raise(tile, k, power, rest.take(tile.stride()));
                    }
                }
            }
            let plain = vec![false; tiles.len()];
            (sums, Kept { least, plain, powers })
        };
        let tasks = cut.tasks(true).map(|tiles| {
            let places: usize = tiles.iter().map(Tile::stride).sum();
            (
                tiles,
                room.take(if power.is_some() { lined(places * outcomes) } else { 0 }),
            )
        });
        let (sums, runs) = cut
            .map(tasks.collect::<Vec<_>>().into_iter(), || (), work)
            .into_iter()
            .unzip();
        let mut prices = total(sums);
        let whole: f64 = prices.iter().sum();
        prices
            .iter_mut()
            .for_each(|c| *c = if *c / whole < f64::MIN_POSITIVE { 0.0 } else { *c });
        kelly::normalise(&mut prices);
        let passes = Self {
            cut,
            aversion,
            outcomes,
            staked: round.staked,
            runs,
            found: Budgets {
                sums: room.take(cut.places()),
                scales: room.take(cut.places()),
                excess: Vec::new(),
            },
            count: 0,
        };
        (passes, prices)
    }

    /// One pass at `prices`.
    pub fn look(&mut self, prices: &[f64], slope: bool) -> Pass {
        self.count += 1;
        let trial = Trial::new(self.aversion, prices, slope);
        let k = self.outcomes;
        let (mut budgets, mut scales) = (Pieces(&mut self.found.sums), Pieces(&mut self.found.scales));
        let tasks = self.cut.tasks(true).zip(&mut self.runs).map(|(tiles, kept)| {
            let places = tiles.iter().map(Tile::stride).sum();
            Task {
                tiles,
                kept,
                budgets: Pieces(budgets.take(places)),
                scales: Pieces(scales.take(places)),
            }
        });
        let width = 2 * k + if slope { k * k } else { 0 };
        let aversion = self.aversion;
        let longest = TILE.min(self.cut.places());
        let sums = total(self.cut.map(
            tasks.collect::<Vec<_>>().into_iter(),
            || Scratch(vec![0.0; lined(longest * (k + ROWS))]),
            |scratch, task| task.sums(&trial, aversion, scratch, width),
        ));
        trial.pass(sums, self.staked)
    }

    /// How many passes there were, and what the last has left for the settlement.
    pub fn end(self, excess: Vec<f64>, room: &mut Room) -> (u32, Budgets) {
        room.leave(self.runs.into_iter().map(|kept| kept.powers));
        (self.count, Budgets { excess, ..self.found })
    }
}

/// A tile's powers for an outcome, filled up with zeros.
fn raise(tile: &Tile<'_>, outcome: usize, power: f64, powers: &mut [f64]) {
    let (own, beyond) = powers.split_at_mut(tile.len());
    logs::raise(tile.row(outcome), power, own);
    beyond.fill(0.0);
}

impl Trial {
    fn new(aversion: &Aversion, prices: &[f64], slope: bool) -> Self {
        let power = match aversion {
            Aversion::Common(eta) => Some(1.0 / eta),
            Aversion::Each(_) => None,
        };
        let per = |f: &dyn Fn(f64) -> f64| {
            prices
                .iter()
                .map(|&c| if c > 0.0 { f(c) } else { 0.0 })
                .collect::<Vec<_>>()
        };
        let least = prices.iter().copied().filter(|c| *c > 0.0).fold(1.0, f64::min);
        let kept = power.filter(|p| -p * logs::ln(least) <= RANGE).map(|p| {
            let r = per(&|c| logs::exp(-p * logs::ln(c)));
            let spent = r.iter().zip(prices).map(|(r, c)| r * c).collect();
            (r, spent)
        });
        Self {
            power,
            prices: prices.to_vec(),
            inverse: per(&|c| 1.0 / c),
            kept,
            ones: vec![1.0; prices.len()],
            slope,
        }
    }

    /// What the sums of all tasks say.
    fn pass(&self, sums: Vec<f64>, staked: f64) -> Pass {
        let n = self.prices.len();
        let (demand, rest) = sums.split_at(n);
        let (own, products) = rest.split_at(n);
        let excess: Vec<_> = demand
            .iter()
            .zip(&self.prices)
            .map(|(d, &c)| if c > 0.0 { d / staked - 1.0 } else { 0.0 })
            .collect();
        let most = |most: f64, z: &f64| if z.is_nan() { f64::INFINITY } else { most.max(z.abs()) };
        let mut slope = products.to_vec();
        let (curve, power) = self.power.map_or((1.0, 1.0), |p| (p - 1.0, p));
        slope.iter_mut().for_each(|x| *x *= -curve / staked);
        for k in 0..if self.slope { n } else { 0 } {
            let spent = if self.power.is_some() {
                self.prices[k] * demand[k]
            } else {
                own[k]
            };
            slope[k * n + k] += power * spent / staked;
        }
        let logs: Vec<_> = excess.iter().map(|z| logs::ln(1.0 + z).max(-RANGE)).collect();
        Pass {
            off: logs
                .iter()
                .zip(&self.prices)
                .filter(|(l, c)| **c > GIVEN_UP || **l > 0.0)
                .map(|(l, _)| l)
                .fold(0.0, most),
            logs,
            residual: excess.iter().fold(0.0, most),
            excess,
            slope,
        }
    }
}

impl Task<'_> {
    /// Demand, what is spent over eta, and the products of shares, one after another.
    fn sums(mut self, trial: &Trial, aversion: &Aversion, scratch: &mut Scratch, width: usize) -> Vec<f64> {
        let outcomes = trial.prices.len();
        let mut sums = vec![0.0; width];
        let mut powers = &*in_lines(&mut self.kept.powers);
        let known = self.kept.least.iter().zip(&mut self.kept.plain);
        for (tile, (&least, plain)) in self.tiles.iter().zip(known) {
            let stride = tile.stride();
            let kept = powers.split_at_checked(stride * outcomes).map(|(block, after)| {
                powers = after;
                block
            });
            let (mut rows, fresh) = scratch.rows(tile, outcomes);
            rows.budgets = self.budgets.take(stride);
            let scales = self.scales.take(stride);
            match (&trial.kept, trial.power) {
                (Some((r, spent)), Some(power)) if -power * logs::ln(least) <= RANGE => {
                    if !*plain {
                        scales.fill(1.0);
                        *plain = true;
                    }
                    let block = kept.unwrap_or_else(|| {
                        for (k, row) in fresh.chunks_exact_mut(stride).enumerate() {
                            raise(tile, k, power, row);
                        }
                        fresh
                    });
                    rows.add(block, spent, r, trial, &mut sums);
                }
                _ => {
                    *plain = false;
                    rows.raise(tile, trial, aversion, fresh, scales);
                    rows.add(fresh, &trial.prices, &trial.ones, trial, &mut sums);
                }
            }
        }
        sums
    }
}

/// A worker's rows for one tile, of `stride` numbers each.
struct Rows<'a> {
    /// 0 behind the last trader.
    stakes: &'a [f64],
    budgets: &'a mut [f64],
    spent: &'a mut [f64],
    factors: &'a mut [f64],
    powers: &'a mut [f64],
}

impl Scratch {
    /// The rows for a tile, and room for its powers.
    fn rows<'a>(&'a mut self, tile: &Tile<'a>, outcomes: usize) -> (Rows<'a>, &'a mut [f64]) {
        let (n, stride) = (tile.len(), tile.stride());
        let mut rest = Pieces(in_lines(&mut self.0));
        let mut stakes = tile.stakes();
        if n < stride {
            let filled = rest.take(stride);
            filled[..n].copy_from_slice(stakes);
            filled[n..].fill(0.0);
            stakes = filled;
        }
        let block = rest.take(stride * outcomes);
        let rows = Rows {
            stakes,
            budgets: &mut [],
            spent: rest.take(stride),
            factors: rest.take(stride),
            powers: rest.take(stride),
        };
        (rows, block)
    }
}

impl Rows<'_> {
    /// Fills `block` with `(q_ik / c_k * scale_i)^(1/eta_i)`, where the scale makes the greatest of each trader 1.
    fn raise(&mut self, tile: &Tile<'_>, trial: &Trial, aversion: &Aversion, block: &mut [f64], scales: &mut [f64]) {
        let (n, stride) = (tile.len(), tile.stride());
        for (i, power) in self.powers.iter_mut().enumerate() {
            *power = if i < n { 1.0 / aversion.of(tile.trader(i)) } else { 1.0 };
        }
        scales.fill(0.0);
        for (k, row) in block.chunks_exact_mut(stride).enumerate() {
            budgets::ratios(tile.row(k), trial.inverse[k], &mut row[..n], &mut scales[..n]);
            row[n..].fill(0.0);
        }
        scales
            .iter_mut()
            .for_each(|top| *top = if *top > 0.0 { 1.0 / *top } else { 0.0 });
        for row in block.chunks_exact_mut(stride) {
            logs::raise_scaled(row, scales, self.powers);
        }
    }

    /// Adds up a tile whose traders buy `u_i block_ik scale_k / budget_i`, `budget_i = sum_k weight_k block_ik`.
    fn add(&mut self, block: &[f64], weights: &[f64], scale: &[f64], trial: &Trial, sums: &mut [f64]) {
        let (n, stride) = (weights.len(), self.stakes.len());
        budgets::budgets(block, weights, self.stakes, self.budgets, self.spent);
        let (demand, rest) = sums.split_at_mut(n);
        let (own, products) = rest.split_at_mut(n);
        for ((sum, row), scale) in demand.iter_mut().zip(block.chunks_exact(stride)).zip(scale) {
            *sum += scale * lanes::dot(self.spent, row);
        }
        if !trial.slope {
            return;
        }
        let each = trial.power.is_none();
        if each {
            self.factors
                .iter_mut()
                .zip(&*self.spent)
                .zip(&*self.powers)
                .for_each(|((f, v), p)| *f = v * p);
            for ((sum, row), weight) in own.iter_mut().zip(block.chunks_exact(stride)).zip(weights) {
                *sum += weight * lanes::dot(self.factors, row);
            }
        }
        budgets::curvatures(self.spent, self.budgets, self.factors);
        if each {
            self.factors
                .iter_mut()
                .zip(&*self.powers)
                .for_each(|(f, p)| *f *= p - 1.0);
        }
        budgets::add_products(block, self.factors, weights, products);
    }
}

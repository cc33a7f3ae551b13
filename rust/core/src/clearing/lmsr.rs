//! A market maker by the logarithmic market scoring rule, in a log pool of traders who trade with it.

use super::log_pool::{LogPool, softmax};
use super::tiles::TILE;
use super::{Cut, Opened, Part, Price, Round, Settled, Terms, kelly};
use crate::error::{MarketError, Result};
use crate::lanes::logs;
use std::f64::consts::LOG2_E;

/// One trader is the maker: it always quotes. Its forecast is its opening quote p (uniform in the classical rule), its
/// liquidity `b = liquidity * u_maker`. With S the sum of the others' stakes and `step u_i` their risk tolerances the price is
/// `c_k ∝ exp( (b ln p_k + sum_i step u_i ln q_ik) / (b + step S) )`. If x happens the maker has paid `b ln(c_x / p_x)`, the
/// cost function of the rule (Hanson 2003, 2007; Chen and Pennock 2007): at most `b ln(1 / p_x)`.
///
/// All is worked out from the others' `pull` on the price, `step S / (b + step S)`: of `b ln(c_x / p_x)` a float keeps no
/// digit where they are poor beside the maker.
#[derive(Clone, Debug)]
pub struct Lmsr {
    pub liquidity: f64,
    pub maker: usize,
    pub step: f64,
    pub floor: f64,
}

/// The maker of one round, awake.
#[derive(Clone, Debug)]
pub(super) struct Maker {
    /// The others' share in the price.
    pull: f64,
    /// `ln(c_k / p_k) / pull`: how far the price moves for what the others say.
    moves: Vec<f64>,
    /// What it has paid if outcome k happens, as a share of S.
    paid: Vec<f64>,
}

impl Lmsr {
    pub(super) fn pool(&self) -> LogPool {
        LogPool {
            step: self.step,
            floor: self.floor,
        }
    }

    pub(super) fn check(&self, outcomes: usize, traders: usize) -> Result<()> {
        self.pool().check(outcomes)?;
        if self.maker >= traders {
            return Err(MarketError::input(format!(
                "maker {} is not a trader (0..{})",
                self.maker,
                traders.saturating_sub(1)
            )));
        }
        let (at_risk, lost) = (
            self.liquidity * logs::ln(outcomes as f64),
            self.step * -logs::ln(self.floor),
        );
        if !(self.liquidity > 0.0 && at_risk < 1.0) {
            return Err(MarketError::input(format!(
                "liquidity {} with {outcomes} outcomes: a uniform maker may lose liquidity * ln(outcomes) = {at_risk} of its \
                 stake, which must be more than 0 and less than 1",
                self.liquidity
            )));
        }
        if lost >= 1.0 {
            return Err(MarketError::input(format!(
                "step {} with floor {}: traders may lose step * ln(1 / floor) = {lost} of their stakes to the maker, which \
                 must be less than 1; take a smaller step or a higher floor",
                self.step, self.floor
            )));
        }
        Ok(())
    }

    /// Works on the parts without the maker's stake.
    fn among_others<R>(&self, round: &Round<'_>, work: impl FnOnce(&Round<'_>) -> R) -> R {
        let mut parts = round.parts.to_vec();
        let found = parts
            .iter()
            .enumerate()
            .find_map(|(p, part)| Some((p, self.place(part)?)));
        let mut stakes = Vec::new();
        if let Some((p, i)) = found {
            stakes.extend_from_slice(parts[p].stakes);
            stakes[i] = 0.0;
            parts[p].stakes = &stakes;
        }
        work(&Round {
            parts: &parts,
            cut: Cut::new(&parts, round.outcomes, round.threads_ok),
            ..*round
        })
    }

    /// Where the maker stands in a part.
    fn place(&self, part: &Part<'_>) -> Option<usize> {
        part.traders.position(self.maker, part.stakes.len())
    }

    /// The maker's stake, and its quotes, brought to sum to 1; None where it sleeps.
    fn quotes(&self, parts: &[Part<'_>]) -> Result<Option<(f64, Vec<f64>)>> {
        let found = parts.iter().find_map(|part| Some((part, self.place(part)?)));
        let Some((part, i)) = found.filter(|(part, i)| part.stakes[*i] > 0.0) else {
            return Ok(None);
        };
        let mut quotes = part.rows.iter().map(|row| row[i]).collect::<Vec<_>>();
        kelly::normalise(&mut quotes);
        self.check_quotes(&quotes)?;
        Ok(Some((part.stakes[i], quotes)))
    }

    /// Refuses quotes at which the maker could lose all that it stakes.
    fn check_quotes(&self, quotes: &[f64]) -> Result<()> {
        let lost = |p: f64| self.liquidity * -logs::ln(p);
        let Some((k, &p)) = quotes.iter().enumerate().find(|(_, p)| lost(**p) >= 1.0) else {
            return Ok(());
        };
        Err(MarketError::input(format!(
            "the maker quotes {p} for outcome {k}: with liquidity {} it could lose {} of its stake, which must be less than \
             1; quote more, or take a smaller liquidity",
            self.liquidity,
            lost(p)
        )))
    }

    pub(super) fn clear(&self, round: &Round<'_>, opened: Option<&Opened>) -> Result<Price> {
        let quotes = self.quotes(round.parts)?;
        let (staked, pool) = match opened {
            Some(opened) => (round.staked, opened.pool.clone()),
            None => self.among_others(round, |others| {
                (others.stakes(), self.pool().pool(&others.cut, TILE, f64::INFINITY))
            }),
        };
        let (maker, prices) = match quotes {
            Some((deep, quotes)) if staked > 0.0 => {
                let (maker, prices) =
                    Maker::new(self.liquidity * deep / (self.step * staked), self.step, &quotes, |k| {
                        pool[k] / staked
                    });
                (Some(maker), prices)
            }
            Some((_, quotes)) => (None, quotes),
            None => {
                let sums = &pool[..round.outcomes];
                (None, softmax(sums.iter().map(|sum| sum / staked).collect()))
            }
        };
        Ok(Price {
            staked,
            ..round.priced(prices, Terms::Lmsr(maker))
        })
    }

    pub(super) fn settle(
        &self,
        round: &Round<'_>,
        price: &Price,
        maker: Option<&Maker>,
        outcome: usize,
        growth: &mut [f64],
    ) -> Settled {
        let mut settled = if price.staked == 0.0 {
            growth.fill(0.0);
            Settled::logarithms(0.0)
        } else {
            let received = price.staked * (1.0 + maker.map_or(0.0, |maker| maker.paid[outcome]));
            self.among_others(round, |others| {
                self.pool().settle(others, price, outcome, received, growth)
            })
        };
        let mut start = 0;
        for part in round.parts {
            if let Some(i) = self.place(part) {
                let lost = maker.map_or(0.0, |maker| self.liquidity * maker.pull * maker.moves[outcome]);
                growth[start + i] = settled.write(logs::ln_1p(-lost) * LOG2_E);
            }
            start += part.stakes.len();
        }
        settled
    }
}

impl Maker {
    /// The maker and the price, for `depth = b / (step S)`, its quotes, and the mean of what the others say of ln q.
    fn new(depth: f64, step: f64, quotes: &[f64], said: impl Fn(usize) -> f64) -> (Self, Vec<f64>) {
        let pull = 1.0 / (1.0 + depth);
        let news = quotes.iter().enumerate().map(|(k, &p)| said(k) - logs::ln(p));
        let mut moves: Vec<_> = news.collect();
        let mean = if pull > TINY {
            log_mean(quotes, |k| pull * moves[k]) / pull
        } else {
            quotes.iter().zip(&moves).map(|(p, news)| p * news).sum() // the same at 0
        };
        moves.iter_mut().for_each(|news| *news -= mean);
        let logs = quotes.iter().zip(&moves).map(|(&p, m)| logs::ln(p) + pull * m);
        let prices = softmax(logs.collect());
        let deep = step / (1.0 + 1.0 / depth);
        let paid = moves.iter().map(|m| deep * m).collect();
        (Self { pull, moves, paid }, prices)
    }
}

/// The pull below which a price no longer moves by a digit.
const TINY: f64 = 1e-200;

/// `ln sum_k weights_k e^(value k)` for weights that sum to 1, to the last digits of the values also where they are near 0.
fn log_mean(weights: &[f64], value: impl Fn(usize) -> f64) -> f64 {
    let top = (0..weights.len()).map(&value).fold(f64::NEG_INFINITY, f64::max);
    let mean = |f: fn(f64) -> f64| {
        weights
            .iter()
            .enumerate()
            .map(|(k, w)| w * f(value(k) - top))
            .sum::<f64>()
    };
    let below = mean(logs::exp_m1);
    top + if below > -0.5 {
        logs::ln_1p(below)
    } else {
        logs::ln(mean(logs::exp))
    }
}

//! A market maker by the logarithmic market scoring rule, in a log pool of traders who trade with it.

use super::log_pool::{LogPool, softmax};
use super::{Cut, Part, Price, Round, Settlement, Terms};
use crate::error::{MarketError, Result};
use crate::lanes::{self, logs};

/// One trader is the maker: it always quotes. Its forecast is its opening quote p (uniform in the classical rule), its
/// liquidity `b = liquidity * u_maker`. With the others' risk tolerances `step u_i` the price is
/// `c_k ∝ exp( (b ln p_k + sum_i step u_i ln q_ik) / (b + step S) )`. If x happens the maker has paid `b ln(c_x / p_x)`, the
/// cost function of the rule (Hanson 2003, 2007; Chen and Pennock 2007): at most `b ln(1 / p_x)`.
#[derive(Clone, Debug)]
pub struct Lmsr {
    pub liquidity: f64,
    pub maker: usize,
    pub step: f64,
    pub floor: f64,
}

/// The maker of one round.
#[derive(Clone, Debug)]
pub(super) struct Maker {
    /// What it stakes, in the unit of the parts.
    staked: f64,
    /// Its opening quotes; empty where it sleeps.
    quotes: Vec<f64>,
    /// `ln(c_k / p_k)`: how far the others have moved its quotes, to the last digits also where they hardly do.
    moves: Vec<f64>,
}

impl Lmsr {
    fn pool(&self) -> LogPool {
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

    fn maker(&self, parts: &[Part<'_>]) -> Maker {
        let found = parts.iter().find_map(|part| {
            let i = self.place(part)?;
            (part.stakes[i] > 0.0).then(|| Maker {
                staked: part.stakes[i],
                quotes: part.rows.iter().map(|row| row[i]).collect(),
                moves: Vec::new(),
            })
        });
        found.unwrap_or(Maker {
            staked: 0.0,
            quotes: Vec::new(),
            moves: Vec::new(),
        })
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

    pub(super) fn clear(&self, round: &Round<'_>) -> Result<Price> {
        let mut maker = self.maker(round.parts);
        maker.check(self.liquidity)?;
        let b = self.liquidity * maker.staked;
        let (mut logs, others) = self.among_others(round, |others| (self.pool().pool(others), stakes(others.parts)));
        let depth = b + self.step * others;
        maker.moves = maker.moves(&logs, self.step / depth, others);
        for (k, log) in logs.iter_mut().enumerate() {
            let quoted = maker.quotes.get(k).map_or(0.0, |p| b * logs::ln(*p));
            *log = (quoted + self.step * *log) / depth;
        }
        Ok(round.priced(softmax(logs), Terms::Lmsr(maker)))
    }

    /// What the maker has paid if `outcome` happens: `b ln(c_x / p_x)`.
    fn paid(&self, maker: &Maker, outcome: usize) -> f64 {
        let moved = maker.moves.get(outcome);
        moved.map_or(0.0, |moved| self.liquidity * maker.staked * moved)
    }

    pub(super) fn settle(&self, round: &Round<'_>, price: &Price, maker: &Maker, outcome: usize) -> Settlement {
        self.among_others(round, |others| {
            let received = stakes(others.parts) + self.paid(maker, outcome);
            self.pool().settle(others, price, outcome, received)
        })
    }

    /// Puts in what the maker's money grows by, where it stands in this part.
    pub(super) fn pay_maker(&self, maker: &Maker, part: &Part<'_>, outcome: usize, log2_growth: &mut [f64]) {
        if let Some(i) = self.place(part) {
            let lost = self.paid(maker, outcome) / maker.staked;
            log2_growth[i] = if maker.staked > 0.0 {
                logs::log2(1.0 - lost)
            } else {
                0.0
            };
        }
    }
}

/// The sum of stakes.
fn stakes(parts: &[Part<'_>]) -> f64 {
    parts.iter().map(|part| lanes::sum(part.stakes)).sum()
}

impl Maker {
    /// With `d_k = weight (sum_i u_i ln q_ik - S ln p_k)` the price is `c_k = p_k exp(d_k) / sum_l p_l exp(d_l)`.
    fn moves(&self, pool: &[f64], weight: f64, others: f64) -> Vec<f64> {
        let pushed = self.quotes.iter().zip(pool);
        let pushed: Vec<_> = pushed.map(|(p, l)| weight * (l - others * logs::ln(*p))).collect();
        let more: f64 = self.quotes.iter().zip(&pushed).map(|(p, d)| p * d.exp_m1()).sum();
        // quotes are taken as given, and need not sum to 1 to the last digit
        let whole: f64 = self.quotes.iter().sum();
        pushed.into_iter().map(|d| d - (more / whole).ln_1p()).collect()
    }

    /// Refuses quotes at which the maker could lose all that it stakes.
    fn check(&self, liquidity: f64) -> Result<()> {
        let lost = |p: f64| liquidity * -logs::ln(p);
        let Some((k, &p)) = self.quotes.iter().enumerate().find(|(_, p)| lost(**p) >= 1.0) else {
            return Ok(());
        };
        Err(MarketError::input(format!(
            "the maker quotes {p} for outcome {k}: with liquidity {liquidity} it could lose {} of its stake, which must be \
             less than 1; quote more, or take a smaller liquidity",
            lost(p)
        )))
    }
}

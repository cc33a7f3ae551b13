//! A market maker by the logarithmic market scoring rule, in a log pool of traders who trade with it.

use super::log_pool::{self, LogPool, softmax};
use super::{Part, Price, Settlement, Terms};
use crate::error::{MarketError, Result};

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
        let (at_risk, lost) = (self.liquidity * (outcomes as f64).ln(), self.step * -self.floor.ln());
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
            let i = part.traders.position(self.maker, part.stakes.len())?;
            (part.stakes[i] > 0.0).then(|| Maker {
                staked: part.stakes[i],
                quotes: part.rows.iter().map(|row| row[i]).collect(),
            })
        });
        found.unwrap_or(Maker {
            staked: 0.0,
            quotes: Vec::new(),
        })
    }

    pub(super) fn clear(&self, outcomes: usize, parts: &[Part<'_>], staked: f64) -> Result<Price> {
        let maker = self.maker(parts);
        if let Some((k, p)) = maker
            .quotes
            .iter()
            .enumerate()
            .find(|(_, p)| self.liquidity * -p.ln() >= 1.0)
        {
            return Err(MarketError::input(format!(
                "the maker quotes {p} for outcome {k}: with liquidity {} it could lose {} of its stake, which must be less \
                 than 1; quote more, or take a smaller liquidity",
                self.liquidity,
                self.liquidity * -p.ln()
            )));
        }
        let others = (staked - maker.staked).max(0.0);
        let b = self.liquidity * maker.staked;
        let mut logs = self.pool().pool(outcomes, parts, Some(self.maker));
        for (k, log) in logs.iter_mut().enumerate() {
            let quoted = maker.quotes.get(k).map_or(0.0, |p| b * p.ln());
            *log = (quoted + self.step * *log) / (b + self.step * others);
        }
        Ok(Price {
            prices: softmax(logs),
            passes: 1,
            residual: 0.0,
            staked,
            settlement: Terms::Lmsr(maker),
        })
    }

    /// What the maker has paid if `outcome` happens: `b ln(c_x / p_x)`.
    fn paid(&self, price: &Price, maker: &Maker, outcome: usize) -> f64 {
        let quote = maker.quotes.get(outcome).copied();
        quote.map_or(0.0, |p| {
            self.liquidity * maker.staked * (price.prices[outcome] / p).ln()
        })
    }

    pub(super) fn settle(&self, price: &Price, parts: &[Part<'_>], mut settlement: Settlement) -> Settlement {
        let Terms::Lmsr(maker) = &price.settlement else {
            return settlement;
        };
        let outcome = settlement.outcome;
        let pool = self.pool();
        settlement.gains = parts
            .iter()
            .map(|part| pool.gains(&price.prices, part, outcome))
            .collect();
        let received = price.staked - maker.staked + self.paid(price, maker, outcome);
        settlement.shift = received.log2() - log_pool::log2_paid(parts, &settlement.gains, Some(self.maker));
        settlement
    }

    pub(super) fn growth(
        &self,
        price: &Price,
        maker: &Maker,
        settlement: &Settlement,
        p: usize,
        part: &Part<'_>,
        log2_growth: &mut [f64],
    ) {
        log_pool::growth(settlement, p, log2_growth);
        if let Some(i) = part.traders.position(self.maker, part.stakes.len()) {
            let lost = self.paid(price, maker, settlement.outcome) / maker.staked;
            log2_growth[i] = if maker.staked > 0.0 { (1.0 - lost).log2() } else { 0.0 };
        }
    }
}

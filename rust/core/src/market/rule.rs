//! What a market needs to know of its clearing rule beside the price, and how a file keeps it.

use crate::clearing::{Aversion, Isoelastic, Lmsr, LogPool, Rule};
use crate::error::{MarketError, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A rule as a checkpoint's header has it; Kelly's is known by its fraction alone.
#[derive(Serialize, Deserialize)]
pub enum Saved {
    /// `aversion` is null where each trader has its own, which the file keeps beside the header.
    Isoelastic {
        aversion: Option<f64>,
        #[serde(default)]
        floor: f64,
        max_passes: u32,
    },
    LogPool {
        step: f64,
        floor: f64,
    },
    Lmsr {
        liquidity: f64,
        maker: usize,
        step: f64,
        floor: f64,
    },
}

impl Saved {
    /// The rule; `each` are the traders' own aversions, if the file has them.
    #[must_use]
    pub fn rule(&self, each: Vec<f64>) -> Rule {
        match *self {
            Self::Isoelastic {
                aversion,
                floor,
                max_passes,
            } => Rule::Isoelastic(Isoelastic {
                aversion: aversion.map_or_else(|| Aversion::Each(each.into()), Aversion::Common),
                floor,
                max_passes,
            }),
            Self::LogPool { step, floor } => Rule::LogPool(LogPool { step, floor }),
            Self::Lmsr {
                liquidity,
                maker,
                step,
                floor,
            } => Rule::Lmsr(Lmsr {
                liquidity,
                maker,
                step,
                floor,
            }),
        }
    }
}

impl Rule {
    /// Whether the market clears by the mean, which has a faster way of its own.
    #[must_use]
    pub fn is_kelly(&self) -> bool {
        matches!(self, Self::Kelly { .. })
    }

    /// The common factor of all stakes.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        match self {
            Self::Kelly { fraction } => *fraction,
            _ => 1.0,
        }
    }

    /// Whether it asks a function of the caller's own, which is to be called by one thread, in order.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Demand(_))
    }

    /// What a checkpoint's header says of it beside its fraction.
    pub fn saved(&self) -> Result<Option<Saved>> {
        Ok(Some(match self {
            Self::Kelly { .. } => return Ok(None),
            Self::Isoelastic(rule) => Saved::Isoelastic {
                aversion: match rule.aversion {
                    Aversion::Common(eta) => Some(eta),
                    Aversion::Each(_) => None,
                },
                floor: rule.floor,
                max_passes: rule.max_passes,
            },
            Self::LogPool(LogPool { step, floor }) => Saved::LogPool {
                step: *step,
                floor: *floor,
            },
            Self::Lmsr(rule) => Saved::Lmsr {
                liquidity: rule.liquidity,
                maker: rule.maker,
                step: rule.step,
                floor: rule.floor,
            },
            Self::Demand(_) => {
                return Err(MarketError::input(
                    "a market that clears by a function of yours (Demand) cannot be saved, since a file cannot hold the \
                     function; keep its wealth, and give it to a new market with with_wealth",
                ));
            }
        }))
    }

    /// Each trader's own aversion, if it has one.
    #[must_use]
    pub fn aversions(&self) -> Option<&[f64]> {
        match self {
            Self::Isoelastic(Isoelastic {
                aversion: Aversion::Each(each),
                ..
            }) => Some(each),
            _ => None,
        }
    }

    /// The rule with further traders, each of whom takes after its source.
    #[must_use]
    pub fn grown(&self, sources: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::Isoelastic(
                rule @ Isoelastic {
                    aversion: Aversion::Each(each),
                    ..
                },
            ) => {
                let new = sources.map(|source| each[source]);
                let all: Arc<[f64]> = each.iter().copied().chain(new).collect();
                Self::Isoelastic(Isoelastic {
                    aversion: Aversion::Each(all),
                    ..rule.clone()
                })
            }
            other => other.clone(),
        }
    }

    /// The rule for traders that are parts of those before: each takes after its source; `first` is where the first part
    /// of each stands.
    #[must_use]
    pub fn parted<I: Iterator<Item = usize>>(&self, sources: impl Fn() -> I, first: &[u32]) -> Self {
        match self {
            Self::Isoelastic(
                rule @ Isoelastic {
                    aversion: Aversion::Each(each),
                    ..
                },
            ) => Self::Isoelastic(Isoelastic {
                aversion: Aversion::Each(sources().map(|source| each[source]).collect()),
                ..rule.clone()
            }),
            Self::Lmsr(rule) => Self::Lmsr(Lmsr {
                maker: first[rule.maker] as usize,
                ..rule.clone()
            }),
            other => other.clone(),
        }
    }
}

/// Says in which round a price was not found, or a rule refused what it was given.
pub(super) fn in_round(error: MarketError, t: usize) -> MarketError {
    match error {
        MarketError::Input(message) => MarketError::Input(format!("round {t}: {message}")),
        MarketError::NotCleared(message) => MarketError::NotCleared(format!("round {t}: {message}")),
        other => other,
    }
}

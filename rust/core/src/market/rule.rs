//! What a market needs to know of its clearing rule beside the price.

use crate::clearing::{Aversion, Isoelastic, Rule};
use crate::error::MarketError;
use std::sync::Arc;

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

    /// The rule with further traders, each of whom takes after its source.
    #[must_use]
    pub fn grown(&self, sources: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::Isoelastic(Isoelastic {
                aversion: Aversion::Each(each),
                max_passes,
            }) => {
                let new = sources.map(|source| each[source]);
                let all: Arc<[f64]> = each.iter().copied().chain(new).collect();
                Self::Isoelastic(Isoelastic {
                    aversion: Aversion::Each(all),
                    max_passes: *max_passes,
                })
            }
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

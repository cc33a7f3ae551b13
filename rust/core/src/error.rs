//! Everything that can go wrong, each with what was given, what is allowed and what to do.

use thiserror::Error;

pub type Result<T> = std::result::Result<T, MarketError>;

#[derive(Debug, Error)]
pub enum MarketError {
    /// A value that the market cannot accept. The market is as it was before the call.
    #[error("{0}")]
    Input(String),
    /// A shape that does not fit the market's traders or outcomes.
    #[error("{0}")]
    Shape(String),
    /// An outcome happened whose price was 0: nobody awake gave it any probability, or so little that no float holds the price.
    #[error(
        "{}round {round}: outcome {outcome} happened, but no awake trader with money gave it any probability that \
         counts (its price was 0); floor the forecasts, or let in a trader that forecasts every outcome",
        episode.map_or_else(String::new, |e| format!("episode {e} of the batch: "))
    )]
    Impossible {
        episode: Option<usize>,
        round: u64,
        outcome: String,
    },
    /// No price was found at which the market clears. Nothing has moved in this round.
    #[error("{0}")]
    NotCleared(String),
    /// The caller asked to stop. The market is as it was after the last settled round.
    #[error("interrupted after {rounds} settled rounds of this call")]
    Interrupted { rounds: u64 },
    /// A checkpoint that cannot be used.
    #[error("{path}: {why}")]
    Checkpoint { path: String, why: String },
    /// What a family of the caller's own raised.
    #[error(transparent)]
    Foreign(Box<dyn std::error::Error + Send + Sync>),
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
}

impl MarketError {
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }

    pub fn shape(message: impl Into<String>) -> Self {
        Self::Shape(message.into())
    }

    /// Says in which episode of a batch an error arose.
    #[must_use]
    pub fn in_episode(self, episode: usize) -> Self {
        let within = |message: String| format!("episode {episode} of the batch: {message}");
        match self {
            Self::Input(message) => Self::Input(within(message)),
            Self::Shape(message) => Self::Shape(within(message)),
            Self::NotCleared(message) => Self::NotCleared(within(message)),
            Self::Impossible { round, outcome, .. } => Self::Impossible {
                episode: Some(episode),
                round,
                outcome,
            },
            other => other,
        }
    }
}

//! What is plausible today of the sentences that matter: independent parts, each with its joint truth values.

use super::number::Exact;
use super::sentence::{SentenceId, Sentences};
use super::worlds::{Model, Stop, Work, Worlds};
use crate::error::{MarketError, Result};

/// Joint truth values of one part that are listed; where there are more the least is asked for.
const LISTED: usize = 64;

/// The least and the most that something is worth.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    pub least: Exact,
    pub most: Exact,
}

/// Some sentences in all plausible worlds.
#[derive(Clone, Debug)]
pub struct Outlook {
    model: Model,
    /// How many sentences the model is of.
    all: usize,
    /// What is known of the sentences, ascending by sentence.
    places: Vec<(SentenceId, Place)>,
    /// By part: all joint truth values, if there are few.
    listed: Vec<Option<Vec<Vec<bool>>>>,
    stop: Option<Stop>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Decided(bool),
    /// The part, and the place in it.
    Open(usize, usize),
}

impl Outlook {
    /// Of these sentences, each given once.
    pub fn new(worlds: &mut Worlds, sentences: &Sentences, of: &[SentenceId]) -> Result<Self> {
        let model = worlds.model(sentences, of)?;
        let mut places = Vec::with_capacity(of.len());
        let decided = of.iter().zip(model.decided());
        places.extend(decided.filter_map(|(s, known)| known.map(|truth| (*s, Place::Decided(truth)))));
        for (number, part) in model.parts().iter().enumerate() {
            let members = model.members(part).iter().enumerate();
            places.extend(members.map(|(place, at)| (of[*at], Place::Open(number, place))));
        }
        places.sort_unstable_by_key(|(sentence, _)| *sentence);
        let listed = model.parts().iter().map(|part| model.patterns(part, LISTED)).collect();
        Ok(Self {
            model,
            all: of.len(),
            places,
            listed,
            stop: worlds.stop(),
        })
    }

    /// Whether searches were told to stop: what was asked for since means nothing.
    pub fn stop(&self) -> Result<()> {
        if self.stop.is_some_and(|stop| stop()) {
            return Err(MarketError::Interrupted { rounds: 0 });
        }
        Ok(())
    }

    /// What searches ask.
    pub fn asks(&self) -> Option<Stop> {
        self.stop
    }

    /// Whether some part has more joint truth values than are listed, so that questions are searches.
    pub fn searches(&self) -> bool {
        self.listed.iter().any(Option::is_none)
    }

    fn find(&self, sentence: SentenceId) -> Option<Place> {
        let at = self.places.binary_search_by_key(&sentence, |(s, _)| *s).ok()?;
        Some(self.places[at].1)
    }

    /// The truth value of a sentence, if it is decided.
    pub fn truth(&self, sentence: SentenceId) -> Option<bool> {
        match self.find(sentence) {
            Some(Place::Decided(truth)) => Some(truth),
            _ => None,
        }
    }

    /// The part of an undecided sentence and its place there; None for others.
    pub fn place(&self, sentence: SentenceId) -> Option<(usize, usize)> {
        match self.find(sentence) {
            Some(Place::Open(part, place)) => Some((part, place)),
            _ => None,
        }
    }

    /// Sentences that have the truth value of another in every world, each with the first such.
    pub fn same(&self) -> Vec<(SentenceId, SentenceId)> {
        let mut first: Vec<(usize, usize, SentenceId)> = Vec::new();
        let mut found = Vec::new();
        for (sentence, place) in &self.places {
            let Place::Open(part, at) = *place else { continue };
            let Some(listed) = self.listed(part).filter(|_| self.size(part) > 1) else {
                continue;
            };
            let alike = |other: usize| listed.iter().all(|truths| truths[at] == truths[other]);
            match first.iter().find(|(other, place, _)| *other == part && alike(*place)) {
                Some((.., known)) => found.push((*sentence, *known)),
                None => first.push((part, at, *sentence)),
            }
        }
        found
    }

    /// How many sentences a part has.
    pub fn size(&self, part: usize) -> usize {
        self.model.members(&self.model.parts()[part]).len()
    }

    /// All joint truth values of a part, if there are few.
    pub fn listed(&self, part: usize) -> Option<&[Vec<bool>]> {
        self.listed[part].as_deref()
    }

    /// `min sum weights W` over the worlds of a part, and the first where that is.
    pub fn minimum(&self, part: usize, weights: &[Exact]) -> (Exact, Vec<bool>) {
        let Some(listed) = &self.listed[part] else {
            return self.searched(part, weights);
        };
        let mut best: Option<(Exact, &Vec<bool>)> = None;
        for truths in listed {
            let worth = worth(weights, truths);
            if best.as_ref().is_none_or(|(least, _)| worth < *least) {
                best = Some((worth, truths));
            }
        }
        best.map_or_else(
            || (Exact::default(), Vec::new()),
            |(least, truths)| (least, truths.clone()),
        )
    }

    /// `min sum weights W` over the worlds of a part.
    pub fn least(&self, part: usize, weights: &[Exact]) -> Exact {
        match (weights, &self.listed[part]) {
            ([weight], _) => Exact::default().min(weight.clone()),
            (_, None) => self.searched(part, weights).0,
            (_, Some(listed)) => {
                let each = listed.iter().map(|truths| worth(weights, truths));
                each.reduce(Exact::min).unwrap_or_default()
            }
        }
    }

    /// The same where the joint truth values are too many to list.
    fn searched(&self, part: usize, weights: &[Exact]) -> (Exact, Vec<bool>) {
        let part = &self.model.parts()[part];
        let (mut all, mut truths) = (vec![Exact::default(); self.all], vec![false; self.all]);
        let members = self.model.members(part);
        members
            .iter()
            .zip(weights)
            .for_each(|(at, weight)| all[*at] = weight.clone());
        let least = self.model.minimum_of(part, &all, &mut truths, &mut Work::default());
        (least, members.iter().map(|at| truths[*at]).collect())
    }

    /// The least and the most that cash and shares are worth.
    pub fn ends(&self, cash: &Exact, shares: &[(SentenceId, Exact)]) -> Ends {
        let mut ends = Ends {
            least: cash.clone(),
            most: cash.clone(),
        };
        let mut joint: Vec<(usize, Vec<Exact>)> = Vec::new();
        for (sentence, held) in shares {
            let Some((part, place)) = self.place(*sentence) else {
                continue;
            };
            if self.size(part) == 1 {
                let end = if held.is_negative() {
                    &mut ends.least
                } else {
                    &mut ends.most
                };
                *end = &*end + held;
                continue;
            }
            let at = joint.iter().position(|(known, _)| *known == part).unwrap_or_else(|| {
                joint.push((part, vec![Exact::default(); self.size(part)]));
                joint.len() - 1
            });
            joint[at].1[place] = held.clone();
        }
        for (part, weights) in joint {
            let negated: Vec<_> = weights.iter().map(|w| -w).collect();
            ends.least = &ends.least + &self.least(part, &weights);
            ends.most = &ends.most - &self.least(part, &negated);
        }
        ends
    }
}

/// What weights are worth in a world.
fn worth(weights: &[Exact], truths: &[bool]) -> Exact {
    let held = weights.iter().zip(truths).filter(|(_, truth)| **truth);
    held.fold(Exact::default(), |sum, (weight, _)| &sum + weight)
}

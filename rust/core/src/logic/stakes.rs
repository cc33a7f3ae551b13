//! What a trader has at stake on one day: its past trades, and today's, in the worlds that are plausible.

use super::number::Exact;
use super::outlook::Outlook;
use super::sentence::SentenceId;

/// Worlds of a trade that are all looked at from the start; of more, only those that prove to matter.
const FEW: usize = 32;

/// A world as far as a trade is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// Of each sentence of the trade.
    pub truths: Vec<bool>,
    /// What the past trades are worth in it.
    pub past: Exact,
}

/// The past of a trader, sorted by what today's trade can change.
#[derive(Clone, Debug)]
pub struct Stakes {
    /// Cash, and the least worth of what today's trade has nothing to do with.
    apart: Exact,
    parts: Vec<Part>,
    /// The sentences of the trade that are decided, by place.
    known: Vec<(usize, bool)>,
    traded: usize,
}

/// Shares of one independent part of the outlook.
#[derive(Clone, Debug)]
struct Part {
    /// Which part of the outlook.
    number: usize,
    /// By place in the part.
    past: Vec<Exact>,
    /// Sentences of the trade: which, and their places in the part.
    traded: Vec<(usize, usize)>,
}

impl Stakes {
    /// With this cash and these shares; `traded` are the sentences of today's trade.
    pub fn new(outlook: &Outlook, cash: &Exact, shares: &[(SentenceId, Exact)], traded: &[SentenceId]) -> Self {
        let mut stakes = Self {
            apart: cash.clone(),
            parts: Vec::new(),
            known: Vec::new(),
            traded: traded.len(),
        };
        for (number, sentence) in traded.iter().enumerate() {
            match outlook.place(*sentence) {
                Some((part, place)) => stakes.part(outlook, part).traded.push((number, place)),
                None => stakes.known.push((number, outlook.truth(*sentence) == Some(true))),
            }
        }
        let touched = stakes.parts.len();
        for (sentence, held) in shares {
            if let Some((part, place)) = outlook.place(*sentence) {
                let past = &mut stakes.part(outlook, part).past[place];
                *past = &*past + held;
            }
        }
        for part in stakes.parts.split_off(touched) {
            stakes.apart = &stakes.apart + &outlook.least(part.number, &part.past);
        }
        stakes
    }

    fn part(&mut self, outlook: &Outlook, part: usize) -> &mut Part {
        let at = self
            .parts
            .iter()
            .position(|known| known.number == part)
            .unwrap_or_else(|| {
                self.parts.push(Part {
                    number: part,
                    past: vec![Exact::default(); outlook.size(part)],
                    traded: Vec::new(),
                });
                self.parts.len() - 1
            });
        &mut self.parts[at]
    }

    /// The least worth of the past trades.
    pub fn least(&self, outlook: &Outlook) -> Exact {
        let parts = self.parts.iter().map(|part| outlook.least(part.number, &part.past));
        parts.fold(self.apart.clone(), |sum, least| &sum + &least)
    }

    /// All worlds of the trade, if they are few: each joint truth value of its sentences where the past is worth least.
    pub fn few(&self, outlook: &Outlook) -> Option<Vec<World>> {
        let mut worlds = vec![self.start()];
        for part in &self.parts {
            let listed = outlook.listed(part.number)?;
            if worlds.len() * listed.len() > FEW {
                return None;
            }
            let with = |world: &World| listed.iter().map(|truths| part.add(world, truths)).collect::<Vec<_>>();
            worlds = worlds.iter().flat_map(with).collect();
        }
        Some(worlds)
    }

    /// The world in which the past and `factor` times a trade of `shares` are worth least.
    pub fn worst(&self, outlook: &Outlook, shares: &[Exact], factor: &Exact) -> World {
        let mut world = self.start();
        for part in &self.parts {
            let mut weights = part.past.clone();
            for (number, place) in &part.traded {
                weights[*place] = &weights[*place] + &(factor * &shares[*number]);
            }
            world = part.add(&world, &outlook.minimum(part.number, &weights).1);
        }
        world
    }

    fn start(&self) -> World {
        let mut truths = vec![false; self.traded];
        self.known.iter().for_each(|(number, truth)| truths[*number] = *truth);
        World {
            truths,
            past: self.apart.clone(),
        }
    }
}

impl Part {
    /// The world with these truth values of the part.
    fn add(&self, world: &World, truths: &[bool]) -> World {
        let mut world = world.clone();
        self.traded
            .iter()
            .for_each(|(number, place)| world.truths[*number] = truths[*place]);
        let held = self.past.iter().zip(truths).filter(|(_, truth)| **truth);
        world.past = held.fold(world.past, |sum, (past, _)| &sum + past);
        world
    }
}

//! Programs that hear what happened: each is stepped, since what it says depends on the episode.

use super::atlas::heaviest;
use super::unroll::Script;
use super::{Best, Birth, Costs, SILENT, Voices};
use crate::error::{MarketError, Result};
use crate::programs::brainfuck::Brainfuck;
use crate::programs::readers::Predictor;
use crate::programs::tape::Tape;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One program.
#[derive(Clone, Debug)]
pub struct Member {
    pub script: Script,
    pub costs: Costs,
    pub mass: f64,
    /// Whether its symbols are to be turned around, for the complement to stand with it.
    pub flip: bool,
}

/// Readers, each in the part of those that have said the same to all that was heard.
#[derive(Clone)]
pub struct Readers<T> {
    members: Arc<Vec<Member>>,
    /// As they are before they hear anything.
    fresh: Arc<Vec<Predictor<Brainfuck<T>>>>,
    steps: u32,
    /// The part of each member at the start of an episode, and now.
    kept: Vec<u32>,
    parts: Vec<u32>,
    births: Vec<Birth>,
    first: usize,
    live: Vec<Predictor<Brainfuck<T>>>,
    /// What each member says now, and whether they were asked; what each part says.
    symbols: Vec<u16>,
    asked: bool,
    said: Vec<u16>,
    time: usize,
}

impl<T: Tape> Readers<T> {
    /// Members by cluster, on a blank tape; an answer may take so many steps.
    pub fn new(blank: &T, memory: usize, steps: u32, members: Vec<(u32, Member)>) -> Result<Self> {
        let (kept, members): (Vec<u32>, Vec<Member>) = members.into_iter().unzip();
        let machine = |member: &Member| {
            Ok(Predictor::new(Brainfuck::on(
                blank.clone(),
                &member.script.tokens(),
                memory,
            )?))
        };
        let fresh: Arc<Vec<_>> = Arc::new(members.iter().map(machine).collect::<Result<_>>()?);
        let first = kept.iter().max().map_or(0, |&last| last as usize + 1);
        let birth = |part: usize| Birth {
            time: 0,
            parent: part as u32,
            share: 1.0,
        };
        Ok(Self {
            symbols: vec![0; members.len()],
            members: Arc::new(members),
            live: fresh.to_vec(),
            fresh,
            steps,
            parts: kept.clone(),
            kept,
            births: (0..first).map(birth).collect(),
            first,
            asked: false,
            said: Vec::new(),
            time: 0,
        })
    }

    /// Tells parts apart by what their members say.
    fn group(&mut self) {
        self.said = vec![SILENT; self.births.len()];
        let mut mixed = BTreeMap::new();
        let mut seen = vec![false; self.births.len()];
        for (&part, &symbol) in self.parts.iter().zip(&self.symbols) {
            let part = part as usize;
            if !seen[part] {
                (seen[part], self.said[part]) = (true, symbol);
            } else if self.said[part] != symbol {
                mixed.insert(part as u32, BTreeMap::<u16, f64>::new());
            }
        }
        if mixed.is_empty() {
            return;
        }
        for ((member, part), &symbol) in self.members.iter().zip(&self.parts).zip(&self.symbols) {
            if let Some(masses) = mixed.get_mut(part) {
                *masses.entry(symbol).or_default() += member.mass;
            }
        }
        let mut ways = BTreeMap::new();
        for (parent, masses) in mixed {
            let masses: Vec<(u16, f64)> = masses.into_iter().collect();
            let mut left: f64 = masses.iter().map(|(_, mass)| mass).sum();
            let stays = heaviest(&masses);
            self.said[parent as usize] = stays;
            for (symbol, mass) in masses.into_iter().filter(|way| way.0 != stays) {
                ways.insert((parent, symbol), self.births.len() as u32);
                self.said.push(symbol);
                self.births.push(Birth {
                    time: self.time,
                    parent,
                    share: mass / left,
                });
                left -= mass;
            }
        }
        for (part, &symbol) in self.parts.iter_mut().zip(&self.symbols) {
            *part = ways.get(&(*part, symbol)).copied().unwrap_or(*part);
        }
    }

    fn rewind(&mut self) {
        self.parts.clone_from(&self.kept);
        self.live.clone_from(&self.fresh);
        (self.time, self.asked) = (0, false);
        self.said.clear();
    }
}

impl<T: Tape + 'static> Voices for Readers<T> {
    fn begin(&mut self, kept: usize) {
        self.births.truncate(kept);
        self.rewind();
    }

    fn ask(&mut self) -> Result<()> {
        if !self.asked {
            let steps = self.steps;
            let each = self.live.iter_mut().zip(self.members.iter()).zip(&mut self.symbols);
            for ((predictor, member), symbol) in each {
                // who once said nothing says nothing more
                if self.time > 0 && *symbol == SILENT {
                    continue;
                }
                let said = predictor.next(steps);
                *symbol = said.map_or(SILENT, |x| u16::from(x ^ u8::from(member.flip)));
            }
            self.asked = true;
        }
        if self.said.is_empty() {
            self.group();
        }
        Ok(())
    }

    fn said(&self) -> &[u16] {
        &self.said
    }

    fn births(&self) -> &[Birth] {
        &self.births
    }

    fn hear(&mut self, symbol: u16) {
        self.live.iter_mut().for_each(|predictor| predictor.hear(symbol as u8));
        self.time += 1;
        self.asked = false;
        self.said.clear();
    }

    fn part(&mut self, kept: usize, episodes: &[&[u32]], fresh: bool) -> Result<usize> {
        let mut scout = self.clone();
        if fresh {
            scout.births.truncate(kept);
        }
        for episode in episodes {
            if fresh {
                scout.rewind();
            }
            scout.ask()?;
            for &outcome in &episode[..episode.len().saturating_sub(1)] {
                scout.hear(outcome as u16);
                scout.ask()?;
            }
            scout.kept.clone_from(&scout.parts);
        }
        if !fresh && episodes.is_empty() {
            scout.ask()?;
            scout.kept.clone_from(&scout.parts);
        }
        self.kept.clone_from(&scout.kept);
        self.births = scout.births;
        self.parts.clone_from(&self.kept);
        self.said.clear();
        Ok(self.births.len())
    }

    fn examples(&self, kept: usize) -> Vec<Option<Best<String>>> {
        let mut best = vec![None; kept];
        for (member, &part) in self.members.iter().zip(&self.kept) {
            Best::add(&mut best[part as usize], &member.script, member.costs, 1);
        }
        let text = |script: &Script| script.tokens().iter().map(|token| token.sign()).collect();
        best.into_iter().map(|best| best.map(|best| best.told(text))).collect()
    }

    fn undecided(&self) -> u64 {
        self.members.len() as u64
    }

    fn fork(&self) -> Box<dyn Voices> {
        Box::new(self.clone())
    }

    fn partition(&self) -> Vec<u32> {
        let kept = self.kept.iter().max().map_or(0, |&last| last as usize + 1);
        let parents = self.births[self.first..kept].iter().map(|birth| birth.parent);
        parents.chain(self.kept.iter().copied()).collect()
    }

    fn restore(&mut self, kept: usize, partition: &[u32]) -> Result<()> {
        let born = kept.saturating_sub(self.first);
        let parts = partition.get(born..).filter(|parts| parts.len() == self.members.len());
        let known = partition.iter().all(|&part| (part as usize) < kept);
        let Some(parts) = parts.filter(|_| known) else {
            return Err(MarketError::input(format!("{kept} accounts of other readers")));
        };
        self.births.truncate(self.first);
        self.births.extend(partition[..born].iter().map(|&parent| Birth {
            time: 0,
            parent,
            share: 0.0, // what it was is in the masses
        }));
        self.kept = parts.to_vec();
        self.rewind();
        Ok(())
    }
}

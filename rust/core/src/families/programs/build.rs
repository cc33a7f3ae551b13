//! From an enumeration to accounts: behaviours, each with its complement, the heaviest first.

use super::atlas::{Atlas, Line};
use super::lines::Lines;
use super::readers::{Member as Reader, Readers};
use super::unroll::{Printer, Script, Unrolled};
use super::{Costs, Manner, Programs, Voices, flipped};
use crate::error::{MarketError, Result};
use crate::programs::Limits;
use crate::programs::behaviours::{Behaviours, Example, Member};
use crate::programs::futures::Future;
use crate::programs::hash::Map;
use crate::programs::tape::{Bits, Cells};
use crate::programs::token::Token;
use std::sync::Arc;

/// What runs the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    Printer(Printer),
    Reader,
}

/// A program that was drawn, what it takes and printed, and the mass it stands for.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub tokens: Vec<Token>,
    pub costs: Costs,
    pub output: Vec<u8>,
    pub mass: f64,
}

/// A behaviour's row, or a drawn program; whether its symbols are to be turned around.
#[derive(Clone, Copy)]
enum From {
    Row(usize, bool),
    Draw(usize, bool),
}

struct Cluster {
    output: Vec<u8>,
    mass: f64,
    shortest: usize,
    from: Vec<From>,
}

/// The family, and the account of each row of the enumeration that has one.
pub struct Built {
    pub family: Programs,
    pub accounts: Vec<Option<u32>>,
}

/// Accounts for the rows that `masses` gives anything, and for programs drawn beyond them.
pub fn build(
    found: &Behaviours,
    masses: &[f64],
    drawn: &[Drawn],
    machine: Machine,
    limits: &Limits,
    manner: Manner,
) -> Result<Built> {
    let clusters = clusters(found, masses, drawn, manner.noise && manner.outcomes == 2);
    if clusters.is_empty() {
        return Err(MarketError::input(format!(
            "no program prints {} symbols in {} steps; give a larger max_length or more steps",
            limits.max_output, limits.steps
        )));
    }
    let coins = u32::from(manner.coin > 0.0);
    let mut accounts = vec![None; found.rows.len()];
    for (account, cluster) in (coins..).zip(&clusters) {
        for from in &cluster.from {
            if let From::Row(row, _) = *from {
                accounts[row] = Some(account);
            }
        }
    }
    let own = clusters.iter().map(|cluster| cluster.mass).collect();
    let source = Source {
        found,
        masses,
        drawn,
        limits,
    };
    let voices = match machine {
        Machine::Printer(printer) => source.lines(printer, clusters)?,
        Machine::Reader => source.readers(&clusters)?,
    };
    Ok(Built {
        family: Programs::new(voices, own, manner),
        accounts,
    })
}

/// Rows and draws that forecast alike; where programs err as often as they have, complements do.
fn clusters(found: &Behaviours, masses: &[f64], drawn: &[Drawn], complements: bool) -> Vec<Cluster> {
    let mut places: Map<Vec<u8>, usize> = Map::default();
    let mut clusters: Vec<Cluster> = Vec::new();
    let mut add = |output: &[u8], mass: f64, tokens: usize, from: &dyn Fn(bool) -> From| {
        let flip = complements && output.first() == Some(&1);
        let output: Vec<u8> = output.iter().map(|x| x ^ u8::from(flip)).collect();
        let new = clusters.len();
        let place = *places.entry(output.clone()).or_insert(new);
        if place == new {
            clusters.push(Cluster {
                output,
                mass: 0.0,
                shortest: tokens,
                from: Vec::new(),
            });
        }
        let cluster = &mut clusters[place];
        cluster.mass += mass;
        cluster.shortest = cluster.shortest.min(tokens);
        cluster.from.push(from(flip));
    };
    for (i, (row, &mass)) in found
        .rows
        .iter()
        .zip(masses)
        .enumerate()
        .filter(|(_, (_, mass))| **mass > 0.0)
    {
        add(&row.output, mass, row.shortest.program.len(), &|flip| {
            From::Row(i, flip)
        });
    }
    for (i, one) in drawn.iter().enumerate() {
        add(&one.output, one.mass, one.tokens.len(), &|flip| From::Draw(i, flip));
    }
    clusters.sort_by(|a, b| b.mass.total_cmp(&a.mass).then(a.shortest.cmp(&b.shortest)));
    clusters
}

struct Source<'a> {
    found: &'a Behaviours,
    masses: &'a [f64],
    drawn: &'a [Drawn],
    limits: &'a Limits,
}

impl Source<'_> {
    fn lines(&self, printer: Printer, clusters: Vec<Cluster>) -> Result<Box<dyn Voices>> {
        let mut all = Vec::with_capacity(clusters.len());
        for cluster in clusters {
            let mut lines = Vec::new();
            for from in cluster.from {
                lines.extend(self.kinds(from)?);
            }
            all.push((cluster.output, lines));
        }
        Ok(Box::new(Lines::new(Atlas::new(printer, *self.limits, all))))
    }

    fn readers(&self, clusters: &[Cluster]) -> Result<Box<dyn Voices>> {
        let mut members = Vec::new();
        for (part, cluster) in (0..).zip(clusters) {
            for &from in &cluster.from {
                members.extend(self.kinds(from)?.into_iter().map(|line| {
                    let Line {
                        script,
                        costs,
                        mass,
                        flip,
                        ..
                    } = line;
                    (
                        part,
                        Reader {
                            script,
                            costs,
                            mass,
                            flip,
                        },
                    )
                }));
            }
        }
        let Limits {
            alphabet,
            memory,
            steps,
            ..
        } = *self.limits;
        Ok(if alphabet == 2 && memory == 64 {
            Box::new(Readers::new(&Bits::default(), memory, steps, members)?)
        } else {
            Box::new(Readers::new(&Cells::new(memory, alphabet), memory, steps, members)?)
        })
    }

    /// The programs behind a row or a draw, those with the same future together.
    fn kinds(&self, from: From) -> Result<Vec<Line>> {
        let (row, flip) = match from {
            From::Row(row, flip) => (row, flip),
            From::Draw(i, flip) => {
                let one = &self.drawn[i];
                let line = Line {
                    script: Script::new(&one.tokens),
                    costs: one.costs,
                    mass: one.mass,
                    programs: 1,
                    flip,
                    future: None,
                };
                return Ok(vec![line]);
            }
        };
        let members = self.found.members(row, self.limits)?;
        let members: Vec<Member> = members.into_iter().filter(|member| member.mass.lower() > 0.0).collect();
        let sum: f64 = members.iter().map(|member| member.mass.lower()).sum();
        let unit = self.masses[row] / sum;
        let line = |member: Member| Line {
            script: Script::Short(member.example.program),
            costs: member.example.into(),
            mass: member.mass.lower() * unit,
            programs: member.programs,
            flip,
            future: member.future.map(|future| Arc::new(turned(*future, flip))),
        };
        if members.is_empty() {
            let row = &self.found.rows[row];
            return Ok(vec![Line {
                script: Script::Short(row.shortest.program),
                costs: row.shortest.into(),
                mass: self.masses[from.row()],
                programs: row.programs,
                flip,
                future: None,
            }]);
        }
        Ok(members.into_iter().map(line).collect())
    }
}

impl std::convert::From<Example> for Costs {
    fn from(Example { steps, cells, .. }: Example) -> Self {
        Self { steps, cells }
    }
}

impl From {
    fn row(self) -> usize {
        match self {
            Self::Row(i, _) | Self::Draw(i, _) => i,
        }
    }
}

fn turned(future: Future, flip: bool) -> Future {
    match flipped(Unrolled::Known(future), flip) {
        Unrolled::Known(future) => future,
        Unrolled::Open(first) => Future::new(&first, &[]),
    }
}

//! Programs that hear nothing, in parts: programs stand together as long as they have printed the same.
//!
//! Parts are told apart in the order of time, and looked at as far as fixed horizons, so that a part has the same number
//! however far ahead anybody asks.

use super::unroll::{Printer, Script, Unrolled};
use super::{Birth, Costs, SILENT, flipped};
use crate::error::Result;
use crate::programs::Limits;
use crate::programs::futures::Future;
use crate::threads;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rounds that are written down at once.
pub const BLOCK: usize = 32;

/// Programs of one kind.
#[derive(Clone, Debug)]
pub struct Line {
    /// The shortest of them, and what it takes for the symbols that were enumerated.
    pub script: Script,
    pub costs: Costs,
    pub mass: f64,
    pub programs: u64,
    /// Whether all its symbols are to be turned around, for the complement to stand with it.
    pub flip: bool,
    /// None as long as it is undecided.
    pub future: Option<Arc<Future>>,
}

#[derive(Clone, Debug)]
pub enum Said {
    Known(Arc<Future>),
    Open(Vec<u8>),
}

impl Said {
    fn at(&self, time: usize) -> u16 {
        match self {
            Self::Open(symbols) => symbols[time].into(),
            Self::Known(future) => {
                let Future { first, cycle } = &**future;
                match time.checked_sub(first.len()) {
                    None => first[time].into(),
                    Some(_) if cycle.is_empty() => SILENT,
                    Some(after) => cycle[after % cycle.len()].into(),
                }
            }
        }
    }

    /// The symbols from `start` on.
    pub fn block(&self, start: usize) -> [u16; BLOCK] {
        let mut block = [SILENT; BLOCK];
        match self {
            Self::Open(symbols) => block
                .iter_mut()
                .zip(&symbols[start..])
                .for_each(|(to, &x)| *to = x.into()),
            Self::Known(future) => {
                let Future { first, cycle } = &**future;
                let known = first.get(start..).unwrap_or_default();
                block.iter_mut().zip(known).for_each(|(to, &x)| *to = x.into());
                if let Some(rest) = block.get_mut(known.len()..).filter(|_| !cycle.is_empty()) {
                    let mut at = start.saturating_sub(first.len()) % cycle.len();
                    for to in rest {
                        *to = cycle[at].into();
                        at = if at + 1 == cycle.len() { 0 } else { at + 1 };
                    }
                }
            }
        }
        block
    }
}

/// Programs that have printed the same.
#[derive(Clone, Debug)]
pub struct Part {
    pub birth: Birth,
    pub lines: Vec<Line>,
    pub said: Said,
}

impl Part {
    fn undecided(&self) -> bool {
        self.lines.len() > 1 || self.lines.iter().any(|line| line.future.is_none())
    }
}

/// All parts, as far as they are told apart by now.
#[derive(Debug)]
pub struct Atlas {
    pub printer: Printer,
    limits: Limits,
    pub horizon: usize,
    pub parts: Vec<Part>,
}

impl Atlas {
    /// Clusters of programs that have printed the same first `limits.max_output` symbols.
    #[must_use]
    pub fn new(printer: Printer, limits: Limits, clusters: Vec<(Vec<u8>, Vec<Line>)>) -> Self {
        let part = |(at, (output, lines)): (usize, (Vec<u8>, Vec<Line>))| Part {
            birth: Birth {
                time: 0,
                parent: at as u32,
                share: 1.0,
            },
            said: match &lines[..] {
                [
                    Line {
                        future: Some(future), ..
                    },
                ] => Said::Known(Arc::clone(future)),
                _ => Said::Open(output),
            },
            lines,
        };
        Self {
            printer,
            limits,
            horizon: limits.max_output,
            parts: clusters.into_iter().enumerate().map(part).collect(),
        }
    }

    /// Tells apart what differs within so many symbols.
    pub fn reach(&mut self, symbols: usize) -> Result<()> {
        while self.horizon < symbols {
            self.extend(2 * self.horizon)?;
        }
        Ok(())
    }

    fn extend(&mut self, to: usize) -> Result<()> {
        let from = self.horizon;
        let open: Vec<usize> = (0..self.parts.len()).filter(|&p| self.parts[p].undecided()).collect();
        let work: Vec<(usize, Vec<Line>)> = open
            .iter()
            .map(|&p| (p, std::mem::take(&mut self.parts[p].lines)))
            .collect();
        let (printer, limits) = (self.printer, &self.limits);
        let told = threads::map(
            work,
            || (),
            |(), (p, lines)| Ok((p, branches(groups(lines, printer, limits, to)?, from, to))),
        );
        let told = told.into_iter().collect::<Result<Vec<_>>>()?;
        self.number(told);
        self.horizon = to;
        Ok(())
    }

    /// Numbers new parts by time, then by parent, then by symbol.
    fn number(&mut self, told: Vec<(usize, Vec<Branch>)>) {
        let mut places: Vec<Vec<u32>> = Vec::new();
        let mut due: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (i, (p, branches)) in told.iter().enumerate() {
            places.push(vec![*p as u32; branches.len()]);
            for (b, branch) in branches.iter().enumerate().skip(1) {
                due.entry(branch.time).or_default().push((i, b));
            }
        }
        let mut told: Vec<Vec<Option<Branch>>> = told
            .into_iter()
            .map(|(_, branches)| branches.into_iter().map(Some).collect())
            .collect();
        for (i, branches) in told.iter_mut().enumerate() {
            if let Some(stem) = branches.first_mut().and_then(Option::take) {
                let part = &mut self.parts[places[i][0] as usize];
                (part.lines, part.said) = stem.whole();
            }
        }
        for (time, mut born) in due {
            let parent = |&(i, b): &(usize, usize)| told[i][b].as_ref().map(|branch| places[i][branch.parent]);
            born.sort_by_cached_key(|at| (parent(at), at.1));
            for (i, b) in born {
                let Some(branch) = told[i][b].take() else { continue };
                let birth = Birth {
                    time,
                    parent: places[i][branch.parent],
                    share: branch.share,
                };
                places[i][b] = self.parts.len() as u32;
                let (lines, said) = branch.whole();
                self.parts.push(Part { birth, lines, said });
            }
        }
    }
}

/// Lines with the same symbols up to a horizon; those that are known have the same for ever.
struct Group {
    said: Said,
    mass: f64,
    lines: Vec<Line>,
}

/// Runs the undecided as far as the new horizon, and joins what is the same.
fn groups(lines: Vec<Line>, printer: Printer, limits: &Limits, to: usize) -> Result<Vec<Group>> {
    let mut known: BTreeMap<Future, usize> = BTreeMap::new();
    let mut open: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for mut line in lines {
        let unrolled = match &line.future {
            Some(future) => Unrolled::Known((**future).clone()),
            None => flipped(printer.unroll(&line.script, limits, to)?, line.flip),
        };
        let new = groups.len();
        let (place, said) = match unrolled {
            Unrolled::Known(future) => {
                let place = *known.entry(future.clone()).or_insert(new);
                (place, Said::Known(Arc::new(future)))
            }
            Unrolled::Open(symbols) => (*open.entry(symbols.clone()).or_insert(new), Said::Open(symbols)),
        };
        if place == new {
            groups.push(Group {
                said,
                mass: 0.0,
                lines: Vec::new(),
            });
        }
        let group = &mut groups[place];
        group.mass += line.mass;
        match (&group.said, group.lines.first_mut()) {
            (Said::Known(_), Some(first)) => first.join(line),
            (Said::Known(future), None) => {
                line.future = Some(Arc::clone(future));
                group.lines.push(line);
            }
            (Said::Open(_), _) => group.lines.push(line),
        }
    }
    Ok(groups)
}

impl Line {
    fn join(&mut self, other: Self) {
        self.mass += other.mass;
        self.programs += other.programs;
        let rank = |line: &Self| (line.script.len(), line.script.clone());
        if rank(&other) < rank(self) {
            (self.script, self.costs, self.flip) = (other.script, other.costs, other.flip);
        }
    }
}

/// A part to be: its groups agree up to the horizon.
struct Branch {
    time: usize,
    parent: usize,
    share: f64,
    groups: Vec<Group>,
}

impl Branch {
    fn whole(self) -> (Vec<Line>, Said) {
        let known = self
            .groups
            .iter()
            .position(|group| matches!(group.said, Said::Known(_)));
        let said = self.groups[known.unwrap_or(0)].said.clone();
        (self.groups.into_iter().flat_map(|group| group.lines).collect(), said)
    }
}

/// The branches of a part between two horizons, its stem first, each after its parent.
fn branches(groups: Vec<Group>, from: usize, to: usize) -> Vec<Branch> {
    let mut all = vec![Branch {
        time: from,
        parent: 0,
        share: 1.0,
        groups,
    }];
    let mut at = 0;
    while at < all.len() {
        let mut time = all[at].time;
        while let Some(parting) = parting(&all[at].groups, time, to) {
            time = parting;
            let mut ways: BTreeMap<u16, Vec<Group>> = BTreeMap::new();
            for group in std::mem::take(&mut all[at].groups) {
                ways.entry(group.said.at(time)).or_default().push(group);
            }
            let mass = |groups: &[Group]| groups.iter().map(|group| group.mass).sum::<f64>();
            let masses: Vec<(u16, f64)> = ways.iter().map(|(&x, groups)| (x, mass(groups))).collect();
            let stays = heaviest(&masses);
            let mut left: f64 = masses.iter().map(|(_, mass)| mass).sum();
            for ((symbol, groups), (_, mass)) in ways.into_iter().zip(masses) {
                if symbol == stays {
                    all[at].groups = groups;
                    continue;
                }
                let share = mass / left;
                left -= mass;
                all.push(Branch {
                    time,
                    parent: at,
                    share,
                    groups,
                });
            }
        }
        at += 1;
    }
    all
}

/// The symbol with the most mass; the first of equals.
pub(super) fn heaviest(masses: &[(u16, f64)]) -> u16 {
    let more = |best: (u16, f64), next: &(u16, f64)| if next.1 > best.1 { *next } else { best };
    masses.iter().fold((0, -1.0), more).0
}

/// The first time at which they do not all say the same.
fn parting(groups: &[Group], from: usize, to: usize) -> Option<usize> {
    let (first, others) = groups.split_first()?;
    let mut end = to;
    for other in others {
        if let Some(time) = (from..end).find(|&t| first.said.at(t) != other.said.at(t)) {
            end = time;
        }
    }
    (end < to).then_some(end)
}

//! The linear model of demand between bounds: steps after which each price clears or stands at the bound that demand pushes it to.

use super::linear;

/// Exchanges of prices between the bounds and the inside, many at a time, then one by one.
const MANY: usize = 12;
const SINGLE: usize = 40;

/// Where the model puts a price.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Low,
    Free,
    High,
}

/// Demand `field + (slopes - pull) step` after a step.
pub struct Model<'a> {
    /// How far each price may fall and rise.
    rooms: &'a [(f64, f64)],
    field: &'a [f64],
    /// Row-major.
    slopes: &'a [f64],
    pull: f64,
    sides: Vec<Side>,
}

impl<'a> Model<'a> {
    /// Prices at a bound begin there if they are pushed against it.
    pub fn new(rooms: &'a [(f64, f64)], field: &'a [f64], slopes: &'a [f64], pull: f64) -> Self {
        let side = |((below, above), d): (&(f64, f64), &f64)| match *d {
            d if *below <= 0.0 && d <= 0.0 => Side::Low,
            d if *above <= 0.0 && d >= 0.0 => Side::High,
            _ => Side::Free,
        };
        Self {
            sides: rooms.iter().zip(field).map(side).collect(),
            rooms,
            field,
            slopes,
            pull,
        }
    }

    /// The step after which the model clears, by exchanging all prices that are on a wrong side, in the end one by one (Murty
    /// 1974; Júdice and Pires 1994); the last one found where that does not end.
    pub fn solve(&mut self) -> Option<Vec<f64>> {
        let mut found = None;
        for turn in 0..MANY + SINGLE {
            let step = self.step()?;
            let wrong = self.wrong(&step);
            let within = |(by, (below, above)): (&f64, &(f64, f64))| by.clamp(-below, *above);
            found = Some(step.iter().zip(self.rooms).map(within).collect());
            if wrong.is_empty() {
                break;
            }
            let from = if turn < MANY { 0 } else { wrong.len() - 1 };
            wrong[from..].iter().for_each(|(j, side)| self.sides[*j] = *side);
        }
        found
    }

    /// The step after which the free prices clear, the others being at their bounds.
    fn step(&self) -> Option<Vec<f64>> {
        let n = self.rooms.len();
        let free: Vec<_> = (0..n).filter(|j| self.sides[*j] == Side::Free).collect();
        let mut step: Vec<_> = (0..n)
            .map(|j| match self.sides[j] {
                Side::Low => -self.rooms[j].0,
                Side::Free => 0.0,
                Side::High => self.rooms[j].1,
            })
            .collect();
        let mut right: Vec<_> = free.iter().map(|j| -self.at(*j, &step)).collect();
        let mut matrix = Vec::with_capacity(free.len() * free.len());
        for j in &free {
            let row = &self.slopes[j * n..(j + 1) * n];
            matrix.extend(free.iter().map(|k| row[*k] - if j == k { self.pull } else { 0.0 }));
        }
        if !linear::solve_any(&mut matrix, &mut right) {
            return None;
        }
        free.iter().zip(right).for_each(|(j, by)| step[*j] = by);
        step.iter().all(|by| by.is_finite()).then_some(step)
    }

    /// The model's demand j after a step.
    fn at(&self, j: usize, step: &[f64]) -> f64 {
        let row = &self.slopes[j * step.len()..(j + 1) * step.len()];
        let change: f64 = row.iter().zip(step).map(|(s, by)| s * by).sum();
        self.field[j] + change - self.pull * step[j]
    }

    /// The prices on a wrong side, with the right one.
    fn wrong(&self, step: &[f64]) -> Vec<(usize, Side)> {
        let better = |j: usize| {
            let (below, above) = self.rooms[j];
            match self.sides[j] {
                Side::Free if step[j] < -below => Some(Side::Low),
                Side::Free if step[j] > above => Some(Side::High),
                Side::Low if self.at(j, step) > 0.0 => Some(Side::Free),
                Side::High if self.at(j, step) < 0.0 => Some(Side::Free),
                _ => None,
            }
        };
        (0..step.len())
            .filter_map(|j| better(j).map(|side| (j, side)))
            .collect()
    }
}

//! Memory that one round leaves to the next: to be given fresh pages takes as long as a pass over them.

/// Numbers in a line of the cache.
const LINE: usize = 8;

/// Room for so many numbers that begin a line of the cache: wide vectors that lie across two take twice as long.
pub(super) fn lined(n: usize) -> usize {
    if n == 0 { 0 } else { n + LINE - 1 }
}

/// The numbers from the first that begins a line of the cache.
pub(super) fn in_lines(numbers: &mut [f64]) -> &mut [f64] {
    let from = numbers.as_ptr().align_offset(LINE * size_of::<f64>());
    numbers.get_mut(from..).unwrap_or_default()
}

/// Vectors of numbers that are not in use.
#[derive(Debug, Default)]
pub struct Room(Vec<Vec<f64>>);

impl Room {
    /// So many numbers, of any value: 0, or what was left.
    pub(super) fn take(&mut self, n: usize) -> Vec<f64> {
        let found = self.0.iter().rposition(|held| held.len() == n);
        found.map_or_else(|| vec![0.0; n], |at| self.0.swap_remove(at))
    }

    pub(super) fn leave(&mut self, held: impl IntoIterator<Item = Vec<f64>>) {
        self.0.extend(held.into_iter().filter(|held| !held.is_empty()));
    }

    /// What [`super::Rule::clear_in`] has taken.
    pub fn leave_round(&mut self, price: super::Price) {
        if let super::Terms::Isoelastic(budgets) = price.terms {
            self.leave([budgets.sums, budgets.scales]);
        }
    }
}

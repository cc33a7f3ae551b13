//! What is known of the symbols that a program prints for ever.

/// Symbols once, then symbols again and again; none if nothing is known, or nothing comes, after the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Future {
    pub first: Vec<u8>,
    pub cycle: Vec<u8>,
}

impl Future {
    /// In its one shortest form.
    #[must_use]
    pub fn new(first: &[u8], cycle: &[u8]) -> Self {
        let period = primitive(cycle);
        let mut cycle = cycle[..period].to_vec();
        let mut first = first;
        while let Some((&last, rest)) = first.split_last()
            && cycle.last() == Some(&last)
        {
            cycle.rotate_right(1);
            first = rest;
        }
        Self {
            first: first.to_vec(),
            cycle,
        }
    }

    /// The same after other symbols.
    #[must_use]
    pub fn after(&self, printed: &[u8]) -> Self {
        let first = [printed, &self.first].concat();
        if self.first.is_empty() {
            Self::new(&first, &self.cycle)
        } else {
            Self {
                first,
                cycle: self.cycle.clone(),
            }
        }
    }

    /// The symbols from the start, as far as they are known.
    pub fn symbols(&self) -> impl Iterator<Item = u8> {
        self.first.iter().chain(self.cycle.iter().cycle()).copied()
    }
}

/// The length of the shortest word of which this one is a power.
fn primitive(word: &[u8]) -> usize {
    let periods = |&p: &usize| word.len().is_multiple_of(p) && word[p..] == word[..word.len() - p];
    (1..word.len()).find(periods).unwrap_or(word.len())
}

//! Who enters when: a trader's episode, or its place among the episodes at which anybody enters, a byte as a rule.

use crate::accounts::narrow::Narrow;

/// The episode at which each trader enters.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// Each trader's rank, which orders traders as their episodes do: 0 from the start. Empty where nobody is late.
    ranks: Narrow,
    /// The episode of each rank; empty where the rank is the episode.
    episodes: Vec<u64>,
}

impl Calendar {
    /// The calendar of traders that enter at `episodes`, 0 being the start.
    #[must_use]
    pub fn new(episodes: &[u64]) -> Self {
        let mut listed = episodes.to_vec();
        listed.push(0);
        listed.sort_unstable();
        listed.dedup();
        let last = listed[listed.len() - 1];
        let places = listed.len() as u32 - 1;
        let list_bytes = Narrow::width(places) * episodes.len() + size_of_val(&listed[..]);
        let (ranks, episodes) = match u32::try_from(last) {
            Ok(0) => (Narrow::EMPTY, Vec::new()),
            Ok(last) if Narrow::width(last) * episodes.len() <= list_bytes => {
                (Narrow::of(episodes.iter().map(|&e| e as u32), last), Vec::new())
            }
            _ => {
                listed.shrink_to_fit();
                let place = |e: &u64| listed.partition_point(|other| other < e) as u32;
                (Narrow::of(episodes.iter().map(place), places), listed)
            }
        };
        Self { ranks, episodes }
    }

    /// The same with more traders, who are there from the start.
    #[must_use]
    pub fn grown(&self, traders: usize) -> Self {
        let mut grown = self.clone();
        if !grown.ranks.is_empty() {
            grown.ranks.resize(traders);
        }
        grown
    }

    /// Whether nobody is late.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    #[must_use]
    pub fn ranks(&self) -> &Narrow {
        &self.ranks
    }

    #[must_use]
    pub fn rank(&self, trader: usize) -> u32 {
        self.ranks.at(trader)
    }

    /// The episode that a rank stands for.
    #[must_use]
    pub fn episode(&self, rank: u32) -> u64 {
        self.episodes.get(rank as usize).copied().unwrap_or(rank.into())
    }

    /// The lowest rank above `rank` that anybody has.
    #[must_use]
    pub fn after(&self, rank: u32) -> Option<u32> {
        self.ranks.iter().filter(|&r| r > rank).min()
    }

    /// The highest rank that has entered by `episode`.
    #[must_use]
    pub fn by(&self, episode: u64) -> u32 {
        if self.episodes.is_empty() {
            return u32::try_from(episode).unwrap_or(u32::MAX);
        }
        // the first of all is episode 0
        self.episodes.partition_point(|&e| e <= episode) as u32 - 1
    }

    /// (rank, trader) of those whose rank is from `first` to `last`, in the order in which they enter.
    #[must_use]
    pub fn within(&self, first: u32, last: u32) -> Vec<(u32, u32)> {
        let ranks = self.ranks.iter().zip(0..);
        let mut found: Vec<_> = ranks.filter(|(rank, _)| (first..=last).contains(rank)).collect();
        found.sort_unstable();
        found
    }

    /// (episode, trader) of all who are late, in the order in which they enter.
    #[must_use]
    pub fn late(&self) -> Vec<(u64, u32)> {
        let late = self.within(1, u32::MAX).into_iter();
        late.map(|(rank, j)| (self.episode(rank), j)).collect()
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ranks.bytes() + size_of_val(self.episodes.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traders_enter_by_episode_and_then_by_number() {
        let falling = |count: u64, step: u64| (0..count).map(|j| (count - j) * step).collect::<Vec<_>>();
        let far = |dates: u64| (0..100_000).map(|j| 1_000_000 * (j % (dates + 1))).collect::<Vec<_>>();
        let cases = [
            (vec![0, 0], 0, 0),
            (vec![0, 7, 3, 7, 255, 0], 1, 0),
            (vec![0, 7, 3, 7, u64::MAX, 0], 1, 4),
            (falling(65_535, 1), 2, 0),
            (falling(65_536, 3), 4, 0),
            (falling(65_536, 1 << 30), 4, 65_537),
            (far(255), 1, 256),
            (far(256), 2, 257),
        ];
        for (episodes, bytes, listed) in cases {
            let calendar = Calendar::new(&episodes);
            assert_eq!(calendar.bytes(), bytes * episodes.len() + 8 * listed);
            let mut expected: Vec<_> = episodes.iter().copied().zip(0..).filter(|(e, _)| *e > 0).collect();
            expected.sort_unstable();
            assert_eq!(calendar.late(), expected);
            assert_eq!(calendar.is_empty(), expected.is_empty());
            for &(episode, _) in expected.iter().step_by(expected.len() / 9 + 1) {
                let rank = calendar.by(episode);
                let entered = expected.iter().filter(|(e, _)| *e <= episode).count();
                let next = expected.get(entered).map(|(e, _)| *e);
                assert_eq!(calendar.within(1, rank).len(), entered);
                assert_eq!(calendar.after(rank).map(|r| calendar.episode(r)), next);
                assert!(calendar.by(episode - 1) < rank);
            }
            let grown = calendar.grown(episodes.len() + 2);
            assert_eq!((grown.late(), grown.rank(episodes.len())), (expected, 0));
        }
    }
}

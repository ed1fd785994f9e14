//! Up to where a shard is settled, where batches of it run beside each other: the place moves over what is settled without a
//! gap, and no further.

use std::collections::{HashSet, VecDeque};

/// What was read of a shard and lies behind the place.
#[derive(Debug, Default)]
pub struct Frontier {
    /// Sequence numbers, in the order of the shard.
    read: VecDeque<String>,
    /// Those that are not settled.
    open: HashSet<String>,
}

impl Frontier {
    /// A record was read, which the function is to get, or which is passed over.
    pub fn read(&mut self, sequence: &str, is_wanted: bool) {
        if is_wanted {
            self.open.insert(sequence.to_owned());
        } else if let Some(last) = self.read.back_mut()
            && !self.open.contains(last)
        {
            // Of several that are passed over the last one says all.
            sequence.clone_into(last);
            return;
        }
        self.read.push_back(sequence.to_owned());
    }

    /// How far the shard is settled once these are; `None` where that is no further than before.
    pub fn reached(&self, settled: &HashSet<&str>) -> Option<&str> {
        let is_settled = |sequence: &&String| !self.open.contains(*sequence) || settled.contains(sequence.as_str());
        self.read.iter().take_while(is_settled).last().map(String::as_str)
    }

    /// These are settled.
    pub fn settle(&mut self, settled: &HashSet<&str>) {
        self.open.retain(|sequence| !settled.contains(sequence.as_str()));
        while self.read.front().is_some_and(|sequence| !self.open.contains(sequence)) {
            self.read.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled<'a>(sequences: &[&'a str]) -> HashSet<&'a str> {
        sequences.iter().copied().collect()
    }

    #[test]
    fn the_place_moves_over_what_is_settled_without_a_gap() {
        let mut frontier = Frontier::default();
        for (sequence, is_wanted) in [("1", true), ("2", true), ("3", false), ("4", false), ("5", true), ("6", false)] {
            frontier.read(sequence, is_wanted);
        }
        assert_eq!(frontier.read.len(), 5, "of those that are passed over the last one is kept");
        assert_eq!(frontier.reached(&settled(&["2"])), None);
        frontier.settle(&settled(&["2"]));
        assert_eq!(frontier.reached(&settled(&[])), None);
        assert_eq!(frontier.reached(&settled(&["1"])), Some("4"), "over what is passed over, too");
        frontier.settle(&settled(&["1"]));
        assert_eq!(frontier.reached(&settled(&["5"])), Some("6"));
        frontier.settle(&settled(&["5"]));
        assert!(frontier.read.is_empty() && frontier.open.is_empty());
        frontier.read("7", false);
        assert_eq!(frontier.reached(&settled(&[])), Some("7"));
    }
}

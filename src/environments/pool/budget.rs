//! How many environments there may be, and how much memory they may have together.

use std::collections::HashMap;

use crate::environments::executor::EnvironmentId;

/// What environments take of what there is. One takes its share from before it is started until it has ended, so
/// that the limits hold at every moment.
#[derive(Debug, Default)]
pub struct Budget {
    most: Option<usize>,
    most_memory_mib: Option<u64>,
    shares: HashMap<EnvironmentId, Share>,
    /// How many of them are of environments without a function.
    aside: usize,
    memory_mib: u64,
    ending: usize,
    ending_memory_mib: u64,
}

#[derive(Debug)]
struct Share {
    memory_mib: u32,
    /// It was told to end.
    ending: bool,
    /// It has no function: only its memory counts.
    aside: bool,
}

/// Whether there is room for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There is.
    Free,
    /// There will be when those have ended that were told to.
    Soon,
    /// Another one has to end first.
    Full,
    /// It is larger than all there is.
    Never,
}

impl Budget {
    /// A budget for this many environments with this much memory in MiB; `None` is no limit.
    pub fn new(most: Option<usize>, most_memory_mib: Option<u64>) -> Self {
        Self { most, most_memory_mib, ..Self::default() }
    }

    /// Whether there is room for one with this much memory in MiB.
    pub fn room(&self, memory_mib: u32) -> Room {
        let fits = |count: usize, memory: u64| {
            self.most.is_none_or(|most| count < most) && self.has_memory(memory + u64::from(memory_mib))
        };
        let count = self.shares.len() - self.aside;
        if fits(count, self.memory_mib) {
            Room::Free
        } else if fits(count - self.ending, self.memory_mib - self.ending_memory_mib) {
            Room::Soon
        } else if fits(0, 0) {
            Room::Full
        } else {
            Room::Never
        }
    }

    /// Whether there is memory for one more that has no function yet.
    pub fn has_room_aside(&self, memory_mib: u32) -> bool {
        self.has_memory(self.memory_mib + u64::from(memory_mib))
    }

    fn has_memory(&self, memory_mib: u64) -> bool {
        self.most_memory_mib.is_none_or(|most| memory_mib <= most)
    }

    /// Whether more is taken than there is: environments of a former server are taken as they come.
    pub fn is_over(&self) -> bool {
        self.most.is_some_and(|most| self.shares.len() - self.aside - self.ending > most)
            || !self.has_memory(self.memory_mib - self.ending_memory_mib)
    }

    /// Gives an environment its share, whether there is room or not.
    pub fn take(&mut self, id: &EnvironmentId, memory_mib: u32) {
        self.insert(id, Share { memory_mib, ending: false, aside: false });
    }

    /// Gives one that has no function its share of the memory. It is not one of the environments that are counted.
    pub fn take_aside(&mut self, id: &EnvironmentId, memory_mib: u32) {
        self.insert(id, Share { memory_mib, ending: false, aside: true });
    }

    fn insert(&mut self, id: &EnvironmentId, share: Share) {
        self.give_back(id);
        self.memory_mib += u64::from(share.memory_mib);
        self.aside += usize::from(share.aside);
        self.shares.insert(id.clone(), share);
    }

    /// Whether an environment has a share.
    pub fn has(&self, id: &EnvironmentId) -> bool {
        self.shares.contains_key(id)
    }

    /// Notes that an environment was told to end.
    pub fn ends(&mut self, id: &EnvironmentId) {
        if let Some(share) = self.shares.get_mut(id)
            && !share.ending
        {
            share.ending = true;
            self.ending += usize::from(!share.aside);
            self.ending_memory_mib += u64::from(share.memory_mib);
        }
    }

    /// Takes back the share of an environment that has ended.
    pub fn give_back(&mut self, id: &EnvironmentId) {
        let Some(share) = self.shares.remove(id) else { return };
        self.memory_mib -= u64::from(share.memory_mib);
        self.aside -= usize::from(share.aside);
        if share.ending {
            self.ending -= usize::from(!share.aside);
            self.ending_memory_mib -= u64::from(share.memory_mib);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> EnvironmentId {
        EnvironmentId(name.to_owned())
    }

    #[test]
    fn without_limits_there_is_always_room() {
        let mut budget = Budget::new(None, None);
        for number in 0..100 {
            budget.take(&id(&number.to_string()), 10_240);
        }
        assert_eq!(budget.room(10_240), Room::Free);
        assert!(!budget.is_over());
    }

    #[test]
    fn what_ends_has_its_share_until_it_has_ended() {
        let mut budget = Budget::new(Some(2), None);
        budget.take(&id("a"), 128);
        budget.take(&id("b"), 128);
        assert_eq!(budget.room(128), Room::Full);
        budget.ends(&id("a"));
        budget.ends(&id("a"));
        assert_eq!(budget.room(128), Room::Soon);
        budget.give_back(&id("a"));
        budget.give_back(&id("a"));

        assert_eq!(budget.room(128), Room::Free);
    }

    #[test]
    fn one_without_a_function_takes_memory_and_no_place() {
        let mut budget = Budget::new(Some(1), Some(512));
        budget.take_aside(&id("standby"), 128);
        assert_eq!((budget.room(384), budget.room(512)), (Room::Free, Room::Full));
        assert!(budget.has_room_aside(384) && !budget.has_room_aside(385));
        budget.ends(&id("standby"));
        assert_eq!(budget.room(512), Room::Soon);
        budget.give_back(&id("standby"));
        assert_eq!(budget.room(512), Room::Free);

        // It gets a function.
        budget.take_aside(&id("standby"), 128);
        budget.take(&id("standby"), 512);
        assert_eq!(budget.room(1), Room::Full);
        assert!(!budget.is_over());
    }

    #[test]
    fn memory_counts_as_functions_have_it() {
        let mut budget = Budget::new(None, Some(1024));
        budget.take(&id("a"), 512);
        assert_eq!((budget.room(512), budget.room(513), budget.room(1025)), (Room::Free, Room::Full, Room::Never));
        budget.take(&id("b"), 1024);
        assert!(budget.is_over());
        budget.ends(&id("b"));
        assert!(!budget.is_over());
    }
}

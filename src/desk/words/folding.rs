//! What Larder does by itself after a change, such as making a function ready, told with the change that caused it.

use crate::desk::answers::{Entry, Outcome};

/// Folds entries that come the newest first.
#[derive(Debug, Default)]
pub struct Folding {
    /// What failed, whose cause was not seen yet.
    failed: Vec<Entry>,
}

impl Folding {
    /// The entries without what followed well; what failed goes to the words of its cause.
    pub fn fold(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut folded = Vec::new();
        for mut entry in entries {
            match entry.event.follow_up {
                Some(Outcome::Well) => {}
                Some(Outcome::Failed) => self.failed.push(entry),
                None => {
                    self.join(&mut entry);
                    folded.push(entry);
                }
            }
        }
        folded
    }

    /// What failed and has no cause among what was folded.
    pub fn rest(self) -> Vec<Entry> {
        self.failed
    }

    /// Joins what failed to an entry that caused it: the one before it that is about the same resource.
    fn join(&mut self, cause: &mut Entry) {
        let about = |failed: &mut Entry| failed.event.resource == cause.event.resource;
        for failed in self.failed.extract_if(.., about).collect::<Vec<_>>().into_iter().rev() {
            let said = failed.event.says;
            let said = said.split_once(": ").map_or(said.as_str(), |(_, said)| said);
            cause.event.says = format!("{}; {said}", cause.event.says);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::answers::ShownEvent;

    fn entry(resource: &str, says: &str, follow_up: Option<Outcome>) -> Entry {
        let event = ShownEvent { resource: resource.into(), says: says.into(), follow_up, ..ShownEvent::default() };
        Entry { event, summary: None, changes: Vec::new() }
    }

    #[test]
    fn what_followed_is_told_with_its_cause() {
        let mut folding = Folding::default();
        let newest_first = vec![
            entry("b", "b: ready", Some(Outcome::Well)),
            entry("a", "a: cannot run here: why", Some(Outcome::Failed)),
            entry("b", "b: created", None),
            entry("a", "a: version 1 published", None),
            entry("a", "a: created", None),
            entry("c", "c: cannot run here: why", Some(Outcome::Failed)),
        ];
        let folded = folding.fold(newest_first);
        let said: Vec<_> = folded.iter().map(|entry| entry.event.says.as_str()).collect();
        assert_eq!(said, ["b: created", "a: version 1 published; cannot run here: why", "a: created"]);
        assert_eq!(folding.rest().len(), 1);
    }
}

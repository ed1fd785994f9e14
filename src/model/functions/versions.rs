//! Published versions of a function, which lie folded until somebody asks for them: most of a large state are versions
//! that nobody looks at.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use imbl::OrdMap;

use super::FunctionVersion;
use crate::model::folded::{Folded, Unfold};

/// Versions by number.
pub type ByNumber = OrdMap<u64, Arc<FunctionVersion>>;

/// Published versions by number. They are used as the map that they are. Folded ones are opened for whoever asks for
/// more than [`Versions::sums`] and the like, and stay open.
#[derive(Clone, Default)]
pub struct Versions {
    /// None, where they are folded.
    open: ByNumber,
    folded: Option<Arc<FoldedVersions>>,
}

struct FoldedVersions {
    sums: Sums,
    versions: Folded<ByNumber>,
}

/// What is told of versions without opening them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// How many there are.
    pub count: usize,
    /// Bytes of their code that count towards the account's limit.
    pub code_size: u64,
}

impl Sums {
    /// Those of versions.
    fn of(versions: &ByNumber) -> Self {
        let sizes = versions.values().map(|version| version.code.content.size());
        Self { count: versions.len(), code_size: sizes.sum() }
    }
}

impl Versions {
    /// Folded ones, that could be: see [`Versions::can_fold`].
    pub fn folded(bytes: Box<[u8]>, sums: Sums, unfold: Unfold<ByNumber>) -> Self {
        let folded = FoldedVersions { sums, versions: Folded::new(bytes, unfold) };
        Self { open: OrdMap::new(), folded: Some(Arc::new(folded)) }
    }

    /// Whether they may be folded: there are some, and none is being made or updated, or runs on a capacity provider, as
    /// indices are kept of those.
    pub fn can_fold(&self) -> bool {
        let rests =
            |version: &Arc<FunctionVersion>| !version.is_unsettled() && version.config.capacity_provider.is_none();
        self.folded.is_some() || (!self.open.is_empty() && self.open.values().all(rests))
    }

    /// What they were folded into, if they are.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.folded.as_ref().map(|folded| folded.versions.bytes())
    }

    /// What is told of them without opening them.
    pub fn sums(&self) -> Sums {
        self.folded.as_ref().map_or_else(|| Sums::of(&self.open), |folded| folded.sums)
    }

    /// Those among which some may be at work: being made, or on a capacity provider. Folded ones are not.
    pub fn maybe_at_work(&self) -> impl Iterator<Item = &Arc<FunctionVersion>> {
        self.open.values()
    }

    /// The versions, opened for the caller only: a walk through all functions does not leave all of them open.
    pub fn read(&self) -> ByNumber {
        self.folded.as_ref().map_or_else(|| self.open.clone(), |folded| folded.versions.read())
    }
}

impl From<ByNumber> for Versions {
    fn from(open: ByNumber) -> Self {
        Self { open, folded: None }
    }
}

impl Deref for Versions {
    type Target = ByNumber;

    fn deref(&self) -> &ByNumber {
        self.folded.as_ref().map_or(&self.open, |folded| folded.versions.open())
    }
}

/// What changes is open from then on.
impl DerefMut for Versions {
    fn deref_mut(&mut self) -> &mut ByNumber {
        if let Some(folded) = self.folded.take() {
            self.open = folded.versions.read();
        }
        &mut self.open
    }
}

impl PartialEq for Versions {
    fn eq(&self, other: &Self) -> bool {
        match (self.bytes(), other.bytes()) {
            (Some(one), Some(two)) if one == two => true,
            _ => self.sums() == other.sums() && self.read() == other.read(),
        }
    }
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::blob::BlobId;
    use crate::model::functions::{Content, FunctionState, sample_config};
    use crate::model::names::RevisionId;
    use crate::model::qualifier::Version;
    use crate::model::time::Timestamp;

    fn version(number: u64) -> Arc<FunctionVersion> {
        let id = RevisionId(uuid::Uuid::from_u128(number.into()));
        Arc::new(FunctionVersion {
            version: Version::Number(number),
            code: Content::Zip { blob: BlobId([0; 32]), size: 10 * number }.into(),
            config: Arc::new(sample_config()),
            description: None,
            state: FunctionState::Active,
            last_update: None,
            revision: id,
            deployment: id,
            modified: Timestamp(number),
        })
    }

    /// As many as the first byte says.
    fn unfold(bytes: &[u8]) -> ByNumber {
        (1..=u64::from(bytes[0])).map(|number| (number, version(number))).collect()
    }

    fn folded(count: u8) -> Versions {
        let sums = Sums::of(&unfold(&[count]));
        Versions::folded(Box::new([count]), sums, unfold)
    }

    fn is_open(versions: &Versions) -> bool {
        versions.folded.as_ref().is_none_or(|folded| folded.versions.is_open())
    }

    #[test]
    fn folded_ones_are_opened_when_they_are_asked_for_and_stay_so() {
        let versions = folded(3);
        let shared = versions.clone();
        assert_eq!(versions.sums(), Sums { count: 3, code_size: 60 });
        assert_eq!(versions.read().len(), 3);
        assert!(!is_open(&versions), "sums and walks open nothing");

        assert_eq!(versions.get(&2).map(|version| version.code.content.size()), Some(20));
        assert!(is_open(&shared), "whoever shares them shares the opened ones");
        assert!(versions.maybe_at_work().next().is_none());
    }

    #[test]
    fn a_change_leaves_the_others_as_they_are() {
        let before = folded(2);
        let mut after = before.clone();
        after.insert(3, version(3));
        assert_eq!((before.len(), after.len()), (2, 3));
        assert_eq!((after.bytes(), after.sums().code_size), (None, 60));
        assert_ne!(before, after);
        after.remove(&3);
        assert_eq!(before, after, "folded or not, they are the same");
    }

    #[test]
    fn what_is_at_work_is_not_folded() {
        let resting: Versions = unfold(&[2]).into();
        assert!(resting.can_fold());
        assert!(!Versions::default().can_fold(), "there is nothing to fold");

        let mut working = resting;
        working.get_mut(&2).map(Arc::make_mut).expect("it is there").state = FunctionState::Pending;
        assert!(!working.can_fold());
        assert_eq!(working.maybe_at_work().count(), 2);
    }
}

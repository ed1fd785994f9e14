//! Brings one shadow to what is wanted of it.

use super::wanted::Wanted;
use super::way::{Found, Way};
use crate::model::names::FunctionKey;
use crate::upstream::LambdaError;

/// Versions that are made only to get to the number of one that is wanted, and removed again.
const FILLERS: usize = 200;

/// What is in the place of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Its shadow, which is like this.
    Shadow(Wanted),
    /// Somebody's own function, which is left alone.
    LeftAlone,
    /// Nothing, or not all of it: what was wanted, and why it could not be had.
    Failed(Wanted, String),
}

/// Why a shadow is not as it is wanted.
#[derive(Debug, thiserror::Error)]
pub enum BringError {
    /// The endpoint did not do it.
    #[error(transparent)]
    Lambda(#[from] LambdaError),
    /// A version cannot have its number.
    #[error(
        "version {wanted} cannot be had there: {reason}. Triggers of the function itself work; those of that version, and of \
         aliases that stand for it, do not"
    )]
    Number {
        /// The version.
        wanted: u64,
        /// Why not.
        reason: String,
    },
}

/// Makes a shadow what is wanted, from what was found there. Returns what is there then.
///
/// # Errors
/// The endpoint did not do it, or cannot.
pub async fn bring(way: &Way, key: &FunctionKey, wanted: &Wanted, found: Option<Found>) -> Result<Kept, BringError> {
    let published = match found {
        Some(Found::Stranger) => return Ok(Kept::LeftAlone),
        Some(Found::Shadow(description, timeout_s)) if description.mark == way.target.mark(key) => {
            if timeout_s != u64::from(wanted.timeout_s) {
                way.set_timeout(key, wanted.timeout_s).await?;
            }
            description.published
        }
        Some(Found::Shadow(..) | Found::Orphan) => {
            remake(way, key, wanted).await?;
            0
        }
        None => {
            way.create(key, wanted).await?;
            0
        }
    };

    bring_versions(way, key, wanted, published).await?;
    Ok(Kept::Shadow(wanted.clone()))
}

/// Takes a shadow away, of a function that is gone.
///
/// # Errors
/// The endpoint did not do it.
pub async fn take_away(way: &Way, key: &FunctionKey) -> Result<(), LambdaError> {
    match way.find(key).await? {
        Some(Found::Shadow(..)) => way.remove(key).await,
        _ => Ok(()),
    }
}

async fn remake(way: &Way, key: &FunctionKey, wanted: &Wanted) -> Result<(), LambdaError> {
    way.remove(key).await?;
    way.create(key, wanted).await
}

/// Versions and aliases. Aliases stand for versions, so that those come before them, and go after them.
async fn bring_versions(way: &Way, key: &FunctionKey, wanted: &Wanted, published: u64) -> Result<(), BringError> {
    if published == 0 && wanted.versions.is_empty() && wanted.aliases.is_empty() {
        return Ok(());
    }
    let there = way.versions(key).await?;
    let missing = wanted.versions.iter().copied().find(|version| !there.contains(version));
    let last = there.last().copied().unwrap_or_default().max(published);
    if missing.is_some_and(|missing| missing <= last) {
        // Numbers are not given twice: they begin anew with the function.
        remake(way, key, wanted).await?;
        publish(way, key, wanted, 0).await?;
    } else if missing.is_some() {
        publish(way, key, wanted, last).await?;
    }

    bring_aliases(way, key, wanted).await?;
    for version in way.versions(key).await?.difference(&wanted.versions) {
        way.remove_version(key, *version).await?;
    }
    Ok(())
}

/// Publishes until the highest wanted number is there. What is between is removed with what is no longer wanted.
async fn publish(way: &Way, key: &FunctionKey, wanted: &Wanted, mut last: u64) -> Result<(), BringError> {
    let Some(highest) = wanted.versions.last().copied() else { return Ok(()) };
    let of = |wanted: u64, reason: &str| BringError::Number { wanted, reason: reason.to_owned() };
    let most = wanted.versions.len().saturating_add(FILLERS);
    for _ in 0..most {
        if last >= highest {
            return Ok(());
        }
        let number = way.publish(key, last).await?;
        if let Some(passed) = wanted.versions.range(last.saturating_add(1)..number).next() {
            return Err(of(*passed, "its numbers run otherwise"));
        }
        if number <= last {
            return Err(of(highest, "it publishes nothing new"));
        }
        if !wanted.versions.contains(&number) {
            way.remove_version(key, number).await?;
        }
        last = number;
    }

    if last >= highest { Ok(()) } else { Err(of(highest, "too many numbers before it are free")) }
}

async fn bring_aliases(way: &Way, key: &FunctionKey, wanted: &Wanted) -> Result<(), LambdaError> {
    let there = way.aliases(key).await?;
    for (name, version) in &wanted.aliases {
        let found = there.get(name);
        if found != Some(version) {
            way.put_alias(key, (name, version), found.is_some()).await?;
        }
    }
    for name in there.keys().filter(|name| !wanted.aliases.contains_key(*name)) {
        way.remove_alias(key, name).await?;
    }
    Ok(())
}

//! Tags of roles, policies and instance profiles.

use serde::{Deserialize, Serialize};

use super::paging::{PAGING, PageEnd, listed};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::Tags;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::page::{Order, Page};
use crate::protocol::shape::{Kind, Member, pattern};
use crate::protocol::xml::List;

const KEY: Kind = pattern(1, 128, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+");

const TAG: Kind = Kind::Structure(&[
    Member::body("Key", KEY).required(),
    Member::body("Value", pattern(0, 256, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*")).required(),
]);

/// `Tags` of a request.
pub const TAGS: Member = Member::body("Tags", Kind::List { length: Some((0, 50)), item: &TAG });

/// `TagKeys` of a request.
pub const TAG_KEYS: Member = Member::body("TagKeys", Kind::List { length: Some((0, 50)), item: &KEY });

/// A tag.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    key: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagRequest {
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// How the keys of a resource's tags are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// By their case too.
    ByCase,
    /// Not by their case.
    AnyCase,
}

/// The tags of a request. Texts as in `LocalStack`'s snapshots of AWS's IAM (`test_iam_roles.snapshot.json`,
/// `test_iam_policies.snapshot.json`).
pub fn given(tags: Vec<Tag>, keys: Keys) -> Result<Tags, ApiError> {
    let mut given = Tags::new();
    for Tag { key, value } in tags {
        let is_there = match keys {
            Keys::ByCase => given.contains_key(&key),
            Keys::AnyCase => given.keys().any(|other| other.eq_ignore_ascii_case(&key)),
        };
        if is_there {
            return Err(ApiError::new(
                ErrorCode::InvalidInput,
                match keys {
                    Keys::ByCase => "Duplicate tag keys found.",
                    Keys::AnyCase => "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
                },
            ));
        }
        given.insert(key, value);
    }

    Ok(given)
}

/// What a call that tags gives.
pub fn added(call: &mut Call, keys: Keys) -> Result<Tags, ApiError> {
    given(call.parse::<TagRequest>()?.tags, keys)
}

/// What a call that untags takes away.
pub fn removed(call: &mut Call) -> Result<Vec<String>, ApiError> {
    Ok(call.parse::<TagRequest>()?.tag_keys)
}

/// Tags as an answer shows them.
pub fn shown(tags: &Tags) -> List<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// The same, where an answer leaves out an empty list.
pub fn shown_if_any(tags: &Tags) -> Option<List<Tag>> {
    (!tags.is_empty()).then(|| shown(tags))
}

/// The page of tags that a call asks for.
pub fn list(call: &Call, tags: &Tags) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        tags: List<Tag>,
        #[serde(flatten)]
        end: PageEnd,
    }

    let page = Page::of(call, &PAGING)?;
    let show = |(key, value): &(&String, &String)| Tag { key: (*key).clone(), value: (*value).clone() };
    let (tags, end) = listed(page.take_sorted(tags.iter(), |(key, _)| (*key).clone(), Order::Ascending), show);
    call.answer(&Result { tags, end })
}

//! Pages of Lambda's listings: `MaxItems`, `Marker`, `NextMarker`.

use crate::model::error::ApiError;
use crate::protocol::call::Call;
use crate::protocol::page::Paging;

/// Items of a page at most, whatever the caller asks for.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>, `MaxItems`.
const MAX_ITEMS: usize = 50;

/// How Lambda's requests name a page.
pub const PAGING: Paging = up_to(MAX_ITEMS);

/// The same for an operation whose pages have another size at most.
pub const fn up_to(most: usize) -> Paging {
    Paging { size: "MaxItems", token: "Marker", default: most, most, unreadable }
}

fn unreadable(_token: &str) -> ApiError {
    ApiError::invalid_parameter("Could not parse pagination token.")
}

/// The page a call asks for of a listing whose items are named by ARN, and the marker of the next. They are
/// sorted by it, and a marker is the ARN of a page's first item, as other local Lambdas have it (recorded
/// calls of `test_url_config_list_paging` send one).
pub fn by_arn<T>(call: &Call, items: impl Iterator<Item = T>, arn: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let from = call.text("Marker").unwrap_or_default();
    let size =
        call.number("MaxItems").and_then(|items| usize::try_from(items).ok()).unwrap_or(MAX_ITEMS).min(MAX_ITEMS);
    let mut items: Vec<_> = items.map(|item| (arn(&item), item)).filter(|(arn, _)| &**arn >= from).collect();
    items.sort_by(|(first, _), (second, _)| first.cmp(second));
    // A page that is full has a marker, also where nothing is behind it (recorded: a page of two of two has one).
    let behind_last = || items.last().filter(|_| items.len() == size).map(|(arn, _)| format!("{arn}~"));
    let next = items.get(size).map(|(arn, _)| arn.clone()).or_else(behind_last);
    items.truncate(size);
    (items.into_iter().map(|(_, item)| item).collect(), next)
}

//! Larder's own endpoints, and the headers that go with them.

/// Header that requests send which change something by Larder's own endpoints. A page can send it only after a
/// preflight, which is refused.
pub const REQUEST_HEADER: &str = "x-larder-request";

/// Header with the store's token, beside `Authorization: Bearer`.
pub const TOKEN_HEADER: &str = "x-larder-token";

/// Whether a path is one of Larder's own endpoints.
pub fn is_larders_own(path: &str) -> bool {
    path == "/_larder" || path.starts_with("/_larder/") || is_localstacks(path)
}

/// Whether a path is one of those that tools of `LocalStack` ask: those know no header of ours.
pub fn is_localstacks(path: &str) -> bool {
    path.starts_with("/_localstack/")
}

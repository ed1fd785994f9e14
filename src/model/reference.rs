//! Function references: a name, a partial ARN or a full one, with or without a qualifier.

use super::arn;
use super::error::{ApiError, ErrorCode};
use super::names::{FunctionKey, Scope};
use super::qualifier::Qualifier;

/// A function as a caller names it, inside the caller's scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionReference {
    /// The function.
    pub key: FunctionKey,
    /// The qualifier, from the name or beside it.
    pub qualifier: Option<Qualifier>,
}

impl FunctionReference {
    /// Resolves `name` (and the separate `qualifier`) for a caller in `scope`. The text must have
    /// passed the pattern of the model.
    ///
    /// # Errors
    /// Another region, or two qualifiers that differ; texts as recorded on AWS (`test_function_arns`,
    /// `test_ops_with_arn_qualifier_mismatch`). Another account is for the caller to judge.
    pub fn resolve(scope: &Scope, name: &str, qualifier: Option<&str>) -> Result<Self, ApiError> {
        let parts = Parts::split(name);
        parts.check_scope(scope)?;
        if let (Some(derived), Some(given)) = (parts.qualifier, qualifier)
            && derived != given
        {
            return Err(ApiError::invalid_parameter(
                "The derived qualifier from the function name does not match the specified qualifier.",
            ));
        }

        let account = parts.account.map_or_else(|| scope.account.clone(), Into::into);
        let scope = Scope { account, region: scope.region.clone() };
        let key = FunctionKey { scope, name: parts.name.into() };
        Ok(Self { key, qualifier: parts.qualifier.or(qualifier).map(Qualifier::parse) })
    }

    /// The ARN as the caller named it: qualified only if the reference is.
    pub fn arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => arn::qualified(&self.key, qualifier),
            None => arn::function(&self.key),
        }
    }

    /// The "Function not found" of this reference.
    pub fn not_found(&self) -> ApiError {
        ApiError::function_not_found(&self.arn())
    }
}

/// The pieces of a reference's text.
struct Parts<'a> {
    region: Option<&'a str>,
    account: Option<&'a str>,
    name: &'a str,
    qualifier: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Splits `[arn:partition:lambda:][region:][account:][function:]name[:qualifier]`.
    fn split(text: &'a str) -> Self {
        let mut rest: Vec<&str> = text.split(':').collect();
        if rest.first() == Some(&"arn") {
            rest.drain(..rest.len().min(3));
        }
        let mut parts = Self { region: None, account: None, name: text, qualifier: None };
        let has_more = |rest: &[&str]| rest.len() > 1;
        if has_more(&rest) && looks_like_region(rest[0]) {
            parts.region = Some(rest.remove(0));
        }

        // As the pattern reads it: twelve digits before anything are an account, never a name.
        if has_more(&rest) && is_account(rest[0]) {
            parts.account = Some(rest.remove(0));
        }
        if has_more(&rest) && rest[0] == "function" {
            rest.remove(0);
        }
        parts.name = rest.first().copied().unwrap_or(text);
        parts.qualifier = rest.get(1).copied();

        parts
    }

    fn check_scope(&self, scope: &Scope) -> Result<(), ApiError> {
        if let Some(region) = self.region
            && region != scope.region.as_str()
        {
            let own = &scope.region;
            let message = format!("Functions from '{region}' are not reachable in this region ('{own}')");
            return Err(ApiError::new(ErrorCode::ResourceNotFound, message));
        }
        Ok(())
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `us-east-1`, `us-gov-west-1`: letters, dashes, one digit at the end.
fn looks_like_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().unwrap_or_default();
    number.len() == 1
        && number.as_bytes()[0].is_ascii_digit()
        && parts.clone().count() >= 2
        && parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope { account: "000000000000".into(), region: "us-east-1".into() }
    }

    fn resolve(name: &str, qualifier: Option<&str>) -> Result<String, ApiError> {
        FunctionReference::resolve(&scope(), name, qualifier).map(|reference| reference.arn())
    }

    #[test]
    fn every_form_names_the_same_function() {
        let full = "arn:aws:lambda:us-east-1:000000000000:function:f";
        for name in
            ["f", "function:f", "000000000000:f", "000000000000:function:f", "us-east-1:000000000000:function:f", full]
        {
            assert_eq!(resolve(name, None).as_deref(), Ok(full), "{name}");
            assert_eq!(resolve(&format!("{name}:3"), None), Ok(format!("{full}:3")), "{name}:3");
            assert_eq!(resolve(name, Some("live")), Ok(format!("{full}:live")), "{name}");
        }
    }

    #[test]
    fn other_regions_and_qualifiers_are_refused() {
        let other_region = resolve("arn:aws:lambda:eu-central-1:000000000000:function:f", None);
        assert_eq!(other_region.map_err(|e| e.code), Err(ErrorCode::ResourceNotFound));
        let other_account = resolve("123456789012:function:f", None);
        assert_eq!(other_account.as_deref(), Ok("arn:aws:lambda:us-east-1:123456789012:function:f"));
        let two = resolve("f:1", Some("2"));
        assert_eq!(two.map_err(|e| e.code), Err(ErrorCode::InvalidParameterValue));
    }
}

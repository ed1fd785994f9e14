//! Whose account an endpoint takes callers for.

use axum::http::{HeaderValue, header};
use serde::Deserialize;

use super::json::ServiceError;
use super::objects::Signer;
use super::{Endpoint, Upstream, post, text};

/// The service that tells it.
const STS: &str = "sts";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    get_caller_identity_result: Identity,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    account: String,
}

impl Upstream {
    /// The account that an endpoint takes a caller for; `None`: it does not say, as what has no STS does not.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn account_at(&self, endpoint: &Endpoint, signer: &Signer) -> Result<Option<String>, ServiceError> {
        let mut request = post(endpoint, "Action=GetCallerIdentity&Version=2011-06-15".to_owned());
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        signer.sign(STS, headers);

        let response = self.send(STS, endpoint, request).await?;
        let is_told = response.status().is_success();
        let body = text(STS, endpoint, response).await?;
        Ok(account(&body).filter(|_| is_told))
    }
}

fn account(body: &str) -> Option<String> {
    let answer: Answer = quick_xml::de::from_str(body).ok()?;
    Some(answer.get_caller_identity_result.account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_read() {
        let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                    <GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:user/moto</Arn><UserId>X</UserId>\
                    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        assert_eq!(account(body).as_deref(), Some("123456789012"));
        for other in ["", "{}", "<Error><Code>NoSuchBucket</Code></Error>"] {
            assert_eq!(account(other), None, "{other}");
        }
    }
}

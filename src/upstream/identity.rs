//! Whose account an endpoint takes callers for, and what roles that has.

use axum::http::{HeaderValue, header};
use serde::Deserialize;

use super::json::ServiceError;
use super::objects::Signer;
use super::{Endpoint, Upstream, post, text};

/// The service that tells it.
const STS: &str = "sts";

/// The service that has roles.
const IAM: &str = "iam";

/// The policy of a role that functions may have.
const LETS_LAMBDA_IN: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

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
        let fields = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        Ok(self.ask_form(endpoint, STS, &fields, signer).await?.and_then(|body| account(&body)))
    }

    /// Makes a role that functions may have, unless there is one of that name; whether it did.
    ///
    /// # Errors
    /// The endpoint does not answer.
    pub async fn make_role(&self, endpoint: &Endpoint, name: &str, signer: &Signer) -> Result<bool, ServiceError> {
        let fields = [
            ("Action", "CreateRole"),
            ("Version", "2010-05-08"),
            ("RoleName", name),
            ("AssumeRolePolicyDocument", LETS_LAMBDA_IN),
        ];
        Ok(self.ask_form(endpoint, IAM, &fields, signer).await?.is_some())
    }

    /// What a service that speaks in forms answers; `None`: it refuses.
    async fn ask_form(
        &self,
        endpoint: &Endpoint,
        service: &'static str,
        fields: &[(&str, &str)],
        signer: &Signer,
    ) -> Result<Option<String>, ServiceError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = post(endpoint, form);
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        signer.sign(service, headers);

        let response = self.send(service, endpoint, request).await?;
        let is_done = response.status().is_success();
        let body = text(service, endpoint, response).await?;
        Ok(is_done.then_some(body))
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

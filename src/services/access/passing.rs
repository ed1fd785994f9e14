//! Calls that go on to an upstream: their signature is verified here, as they may get the keys of `--upstream-profile` for
//! it; what they may do is judged there.

use axum::body::Body;
use axum::http::Request;
use axum::http::request::Parts;
use http_body_util::{BodyExt as _, Limited};
use sha2::{Digest as _, Sha256};

use super::{Access, Judged};
use crate::model::state::State;
use crate::protocol::sigv4;
use crate::protocol::sigv4::verification::{Failure, Signed, hex};
use crate::upstream::MAX_BODY;

impl Access {
    /// Lets a call go on, where all are judged: one that is signed as it must be, or not at all. What nobody signed goes on
    /// as it is, and gets no keys.
    ///
    /// # Errors
    /// The signature does not count.
    pub async fn vouch(&self, state: &State, request: Request<Body>) -> Result<Request<Body>, Failure> {
        if self.judged < Judged::All {
            return Ok(request);
        }
        let (parts, body) = request.into_parts();
        let is_old = |parts: &Parts| sigv4::is_of_version_2(&parts.headers, parts.uri.query().unwrap_or_default());
        let signed = match Signed::of(&parts) {
            Ok(signed) => signed,
            Err(Failure::Missing) if !is_old(&parts) => return Ok(Request::from_parts(parts, body)),
            Err(Failure::Missing) => {
                let message = "Signatures of version 2 cannot be verified here: use AWS4-HMAC-SHA256.";
                return Err(Failure::Incomplete(message.to_owned()));
            }
            Err(failure) => return Err(failure),
        };

        let (payload, body) = if let Some(told) = signed.told_payload(&parts.headers) {
            (told, body)
        } else {
            let read = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Failure::Mismatch)?.to_bytes();
            (hex(&Sha256::digest(&read)), Body::from(read))
        };
        self.signer_who(state, &signed, |secret, now| signed.verify_with(&parts, &[payload], secret, now))?;
        Ok(Request::from_parts(parts, body))
    }
}

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use axum::http::Request;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::model::credentials::Credentials;
use crate::model::credentials::session::{self, RoleSession, Session};
use crate::model::time::Timestamp;
use crate::protocol::sigv4::verification::hex;

const STORE: &[u8] = b"the store's secret";

fn access(judged: Judged) -> Access {
    let rules = Rules { judged, single_grant: false, credentials: None };
    Access::new(&rules, Keys::open(STORE, None).expect("no file"))
}

fn session(expires: Option<Timestamp>, store: &[u8]) -> Credentials {
    let session = RoleSession::of_function("arn:aws:iam::123456789012:role/r", "hello").expect("is a role");
    let session = Session::Role(RoleSession { expires, ..session });
    session::credentials(&"123456789012".into(), Some(&session), &[7; 32], store)
}

/// `GET /`, signed for Lambda.
fn signed(credentials: &Credentials) -> Parts {
    let Credentials { access_key_id, secret_access_key, session_token } = credentials;
    let now = DateTime::<Utc>::from_timestamp_millis(i64::try_from(clock::now().0).expect("is now")).expect("is now");
    let time = now.format("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{}/us-east-1/lambda/aws4_request", &time[..8]);
    let names = "host;x-amz-date;x-amz-security-token";
    let empty = hex(&Sha256::digest(b""));
    let canonical =
        format!("GET\n/\n\nhost:h\nx-amz-date:{time}\nx-amz-security-token:{session_token}\n\n{names}\n{empty}");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = generate_signing_key(secret_access_key, now.into(), "us-east-1", "lambda");
    let signature = calculate_signature(key, text.as_bytes());
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}");

    let request = Request::get("/").header("host", "h").header("x-amz-date", time);
    let request = request.header("x-amz-security-token", session_token).header("authorization", authorization);
    request.body(()).expect("a request").into_parts().0
}

fn caller(credentials: &Credentials) -> Result<Option<String>, Failure> {
    let access = access(Judged::All);
    let found = access.caller(&State::default(), "lambda", "ListFunctions", (&signed(credentials), b""));
    found.map(|caller| caller.map(|caller| caller.arn))
}

#[test]
fn temporary_credentials_count_until_they_end() {
    let now = clock::now().0;
    let arn = "arn:aws:sts::123456789012:assumed-role/r/hello".to_owned();
    assert_eq!(caller(&session(Some(Timestamp(now + 60_000)), STORE)), Ok(Some(arn.clone())));
    assert_eq!(caller(&session(None, STORE)), Ok(Some(arn)));
    assert_eq!(caller(&session(Some(Timestamp(now - 1)), STORE)), Err(Failure::Over));
}

#[test]
fn credentials_of_another_store_do_not_count() {
    assert_eq!(caller(&session(None, b"another")), Err(Failure::Mismatch));
    let mut changed = session(Some(Timestamp(1)), STORE);
    changed.session_token = session(None, STORE).session_token;
    assert_eq!(caller(&changed), Err(Failure::Mismatch), "what a token says cannot be changed");
}

#[test]
fn nobody_is_asked_unless_that_is_wanted() {
    let unsigned = Request::get("/").body(()).expect("a request").into_parts().0;
    let asked = |judged| access(judged).caller(&State::default(), "lambda", "ListFunctions", (&unsigned, b""));
    assert!(matches!(asked(Judged::Nothing), Ok(None)) && matches!(asked(Judged::Urls), Ok(None)));
    let root = asked(Judged::Resources).expect("counts").expect("is somebody");
    assert_eq!(root.arn, "arn:aws:iam::000000000000:root");
    assert!(matches!(asked(Judged::All), Err(Failure::Missing)));
}

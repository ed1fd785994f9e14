//! What AWS documents, and what holds of all policies.

mod access;
mod documents;
mod properties;

use serde_json::{Value, json};

use super::document::{Document, PolicyKind};
use super::request::{Context, Principal, Request};
use super::verdict::{Verdict, evaluate};

const ACCOUNT: &str = "123456789012";
const ROOT: &str = "arn:aws:iam::123456789012:root";
const CARLOS: &str = "arn:aws:iam::123456789012:user/carlossalazar";
const ROLE: &str = "arn:aws:iam::123456789012:role/path/worker";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/worker/s";
const FEDERATED: &str = "arn:aws:sts::123456789012:federated-user/carlossalazar";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

fn policy(kind: PolicyKind, statements: &Value) -> Document {
    Document::parse(&json!({ "Version": "2012-10-17", "Statement": statements }).to_string(), kind)
}

/// What one statement of a function's policy says: `1`, `0`, or `-` where it says nothing.
fn says(document: &Document, request: &Request<'_>) -> char {
    match evaluate(&[document], request) {
        Verdict::Allowed(_) => '1',
        Verdict::Denied(_) => '0',
        Verdict::Silent => '-',
    }
}

fn request<'a>(principal: Principal<'a>, action: &'a str, resource: &'a str, context: &'a Context) -> Request<'a> {
    Request { principal, action, resource, context }
}

//! IAM's policy language: what policies say to a request.
//!
//! An evaluator of our own, and not cedar's: the language of cedar has no wildcards in actions and resources, no
//! `NotAction`, `NotResource` and `NotPrincipal`, no condition operators with `…IfExists` and sets, and no policy
//! variables; a translation would be as long as this, and could say less about who decided.
//!
//! It is pure: the time, the address and everything else come with the request's context. It fails closed: what cannot
//! be read or compared lets nobody in, and keeps out whom it may be about ([`Answer`](answer::Answer)).
//!
//! [`verdict::evaluate`] asks policies of one kind, [`access::decide`] all that apply.

pub mod access;
pub mod answer;
pub mod condition;
pub mod document;
pub mod operators;
pub mod pattern;
pub mod principals;
pub mod request;
pub mod variables;
pub mod verdict;

#[cfg(test)]
mod tests;

//! AWS's wire protocols, once for all services: tables of operations, shapes and their checks, calls, pages,
//! codecs, signatures' scope, and the bodies of errors.
//!
//! A service is a [`Service`](service::Service): its dialect, and tables of [`Operation`](operation::Operation)s, a row
//! each. Binding, validation and the form of answers and errors follow from the row and the dialect.

pub mod answer;
pub mod binding;
pub mod call;
mod cbor;
pub mod codec;
pub mod compatible;
pub mod error;
pub mod event_stream;
pub mod flat;
pub mod form;
pub mod operation;
pub mod page;
pub mod refusal;
pub mod router;
pub mod service;
pub mod shape;
pub mod sigv4;
pub mod violations;
pub mod word;
pub mod xml;

pub use binding::Received;

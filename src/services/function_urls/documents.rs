//! Policies of functions with URLs as documents: reading one takes longer than all else that a request takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::names::UrlId;
use crate::model::policies::Policy;
use crate::model::policies::evaluation::document::Document;

/// As many are kept; then all are read anew.
const KEPT: usize = 1000;

/// Documents by the URLs whose requests they decide on.
#[derive(Debug, Default)]
pub struct Documents(Mutex<HashMap<UrlId, Read>>);

/// A document, and the policy that it was read from.
#[derive(Debug)]
struct Read {
    policy: Arc<Policy>,
    document: Arc<Document>,
}

impl Documents {
    /// The document of a policy, which is called by the ARN of what has it.
    pub fn of(&self, id: &UrlId, policy: &Arc<Policy>, arn: impl FnOnce() -> String) -> Arc<Document> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = kept.get(id).filter(|read| Arc::ptr_eq(&read.policy, policy)) {
            return Arc::clone(&read.document);
        }

        if kept.len() >= KEPT {
            kept.clear();
        }
        let document = Arc::new(Document::from(&**policy).named(format!("of {}", arn())));
        kept.insert(id.clone(), Read { policy: Arc::clone(policy), document: Arc::clone(&document) });
        document
    }
}

//! Queues of the SQS neighbour, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::stored::{Scope, Stored};
use crate::model::queues::event::QueueEvent;
use crate::model::{names, queues};

id! {
    names::QueueName: String, |id| id.to_string(), Into::into;
}

words! {
    DeduplicationScope = queues::DeduplicationScope { Queue, MessageGroup }
    ThroughputLimit = queues::ThroughputLimit { PerQueue, PerMessageGroupId }
}

shape! {
    QueueKey = queues::QueueKey { scope: Scope, name: String }
    Queue = queues::Queue {
        key: QueueKey, created: u64, modified: u64, settings: QueueSettings, tags: BTreeMap<String, String>,
    }
    QueueSettings = queues::QueueSettings {
        delay_s: u32, max_message_bytes: u32, retention_s: u32, wait_s: u32, visibility_s: u32, policy: Option<String>,
        redrive: Option<Redrive>, redrive_allow: Option<RedriveAllow>, fifo: Option<Fifo>, encryption: Encryption,
    }
    Redrive = queues::Redrive { dead_letter_queue: String, max_receive_count: u32 }
    Fifo = queues::Fifo {
        content_based_deduplication: bool, deduplication_scope: DeduplicationScope, throughput_limit: ThroughputLimit,
    }
    Encryption = queues::Encryption { managed: bool, kms_key: Option<String>, reuse_s: Option<u32> }
}

/// Which queues may have a queue as their dead-letter queue.
#[derive(Serialize, Deserialize)]
pub(super) enum RedriveAllow {
    AllowAll,
    DenyAll,
    ByQueue(Vec<String>),
}

impl Stored<queues::RedriveAllow> for RedriveAllow {
    fn store(model: &queues::RedriveAllow) -> Self {
        match model.clone() {
            queues::RedriveAllow::AllowAll => Self::AllowAll,
            queues::RedriveAllow::DenyAll => Self::DenyAll,
            queues::RedriveAllow::ByQueue(arns) => Self::ByQueue(arns),
        }
    }
    fn load(self) -> queues::RedriveAllow {
        match self {
            Self::AllowAll => queues::RedriveAllow::AllowAll,
            Self::DenyAll => queues::RedriveAllow::DenyAll,
            Self::ByQueue(arns) => queues::RedriveAllow::ByQueue(arns),
        }
    }
}

events! { QueueEvent {
    130 QueuePut { queue: Queue }
    131 QueueDeleted { key: QueueKey }
} }

//! Receipt handles: which message, which receiving of it, and of which queue. Callers take them for granted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::queues::QueueKey;
use crate::runs::RunId;
use crate::runs::command::Receipt;

/// Writes a handle.
pub fn write(queue: &QueueKey, Receipt { id, receives }: Receipt) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.0.to_be_bytes());
    bytes[8..12].copy_from_slice(&receives.to_be_bytes());
    let check = check(queue, &bytes[..12]);
    bytes[12..].copy_from_slice(&check);
    STANDARD.encode(bytes)
}

/// Reads one; `None` if it is none of this queue.
pub fn read(queue: &QueueKey, handle: &str) -> Option<Receipt> {
    let bytes: [u8; 16] = STANDARD.decode(handle).ok()?.try_into().ok()?;
    let (head, checked) = bytes.split_at(12);
    let (id, receives) = head.split_at(8);
    let id = RunId(u64::from_be_bytes(id.try_into().ok()?));
    let receives = u32::from_be_bytes(receives.try_into().ok()?);
    (check(queue, head) == *checked).then_some(Receipt { id, receives })
}

/// Told wrong ones from right ones; who wants to make one up can.
fn check(queue: &QueueKey, head: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(queue.arn().as_bytes());
    hasher.update(head);
    hasher.finalize().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    fn queue(name: &str) -> QueueKey {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        QueueKey { scope, name: name.into() }
    }

    #[test]
    fn a_handle_is_of_one_queue() {
        let receipt = Receipt { id: RunId(77), receives: 3 };
        let handle = write(&queue("q"), receipt);
        assert_eq!(read(&queue("q"), &handle), Some(receipt));
        assert_eq!(read(&queue("other"), &handle), None);
        assert_eq!(read(&queue("q"), "AQEB"), None);
        assert_eq!(read(&queue("q"), "no base64!"), None);
    }
}

//! The end of a growing text, in bounded memory.

/// Keeps the last `limit` bytes of what is pushed.
#[derive(Debug)]
pub struct Tail {
    bytes: Vec<u8>,
    limit: usize,
}

impl Tail {
    /// An empty tail of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    /// Adds bytes at the end, dropping the oldest beyond the limit.
    pub fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        self.bytes.extend_from_slice(bytes);
        // Twice the limit before a move: each byte is moved about once.
        if self.bytes.len() > 2 * self.limit {
            self.bytes.drain(..self.bytes.len() - self.limit);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The kept bytes.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let start = self.bytes.len().saturating_sub(self.limit);
        self.bytes.split_off(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let mut tail = Tail::new(4);
        for byte in b"0123456789" {
            tail.push(&[*byte]);
        }
        assert_eq!(tail.into_bytes(), b"6789");
        let mut tail = Tail::new(4);
        tail.push(b"0123456789");
        assert_eq!(tail.into_bytes(), b"6789");
    }
}

//! Output as lines: it comes cut anywhere.

/// Bytes of a line at most: longer ones are cut, as in Lambda's log.
const LIMIT: usize = 256 * 1024;

/// The line that has begun.
#[derive(Debug, Default)]
pub struct Lines {
    open: Vec<u8>,
}

impl Lines {
    /// Takes output, and gives the lines that it completes, with their ends.
    pub fn push(&mut self, data: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.open.len() > LIMIT {
                whole.push(std::mem::take(&mut self.open));
            }
        }
        whole
    }

    /// Takes what has begun and will have no end.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        (!self.open.is_empty()).then(|| std::mem::take(&mut self.open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines() {
        let mut lines = Lines::default();
        assert!(lines.push(b"on").is_empty());
        assert_eq!(lines.push(b"e\ntwo\nth"), [b"one\n".to_vec(), b"two\n".to_vec()]);
        assert_eq!(lines.rest().as_deref(), Some(&b"th"[..]));
        assert_eq!(lines.rest(), None);
    }
}

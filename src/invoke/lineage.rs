//! The lineage of an invocation: which functions ran in the chain of events that led to it, and how often. It travels in
//! the trace header, which AWS's SDKs hand on, and stops functions that call themselves without end.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>; its form is that of the examples in
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>.

use std::fmt;

/// How often a function runs in one chain.
///
/// Source: users of AWS saw loops end after 16 (boto3#3899).
pub const LIMIT: u32 = 16;

/// Functions that are remembered of one chain. A header is a stranger's text.
const LONGEST: usize = 32;

/// What a trace header says of the way here: hashes of resources, and how often each was on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage(Vec<(String, u32)>);

impl Lineage {
    /// Reads what stands behind `Lineage=`; what cannot be read is left out.
    pub fn parse(text: &str) -> Self {
        let hops = text.split('|').filter_map(|hop| {
            let (resource, count) = hop.rsplit_once(':')?;
            Some((resource.to_owned(), count.parse().ok()?))
        });
        Self(hops.take(LONGEST).collect())
    }

    /// Counts a run of the function with this ARN; how often it had run before.
    pub fn count(&mut self, function_arn: &str) -> u32 {
        let resource = format!("{:08x}", crc32fast::hash(function_arn.as_bytes()));
        if let Some((_, count)) = self.0.iter_mut().find(|(found, _)| *found == resource) {
            let before = *count;
            *count = before.saturating_add(1);
            return before;
        }

        // The oldest go first.
        if self.0.len() >= LONGEST {
            self.0.remove(0);
        }
        self.0.push((resource, 1));
        0
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (resource, count)) in self.0.iter().enumerate() {
            write!(f, "{}{resource}:{count}", if at == 0 { "" } else { "|" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_function() {
        let mut lineage = Lineage::parse("a87bd80c:1|68fd508a:5|none|c512fbe3:x");
        assert_eq!(lineage.to_string(), "a87bd80c:1|68fd508a:5");
        for before in 0..3 {
            assert_eq!(lineage.count("f"), before);
        }
        assert_eq!(lineage.count("g"), 0);
        assert_eq!(Lineage::parse(&lineage.to_string()), lineage);
    }

    #[test]
    fn a_long_chain_forgets_its_beginning() {
        let mut lineage = Lineage::default();
        for number in 0..100 {
            lineage.count(&number.to_string());
        }
        assert_eq!(lineage.0.len(), LONGEST);
        assert_eq!(lineage.count("99"), 1);
    }
}

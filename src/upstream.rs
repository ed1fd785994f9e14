//! Other AWS-compatible endpoints, which serve what Larder does not.

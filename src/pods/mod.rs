//! Pods: portable states of a store, with the code that they need.

pub mod remotes;

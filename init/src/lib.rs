//! What the server and the init share: the link protocol, the events of Lambda's own that both log, what a sandbox is
//! made of and limited by, which names lead to the server, whose a connection is, and how the table of mounts is read.
//!
//! The init is the first process of an execution environment. It serves Lambda's Runtime API to the
//! function's runtime and keeps one link to the server. This library holds the frames of that link
//! and the spec of a sandbox; the process itself is in the binary of this package.

pub mod link;
pub mod memory_group;
pub mod mount_table;
pub mod names;
pub mod peer;
pub mod platform;
pub mod socket;
pub mod spawn;

//! One file a section: what is measured, against which target and floor.

pub mod changes;
pub mod cold;
pub mod console;
pub mod create;
pub mod growth;
pub mod idle;
pub mod init;
pub mod memory;
pub mod pods;
pub mod queues;
pub mod read;
pub mod records;
pub mod reload;
pub mod replay;
pub mod restart;
pub mod rewind;
pub mod scale;
pub mod throughput;
pub mod urls;
pub mod waiting;
pub mod warm;

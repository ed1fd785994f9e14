//! Log groups and streams of the Logs neighbour, as stored.

use crate::model::event::logs::LogsEvent;

events! { LogsEvent {} }

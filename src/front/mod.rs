//! The one door: whoever comes in over the port passes the guard; the command line has a way of its own.
//!
//! What functions call through their environments' socket does not come through here: that is served without
//! Larder's own endpoints.

mod address;
mod apps;
mod bodies;
mod connections;
pub mod control;
pub mod dispatch;
mod function_door;
mod function_url;
pub mod guard;
mod listeners;
mod observed;
pub mod service;
pub mod tls;
pub mod token;
mod users;

pub use address::ListenAddress;
pub use apps::Apps;
pub use bodies::{Bodies, Room};
pub use connections::{Connections, Encrypted, Ends, Patience, Places};
pub use listeners::{ListenError, Listeners};
pub use token::Token;
pub use users::{LocalUser, LocalUsers};

//! Properties of the model, over random sequences of commands.

mod commands;
mod history;
mod ledger;
mod properties;
mod requests;

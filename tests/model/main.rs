//! Properties of the model, over random sequences of commands.

mod commands;
mod history;
mod ledger;
mod pods;
mod properties;
mod requests;

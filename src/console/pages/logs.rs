//! What functions log, as it comes.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page};
use crate::console::Console;
use crate::desk::log_lines::{self, LinesPage, LinesQuery};
use crate::model::time::Timestamp;

#[derive(Debug, Serialize)]
struct Logs {
    #[serde(flatten)]
    page: LinesPage,
    query: LinesQuery,
}

/// The page.
pub async fn page(
    State(console): State<Arc<Console>>,
    Query(form): Query<Form>,
    Query(query): Query<LinesQuery>,
) -> Response {
    let wanted = query.clone();
    match tokio::task::spawn_blocking(move || log_lines::lines(&console.ledger, &wanted)).await {
        Ok(Ok(page)) => frame::respond(&Logs { page, query }, &form),
        Ok(Err(error)) => crate::console::unavailable(&error),
        Err(error) => crate::console::unavailable(&error),
    }
}

impl Page for Logs {
    fn title(&self) -> String {
        "Logs".to_owned()
    }

    fn section(&self) -> &'static str {
        "Logs"
    }

    fn content(&self) -> Markup {
        let Self { page, query } = self;
        let value = |text: &Option<String>| text.clone().unwrap_or_default();
        html! {
            form role="search" {
                label { "Log group" input type="search" name="group" value=(value(&query.group)); }
                label { "Text" input type="search" name="text" value=(value(&query.text)); }
                button { "Search" }
            }
            p.soft { "The newest first. New ones come by themselves." }
            div.wide { table {
                thead { tr { th { "When" } th { "Log group" } th { "Line" } } }
                tbody data-tail=(page.newest) aria-live="off" {
                    @for line in &page.lines { tr {
                        td { (Timestamp(line.time_ms).iso()) }
                        td title=(line.stream) { (line.group) }
                        td { (line.text.trim_end().replace('\r', "\n")) }
                    } }
                }
            } }
        }
    }
}

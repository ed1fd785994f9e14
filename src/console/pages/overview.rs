//! `/_larder/`: how the server is.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page};
use super::invocations::lines;
use crate::console::{Console, metrics};
use crate::desk::answers::Top;
use crate::desk::invocations::{self, InvocationLine, InvocationsQuery};
use crate::ledger::Problem;

/// Failed invocations that are shown.
const FAILED: usize = 10;

#[derive(Debug, Serialize)]
struct Overview {
    version: &'static str,
    store: String,
    data_dir: String,
    executor_reason: String,
    problems: Vec<Problem>,
    numbers: Top,
    failed: Vec<InvocationLine>,
}

/// The page.
pub async fn page(State(console): State<Arc<Console>>, Query(form): Query<Form>) -> Response {
    let gathered = tokio::task::spawn_blocking(move || overview(&console)).await;
    match gathered {
        Ok(page) => frame::respond(&page, &form),
        Err(error) => crate::console::unavailable(&error),
    }
}

fn overview(console: &Console) -> Overview {
    let query = InvocationsQuery { errors: true, limit: Some(FAILED), ..InvocationsQuery::default() };
    let failed = invocations::list(&console.ledger, Some(console.invoker.recorder()), &query);
    Overview {
        version: env!("CARGO_PKG_VERSION"),
        store: console.ledger.store_id().to_owned(),
        data_dir: console.data_dir.display().to_string(),
        executor_reason: console.executor_reason.clone(),
        problems: console.ledger.problems(),
        numbers: metrics::numbers(console),
        failed: failed.map(|page| page.invocations).unwrap_or_default(),
    }
}

impl Page for Overview {
    fn title(&self) -> String {
        "Overview".to_owned()
    }

    fn section(&self) -> &'static str {
        "Overview"
    }

    fn content(&self) -> Markup {
        let Top { environments, idle, events_waiting, sequence, functions_configured, executor, functions, .. } =
            &self.numbers;
        let invocations: u64 = functions.iter().map(|function| function.counts.invocations).sum();
        let card = |name: &str, number: &str, value: &str| {
            html! { div { dt { (name) } dd data-number=(number) { (value) } } }
        };
        html! {
            @for problem in &self.problems {
                p.bad role="alert" { (problem.part) ": " (problem.problem) }
            }
            dl.cards {
                (card("Functions", "functions_configured", &functions_configured.to_string()))
                (card("Invocations", "all", &invocations.to_string()))
                (card("In a second", "rate", "0.0"))
                (card("Environments", "environments", &environments.to_string()))
                (card("Idle", "idle", &idle.to_string()))
                (card("Events that wait", "events_waiting", &events_waiting.to_string()))
                (card("Sequence", "sequence", &sequence.to_string()))
            }
            h2 { "Invocations in a second" }
            div data-live="/_larder/console/live" {
                svg.chart viewBox="0 0 100 40" preserveAspectRatio="none" role="img"
                    aria-label="Invocations in a second, over the last two minutes" { polyline points="" {} }
            }
            h2 { "Failed lately" }
            @if self.failed.is_empty() { p.soft { "Nothing that is remembered failed." } } @else { (lines(&self.failed)) }
            h2 { "The server" }
            dl.facts {
                dt { "Version" } dd { (self.version) }
                dt { "Executor" } dd { (executor) " (" (self.executor_reason) ")" }
                dt { "Data dir" } dd { (self.data_dir) }
                dt { "Store" } dd { (self.store) }
            }
        }
    }
}

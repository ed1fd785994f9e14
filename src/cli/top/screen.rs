//! Numbers on a terminal, until somebody presses `q`.

use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::Stylize as _;
use ratatui::widgets::{Paragraph, Row, Sparkline, Table};

use super::rates::{HEAD, Rates};
use super::seen::Seen;
use crate::cli::error::CliError;
use crate::cli::target::Client;

/// Looks that the line of rates goes back.
const HISTORY: usize = 200;

/// How soon a key is seen.
const KEYS: Duration = Duration::from_millis(100);

/// Shows numbers anew, so often; the terminal is as it was at the end.
pub async fn show(client: &Client, first: Seen, every: Duration) -> Result<(), CliError> {
    let mut terminal = ratatui::try_init().map_err(|error| format!("the terminal cannot be used: {error}"))?;
    let shown = follow(&mut terminal, client, first, every).await;
    ratatui::restore();
    shown
}

async fn follow(terminal: &mut DefaultTerminal, client: &Client, first: Seen, every: Duration) -> Result<(), CliError> {
    let mut before = first;
    let mut history = Vec::new();
    let mut rates = Rates::between(&before, &before);
    loop {
        let drawn = terminal.draw(|frame| draw(frame, &rates, &history));
        drawn.map_err(|error| format!("the terminal cannot be written: {error}"))?;
        if is_ended(every).await? {
            return Ok(());
        }

        let now = Seen::now(client).await?;
        rates = Rates::between(&before, &now);
        history.push(rounded(rates.per_second));
        if history.len() > HISTORY {
            history.remove(0);
        }
        before = now;
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a height on a screen, never below 0")]
fn rounded(rate: f64) -> u64 {
    rate.round() as u64
}

/// Waits for a time, or until somebody wants to leave.
async fn is_ended(time: Duration) -> Result<bool, CliError> {
    let until = std::time::Instant::now() + time;
    while std::time::Instant::now() < until {
        let pressed = tokio::task::spawn_blocking(pressed).await.map_err(|error| error.to_string())?;
        if pressed.map_err(|error| format!("no keys can be read: {error}"))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a key was pressed that ends it, in a moment.
fn pressed() -> std::io::Result<bool> {
    if !event::poll(KEYS)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read()? else { return Ok(false) };
    let is_interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    let is_end = matches!(key.code, KeyCode::Char('q') | KeyCode::Esc);
    Ok(key.kind == KeyEventKind::Press && (is_interrupt || is_end))
}

fn draw(frame: &mut ratatui::Frame<'_>, rates: &Rates, history: &[u64]) {
    let layout = Layout::vertical([Constraint::Length(2), Constraint::Length(4), Constraint::Min(1)]);
    let [head, line, table] = layout.areas(frame.area());
    let text = format!("{}\n{:.1} invocations/s    q ends", rates.server, rates.per_second);
    frame.render_widget(Paragraph::new(text), head);
    frame.render_widget(Sparkline::default().data(history), line);

    let rows = rates.functions.iter().map(|cells| Row::new(cells.clone()));
    let widths = [Constraint::Min(20)].into_iter().chain([Constraint::Length(10); HEAD.len() - 1]);
    frame.render_widget(Table::new(rows, widths).header(Row::new(HEAD).bold()), table);
}

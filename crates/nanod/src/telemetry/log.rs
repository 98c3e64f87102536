//! Log lines: one JSON object each, or one readable line each; to stderr, and to those who follow an app.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nano_config::LogFormat;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;

use super::followers::{Follower, Followers};
use super::writer::Writer;

/// The process's log.
pub(crate) struct Log {
    format: LogFormat,
    /// What goes to stderr.
    filter: Targets,
    writer: Arc<Writer>,
    followers: Arc<Followers>,
}

impl Log {
    pub(super) fn new(format: LogFormat, filter: Targets) -> Arc<Self> {
        let dropped_line: fn(u64) -> String = match format {
            LogFormat::Json => |dropped| notice("log lines were dropped: stderr is too slow", dropped).json(),
            LogFormat::Pretty => {
                |dropped| notice("log lines were dropped: stderr is too slow", dropped).pretty()
            }
        };
        let writer = Arc::new(Writer::new(dropped_line));
        Arc::new(Self { format, filter, writer, followers: Arc::default() })
    }

    /// From here on a thread writes the lines, and nobody else waits for stderr.
    pub(crate) fn start_thread(&self) -> std::io::Result<()> {
        self.writer.start()
    }

    /// Waits until all lines so far are written, `within` at most.
    pub(crate) fn flush(&self, within: Duration) {
        self.writer.flush(within);
    }

    /// Lines that stderr was too slow for.
    pub(crate) fn dropped(&self) -> u64 {
        self.writer.dropped()
    }

    /// Follows the app of that name. `None`: too many do so already.
    pub(crate) fn follow(&self, app: &str, level: Level) -> Option<Follower> {
        self.followers.follow(app, level)
    }

    /// Tells those who follow that nothing more comes, and lets them take what there is, `within` at most.
    pub(crate) async fn end_followers(&self, within: Duration) {
        const LOOK: Duration = Duration::from_millis(5);
        self.followers.end();
        let give_up = tokio::time::Instant::now() + within;
        while !self.followers.is_empty() && tokio::time::Instant::now() < give_up {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn goes_to_stderr(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.would_enable(metadata.target(), metadata.level())
    }
}

/// The line for a follower that was too slow.
pub(crate) fn lost_line(app: &str, lost: u64) -> String {
    let mut line = notice("lines were lost: this follower reads too slowly", lost);
    line.fields.others.insert("app".into(), app.into());
    line.json()
}

fn notice(message: &str, dropped: u64) -> Line {
    let mut fields = Fields { message: message.to_owned(), others: Map::new() };
    fields.others.insert("dropped".into(), dropped.into());
    Line { level: Level::WARN, time: now(), fields }
}

/// What gives the log its events.
pub(super) struct Lines(pub(super) Arc<Log>);

impl<S: Subscriber> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Asked anew whenever a follower comes or goes.
        if self.is_enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        self.is_enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let followed = [LevelFilter::TRACE, LevelFilter::DEBUG, LevelFilter::INFO, LevelFilter::WARN]
            .into_iter()
            .find(|level| level.into_level().is_some_and(|level| self.0.followers.want(level)));
        let to_stderr = Layer::<S>::max_level_hint(&self.0.filter).unwrap_or(LevelFilter::TRACE);
        Some(followed.map_or(to_stderr, |level| level.max(to_stderr)))
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let log = &self.0;
        let (metadata, level) = (event.metadata(), *event.metadata().level());
        let to_stderr = log.goes_to_stderr(metadata);
        let is_followed = log.followers.want(level) && {
            let mut named = Named { followers: &log.followers, level, is_followed: false };
            event.record(&mut named);
            named.is_followed
        };
        if !to_stderr && !is_followed {
            return;
        }
        let mut line = Line { level, time: now(), fields: Fields::default() };
        event.record(&mut line.fields);
        let app = line.fields.app().map(str::to_owned);
        let json = (is_followed || log.format == LogFormat::Json).then(|| line.json());
        if let (Some(app), Some(json)) = (&app, json.as_ref().filter(|_| is_followed)) {
            log.followers.push(app, level, &json.as_str().into());
        }
        if to_stderr {
            let text = match (log.format, json) {
                (LogFormat::Json, Some(json)) => json,
                _ => line.pretty(),
            };
            log.writer.push(app.as_deref(), text);
        }
    }
}

impl Lines {
    fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.goes_to_stderr(metadata)
            || (self.0.followers.want(*metadata.level()) && names_apps(metadata.target()))
    }
}

/// Whether events of that target can be about an app.
fn names_apps(target: &str) -> bool {
    target == "app" || target.starts_with("nanod") || target.starts_with("nano_runtime")
}

/// Looks whether an event is about an app that somebody follows, before anything is made of it.
struct Named<'a> {
    followers: &'a Followers,
    level: Level,
    is_followed: bool,
}

impl Visit for Named<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "app" {
            self.is_followed = self.followers.want_of(value, self.level);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// One line.
pub(crate) struct Line {
    level: Level,
    time: String,
    fields: Fields,
}

impl Line {
    /// A line of [`Line::json`].
    pub(crate) fn parse(json: &str) -> Option<Self> {
        let Ok(Value::Object(mut others)) = serde_json::from_str(json) else { return None };
        let mut take = |name: &str| match others.shift_remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (time, level, message) = (take("ts")?, take("level")?.parse().ok()?, take("msg")?);
        Some(Self { level, time, fields: Fields { message, others } })
    }

    fn json(&self) -> String {
        let mut object = Map::new();
        object.insert("ts".into(), self.time.as_str().into());
        object.insert("level".into(), self.level.as_str().to_ascii_lowercase().into());
        let others = &self.fields.others;
        for name in FIRST {
            if let Some(value) = others.get(name).filter(|value| value.as_str() != Some("")) {
                object.insert(name.into(), value.clone());
            }
        }
        object.insert("msg".into(), self.fields.message.as_str().into());
        for (name, value) in others {
            if !FIRST.contains(&name.as_str()) {
                object.entry(name.as_str()).or_insert_with(|| value.clone());
            }
        }
        escape_rare_controls(Value::Object(object).to_string()) + "\n"
    }

    pub(crate) fn pretty(&self) -> String {
        let time = self.time.get(11..23).unwrap_or_default();
        let (level, app) = (self.level, self.fields.app().unwrap_or("nano"));
        let app = escape_controls(app);
        let mut line = format!("{time} {level:>5} [{app}] {}", escape_controls(&self.fields.message));
        for (name, value) in &self.fields.others {
            if name == "app" || value.as_str() == Some("") {
                continue;
            }
            let text = value.as_str().map_or_else(|| value.to_string(), escape_controls);
            let _ = write!(line, " {}={text}", escape_controls(name));
        }
        line.push('\n');
        line
    }
}

/// The fields that come before the message.
const FIRST: [&str; 2] = ["app", "request_id"];

/// An event's fields in their order.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        } else {
            self.others.insert(field.name().to_owned(), value);
        }
    }

    fn app(&self) -> Option<&str> {
        self.others.get("app").and_then(Value::as_str)
    }
}

/// JSON leaves DEL and the controls above ASCII as they are, and terminals obey them.
fn escape_rare_controls(json: String) -> String {
    if !json.contains(char::is_control) {
        return json;
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if character.is_control() {
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// An app must not be able to move the operator's cursor, nor to write a line that looks like another's.
fn escape_controls(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\n    "),
            '\t' => safe.push(character),
            c if c.is_control() => {
                let _ = write!(safe, "{}", c.escape_default());
            }
            c => safe.push(c),
        }
    }
    safe
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

/// The time in RFC 3339, in UTC, with milliseconds.
fn now() -> String {
    rfc3339(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis())
}

/// Days are turned into a date by counting in eras of 400 years that begin in March.
pub(crate) fn rfc3339(unix_ms: u128) -> String {
    let (seconds, ms) = (unix_ms / 1000, unix_ms % 1000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u128::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::{escape_controls, rfc3339};

    #[test]
    fn dates_are_right_around_leap_days() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), expected);
        }
    }

    #[test]
    fn terminal_escapes_are_shown() {
        assert_eq!(escape_controls("a\u{1b}[2J\nb"), "a\\u{1b}[2J\n    b");
    }
}

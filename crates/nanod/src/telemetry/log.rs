//! Log lines: one JSON object each, or one readable line each.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::SystemTime;

use nano_config::LogFormat;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Writes every event to stderr, a line each.
pub(crate) struct Lines {
    format: LogFormat,
}

impl Lines {
    pub(crate) fn new(format: LogFormat) -> Self {
        Self { format }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let mut line = match self.format {
            LogFormat::Json => fields.json(level),
            LogFormat::Pretty => fields.pretty(level),
        };
        line.push('\n');
        // One write a line, so that lines of several threads do not mix; a closed stderr is nobody's fault.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

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

    fn json(self, level: Level) -> String {
        let mut object = Map::new();
        object.insert("ts".into(), now().into());
        object.insert("level".into(), level.as_str().to_ascii_lowercase().into());
        let mut others = self.others;
        for name in ["app", "request_id"] {
            if let Some(value) = others.remove(name).filter(|value| value.as_str() != Some("")) {
                object.insert(name.into(), value);
            }
        }
        object.insert("msg".into(), self.message.into());
        for (name, value) in others {
            object.entry(name).or_insert(value);
        }
        escape_rare_controls(Value::Object(object).to_string())
    }

    fn pretty(self, level: Level) -> String {
        let time = now();
        let time = time.get(11..23).unwrap_or_default();
        let app = self.others.get("app").and_then(Value::as_str).unwrap_or("nano");
        let mut line = format!("{time} {level:>5} [{app}] {}", escape_controls(&self.message));
        for (name, value) in &self.others {
            if name == "app" || value.as_str() == Some("") {
                continue;
            }
            let text = value.as_str().map_or_else(|| value.to_string(), escape_controls);
            let _ = write!(line, " {name}={text}");
        }
        line
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
fn rfc3339(unix_ms: u128) -> String {
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

//! The configuration file as it is written: `nano.schema.json` is generated from these types.
//!
//! The doc comments are what editors show, so they speak to the file's author.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use jsonc_parser::ast::Value;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::config::{EgressRule, HostPattern, Level, LogFormat, Sandbox, Secret};
use crate::decode::{Decode, Decoder, Field, Keys, List, Spanned};
use crate::document::Span;
use crate::limits::{
    AppPort, BodyMb, BudgetMb, ClockUs, CpuMs, DrainMs, IdleMs, InFlight, ListenPort, LostIsolates, MemoryMb,
    Queue, Subrequests, Threads, TimeoutMs, Whole,
};
use crate::text::{AppName, Text};

/// Declares an object of the file: its keys are the fields, plus those of a struct flattened into it.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty,)*
    } $($flat:ident: $flat_type:ty)?) => {
        #[derive(Default, JsonSchema)]
        $(#[$meta])*
        #[schemars(default)]
        pub(crate) struct $name {
            $($(#[$field_meta])* pub(crate) $field: Field<$type>,)*
            $(#[schemars(flatten)] pub(crate) $flat: $flat_type,)?
        }

        impl Keys for $name {
            fn keys() -> Vec<&'static str> {
                let mut keys = vec![$(key_of(stringify!($field))),*];
                $(keys.extend(<$flat_type>::keys());)?
                keys.retain(|key| *key != SCHEMA_KEY);
                keys
            }

            fn set(&mut self, key: &str, at: Span, value: &Value<'_>, decoder: &mut Decoder<'_>) -> bool {
                $(if key == key_of(stringify!($field)) {
                    self.$field = Field::decode(at, value, decoder);
                    return true;
                })*
                $(if self.$flat.set(key, at, value, decoder) {
                    return true;
                })?
                false
            }
        }
    };
}

/// The one key that is no Rust name.
const SCHEMA_KEY: &str = "$schema";

fn key_of(field: &'static str) -> &'static str {
    if field == "schema" { SCHEMA_KEY } else { field }
}

object! {
    /// The configuration of nanod: what it listens on and the apps it serves.
    #[schemars(title = "nanod configuration")]
    RawConfig {
        /// The schema of this file, for editors: usually "./nano.schema.json".
        #[schemars(rename = "$schema")]
        schema: Text<String>,
        /// Where requests are taken: "address:port", or a list of them. Port 0 is any free port. Default: "0.0.0.0:8080".
        listen: OneOrMany<Text<SocketAddr>>,
        /// Short for `listen` on all addresses. 0 is any free port.
        port: Whole<ListenPort>,
        /// The admin API's listener, or false for none. Default: "127.0.0.1:8081" without a token.
        admin: RawAdminSetting,
        /// A folder of apps: each folder in it that has an entry file is an app. Its host name is the folder's name if that has a dot, else `<folder>.localhost`. An app in `apps` with the same folder replaces it.
        apps_dir: Text<PathBuf>,
        /// How long requests may go on when the process drains, in milliseconds; the rest is cut.
        drain_timeout_ms: Whole<DrainMs>,
        /// How many threads run JavaScript. Default: the number of the machine's cores.
        threads: Whole<Threads>,
        /// When the process has nearly this many mebibytes of resident memory, isolates that have nothing to do are evicted, least recently used first. Default: off.
        memory_budget_mb: Whole<BudgetMb>,
        /// Above this many lost isolates that cannot be disposed of, counting one for each 128 MiB that others leave behind, the process drains and exits for its supervisor to restart it.
        max_lost_isolates: Whole<LostIsolates>,
        /// How logs are written.
        log: RawLog,
        /// A file of certificates (PEM), relative to this file: authorities that the `fetch` of all apps trusts besides Mozilla's.
        extra_ca_file: Text<PathBuf>,
        /// Whether nanod gives up rights before it runs apps (Linux): files other than those of its apps and configuration, programs, most of the system's calls. "auto" takes what the kernel has, "on" does not start without all of it.
        #[schemars(extend("default" = "auto"))]
        sandbox: Text<Sandbox>,
        /// Settings of every app that does not have its own.
        defaults: RawSettings,
        /// The apps.
        apps: List<RawApp>,
    }
}

object! {
    /// An app: a folder of JavaScript and the hosts or the port it answers on.
    #[schemars(rename = "App", extend("required" = ["path"]))]
    RawApp {
        /// The name in logs, metrics and the admin API. Default: the folder's name.
        name: Text<AppName>,
        /// The host it answers to, without a port: "blog.example.com", or "*.example.com" for all hosts below.
        hostname: Text<HostPattern>,
        /// Several hosts it answers to.
        hostnames: List<Text<HostPattern>>,
        /// A port of its own, on the address of the first `listen`.
        port: Whole<AppPort>,
        /// Whether it takes the hosts that no other app has. Only one app can.
        #[schemars(extend("default" = false))]
        default: bool,
        /// The app's folder, relative to this file.
        path: Text<PathBuf>,
        /// The entry file, relative to `path`. Default: `main` or `module` of package.json, else index.js, index.mjs, worker.js or src/index.js.
        main: Text<PathBuf>,
        /// The variables that the handler gets as its second argument, 64 KiB at most. `${NAME}` is replaced by the host's variable NAME.
        env: BTreeMap<String, String>,
    }
    settings: RawSettings
}

object! {
    /// Settings that an app can have for itself, or all apps under `defaults`.
    #[schemars(rename = "Settings")]
    RawSettings {
        /// CPU time of a request, in milliseconds; then it is answered 503 `cpu_limit`.
        cpu_ms: Whole<CpuMs>,
        /// Wall time of a request, in milliseconds; then it is answered 504 `timeout`.
        timeout_ms: Whole<TimeoutMs>,
        /// Memory of one isolate in megabytes: its heap, and as much again for buffers; then requests are answered 503 `memory_limit`.
        memory_mb: Whole<MemoryMb>,
        /// Size of a request's body in megabytes; a larger one is answered 413.
        max_body_mb: Whole<BodyMb>,
        /// Requests that are in the app at a time; more wait.
        max_in_flight: Whole<InFlight>,
        /// Requests that wait for the app; more are answered 503 `overloaded`.
        max_queue: Whole<Queue>,
        /// Fetches that one request can make.
        max_subrequests: Whole<Subrequests>,
        /// How long an unused isolate is kept, in milliseconds.
        idle_ms: Whole<IdleMs>,
        /// The step of the app's clock (`performance.now()`), in microseconds: the finer it is, the more it tells of others' work.
        clock_resolution_us: Whole<ClockUs>,
        /// How long requests may go on when the app is replaced or removed, in milliseconds. Default: `drain_timeout_ms` of the whole file.
        #[schemars(transform = without_default)]
        drain_timeout_ms: Whole<DrainMs>,
        /// Whether the app is started with the server rather than with its first request.
        #[schemars(extend("default" = false))]
        preload: bool,
        /// A file of NAME=value lines, relative to this file, for variables of the handler; those in `env` win.
        env_file: Text<PathBuf>,
        /// What the app's `fetch` may reach besides public addresses.
        egress: RawEgress,
    }
}

object! {
    /// What the app's `fetch` may reach besides public addresses.
    #[schemars(rename = "Egress")]
    RawEgress {
        /// Network ranges ("10.1.0.0/16"), addresses and host names ("localhost", which then may be any address).
        allow: List<Text<EgressRule>>,
    }
}

object! {
    /// How logs are written.
    #[schemars(rename = "Log")]
    RawLog {
        /// One JSON object a line, or text for people. Default: "pretty" on a terminal, else "json".
        format: Text<LogFormat>,
        /// The least important level that is written.
        #[schemars(extend("default" = "info"))]
        level: Text<Level>,
    }
}

object! {
    /// The admin API's listener.
    #[schemars(rename = "Admin")]
    RawAdmin {
        /// Its address and port. Any address but loopback requires `token`. Default: "127.0.0.1:8081".
        listen: Text<SocketAddr>,
        /// What clients must send as `authorization: Bearer <token>`: 16 characters at least. Take it from a host variable: "${NANO_ADMIN_TOKEN}".
        token: Text<Secret>,
    }
}

/// Whether the values of a key are secrets.
pub(crate) fn is_secret_key(key: &str) -> bool {
    matches!(key, "env" | "token")
}

/// Whether a key is valid anywhere in the file.
pub(crate) fn is_known_key(key: &str) -> bool {
    let objects = [RawConfig::keys, RawApp::keys, RawEgress::keys, RawLog::keys, RawAdmin::keys];
    key == SCHEMA_KEY || objects.iter().any(|keys| keys().contains(&key))
}

/// `admin`: an object, or false.
pub(crate) enum RawAdminSetting {
    Off,
    On(RawAdmin),
}

impl Decode for RawAdminSetting {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        match value {
            Value::BooleanLit(literal) if !literal.value => Some(RawAdminSetting::Off),
            Value::Object(_) => RawAdmin::decode(value, decoder).map(RawAdminSetting::On),
            _ => {
                let help = "write { \"listen\": \"127.0.0.1:8081\" }, or false for no admin API";
                decoder.wrong_type(value, "an object or false", Some(help.into()));
                None
            }
        }
    }
}

/// One value, or a list of them.
pub(crate) struct OneOrMany<T>(pub(crate) List<T>);

impl<T: Decode> Decode for OneOrMany<T> {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        match value {
            Value::Array(_) => List::decode(value, decoder).map(OneOrMany),
            _ => {
                Spanned::decode(value, decoder).map(|one| OneOrMany(List { entries: vec![one], written: 1 }))
            }
        }
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn schema_name() -> Cow<'static, str> {
        "list".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn schema_name() -> Cow<'static, str> {
        "one or many".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

impl JsonSchema for RawAdminSetting {
    fn schema_name() -> Cow<'static, str> {
        "admin setting".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let on = generator.subschema_for::<RawAdmin>();
        json_schema!({ "anyOf": [on, { "type": "boolean", "const": false }] })
    }
}

/// For a number whose default is that of another key.
fn without_default(schema: &mut Schema) {
    schema.remove("default");
}

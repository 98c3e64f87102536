//! Every default and bound of the configuration, with its unit in its name.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use jsonc_parser::ast::Value;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::decode::{Decode, Decoder};

/// Where requests are taken when the configuration does not say.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);
/// Where the admin API listens when the configuration does not say.
pub const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
/// The shortest token that may guard an admin API.
pub const ADMIN_TOKEN_CHARS_MIN: usize = 16;
/// The most that one app's environment may take: names and values together.
pub const ENV_BYTES_MAX: usize = 64 * 1024;
/// The longest name of an app.
pub const APP_NAME_CHARS_MAX: usize = 100;

/// A kind of whole number: its unit and bounds, for messages and for the schema.
pub(crate) trait Quantity {
    const UNIT: &'static str;
    const MIN: u64;
    const MAX: u64;
    const DEFAULT: Option<u64>;
}

/// A whole number within the bounds of its quantity.
pub(crate) struct Whole<Q> {
    pub(crate) number: u64,
    quantity: PhantomData<Q>,
}

impl<Q: Quantity> Decode for Whole<Q> {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let unit = Q::UNIT;
        let of_unit = if unit.is_empty() { String::new() } else { format!(" of {unit}") };
        let expected = format!("a whole number{of_unit}");
        let help = format!("write a number{of_unit} from {} to {}, without quotes", Q::MIN, Q::MAX);
        let Value::NumberLit(literal) = value else {
            decoder.wrong_type(value, &expected, Some(help));
            return None;
        };
        let digits = literal.value.strip_prefix('-').unwrap_or(literal.value);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("expected {expected}, found {}", literal.value);
            decoder.error(literal.range.into(), message, Some(help));
            return None;
        }
        match literal.value.parse::<u64>() {
            Ok(number) if (Q::MIN..=Q::MAX).contains(&number) => {
                Some(Whole { number, quantity: PhantomData })
            }
            _ => {
                let low =
                    literal.value.starts_with('-') || literal.value.parse().is_ok_and(|n: u64| n < Q::MIN);
                let bound = if low { format!("at least {}", Q::MIN) } else { format!("at most {}", Q::MAX) };
                let message = format!("{} is out of range: it must be {bound}", literal.value);
                decoder.error(literal.range.into(), message, Some(help));
                None
            }
        }
    }
}

impl<Q: Quantity> JsonSchema for Whole<Q> {
    fn schema_name() -> Cow<'static, str> {
        "whole number".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({ "type": "integer", "minimum": Q::MIN, "maximum": Q::MAX });
        if let Some(default) = Q::DEFAULT {
            schema.insert("default".into(), default.into());
        }
        schema
    }
}

/// Names the constants of each quantity and ties them to a type.
macro_rules! quantities {
    ($($type:ident, $unit:literal, $what:literal: $min:ident = $min_value:literal,
        $max:ident = $max_value:literal, $($default:ident = $default_value:literal)?;)*) => {$(
        #[doc = concat!("The least ", $what, ".")]
        pub const $min: u64 = $min_value;
        #[doc = concat!("The greatest ", $what, ".")]
        pub const $max: u64 = $max_value;
        $(
            #[doc = concat!("The ", $what, ", unless the configuration says otherwise.")]
            pub const $default: u64 = $default_value;
        )?
        pub(crate) struct $type;
        impl Quantity for $type {
            const UNIT: &'static str = $unit;
            const MIN: u64 = $min;
            const MAX: u64 = $max;
            const DEFAULT: Option<u64> = quantities!(@default $($default)?);
        }
    )*};
    (@default) => { None };
    (@default $default:ident) => { Some($default) };
}

quantities! {
    CpuMs, "milliseconds", "CPU time of a request, in milliseconds":
        CPU_MS_MIN = 1, CPU_MS_MAX = 3_600_000, CPU_MS = 5_000;
    TimeoutMs, "milliseconds", "wall time of a request, in milliseconds":
        TIMEOUT_MS_MIN = 1, TIMEOUT_MS_MAX = 86_400_000, TIMEOUT_MS = 30_000;
    MemoryMb, "megabytes", "memory of an isolate, in MiB":
        MEMORY_MB_MIN = 8, MEMORY_MB_MAX = 4_096, MEMORY_MB = 128;
    BodyMb, "megabytes", "size of a request's body, in MiB":
        MAX_BODY_MB_MIN = 1, MAX_BODY_MB_MAX = 10_240, MAX_BODY_MB = 100;
    InFlight, "requests", "number of requests in one app at a time":
        MAX_IN_FLIGHT_MIN = 1, MAX_IN_FLIGHT_MAX = 100_000, MAX_IN_FLIGHT = 256;
    Queue, "requests", "number of requests waiting for one app":
        MAX_QUEUE_MIN = 1, MAX_QUEUE_MAX = 1_000_000, MAX_QUEUE = 1_024;
    Subrequests, "requests", "number of fetches of one request":
        MAX_SUBREQUESTS_MIN = 1, MAX_SUBREQUESTS_MAX = 1_000_000, MAX_SUBREQUESTS = 1_000;
    IdleMs, "milliseconds", "time that an unused isolate is kept, in milliseconds":
        IDLE_MS_MIN = 1, IDLE_MS_MAX = 604_800_000, IDLE_MS = 60_000;
    ClockUs, "microseconds", "step of an app's clocks, in microseconds":
        CLOCK_RESOLUTION_US_MIN = 5, CLOCK_RESOLUTION_US_MAX = 1_000_000, CLOCK_RESOLUTION_US = 100;
    DrainMs, "milliseconds", "time that requests have to end in a drain, in milliseconds":
        DRAIN_TIMEOUT_MS_MIN = 0, DRAIN_TIMEOUT_MS_MAX = 86_400_000, DRAIN_TIMEOUT_MS = 30_000;
    Threads, "threads", "number of threads that run JavaScript":
        THREADS_MIN = 1, THREADS_MAX = 1_024,;
    BudgetMb, "megabytes", "memory of all isolates together, in MiB":
        MEMORY_BUDGET_MB_MIN = 8, MEMORY_BUDGET_MB_MAX = 16_777_216,;
    LostIsolates, "isolates", "number of isolates whose memory is gone before the process restarts":
        MAX_LOST_ISOLATES_MIN = 1, MAX_LOST_ISOLATES_MAX = 1_000, MAX_LOST_ISOLATES = 8;
    ListenPort, "", "port to listen on; 0 is any free one":
        LISTEN_PORT_MIN = 0, LISTEN_PORT_MAX = 65_535,;
    AppPort, "", "port of an app":
        APP_PORT_MIN = 1, APP_PORT_MAX = 65_535,;
}

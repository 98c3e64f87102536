//! The process's open descriptors: as many as it may have, and a part of them for what is no client's connection.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Of ten descriptors, so many may be connections of clients.
const CLIENTS_OF_TEN: u64 = 7;
/// Of ten descriptors, so many may be connections that apps make. The rest is for files, and for the admin API, which
/// has to answer when there are too many clients.
const APPS_OF_TEN: u64 = 2;

/// Raises the limit of open descriptors as far as the process may: a shell's is 1,024, mostly. Gives the limit.
fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).is_ok()
    {
        return limit.maximum.unwrap_or(u64::MAX);
    }
    limit.current.unwrap_or(u64::MAX)
}

/// How many connections of clients there can be at once: `most`, or what the descriptors allow.
pub(super) fn connections_max(most: u32) -> u32 {
    let allowed = raise_limit() / 10 * CLIENTS_OF_TEN;
    u32::try_from(allowed).map_or(most, |allowed| allowed.clamp(1, most))
}

/// How many connections all apps together can have open.
pub(crate) fn sockets_max() -> usize {
    usize::try_from(raise_limit() / 10 * APPS_OF_TEN).unwrap_or(usize::MAX)
}

//! The end of the process: what is under way has its time, and what is left then is cut, counted and told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::connections::Connections;
use crate::apps::App;

/// How long connections on which nothing is asked stay open: a client that is just sending a request would find them
/// reset, and one that asks often hears this way that it has to go elsewhere.
const LAST_CALL: Duration = Duration::from_secs(1);
/// How long connections have to send the answers of requests that were cut.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// Lets everything under way end within `limit`, each app's within its own if that is shorter. No connection is
/// accepted any more. Tells whether all of it ended by itself.
pub(super) async fn run(
    apps: &[Arc<App>],
    all: &Connections,
    places: &Semaphore,
    places_max: u32,
    limit: Duration,
) -> bool {
    let begun = Instant::now();
    let in_flight: usize = apps.iter().map(|app| app.worker.under_way()).sum();
    tracing::info!(in_flight, "draining");
    all.drain();
    let closing = watch::Sender::new(false);
    let mut ends = JoinSet::new();
    for app in apps {
        ends.spawn(end(Arc::clone(app), begun, limit, closing.subscribe()));
    }
    let closed = timeout_at(begun + limit, close(all, places, places_max, LAST_CALL.min(limit / 2))).await;
    let closed = closed.is_ok();
    closing.send_replace(true);
    let mut cut = 0;
    while let Some(ended) = ends.join_next().await {
        cut += ended.unwrap_or_default();
    }
    let closed = closed || {
        all.close_idle();
        timeout(LAST_ANSWERS, places.acquire_many(places_max)).await.is_ok()
    };
    let connections = if closed { 0 } else { all.count() };
    let ms = millis(begun.elapsed());
    let finished = in_flight.saturating_sub(cut);
    if cut == 0 && connections == 0 {
        tracing::info!(in_flight, finished, cut, connections, ms, "drained");
        return true;
    }
    tracing::warn!(in_flight, finished, cut, connections, ms, "the drain was cut");
    false
}

/// Ends when there are no connections any more, which take requests for `last_call` yet.
async fn close(all: &Connections, places: &Semaphore, places_max: u32, last_call: Duration) {
    if timeout(last_call, places.acquire_many(places_max)).await.is_err() {
        all.leave();
        let _ = places.acquire_many(places_max).await;
    }
}

/// Says what a drain leaves that is ended before its time. Tells whether that is nothing.
pub(super) fn give_up(apps: &[Arc<App>], all: &Connections) -> bool {
    let mut cut = 0;
    for app in apps {
        let under_way = app.worker.under_way();
        if under_way > 0 {
            tracing::warn!(app = app.config.name, cut = under_way, "requests were cut");
            cut += under_way;
        }
    }
    let connections = all.count_busy();
    if cut == 0 && connections == 0 {
        tracing::info!("drained: nothing was under way at the second signal");
        return true;
    }
    tracing::warn!(cut, connections, "the drain was cut");
    false
}

/// The end of one app: as long as there are connections, requests can still come. Tells how many were cut.
async fn end(app: Arc<App>, begun: Instant, limit: Duration, mut closing: watch::Receiver<bool>) -> usize {
    let until = begun + limit.min(app.config.drain_timeout);
    let before = app.worker.under_way();
    let _ = timeout_at(until, closing.wait_for(|closing| *closing)).await;
    let cut = app.worker.settle(until).await.cut;
    if before > 0 || cut > 0 {
        let (finished, ms) = (before.saturating_sub(cut), millis(begun.elapsed()));
        if cut > 0 {
            tracing::warn!(app = app.config.name, in_flight = before, finished, cut, ms, "requests were cut");
        } else {
            tracing::info!(app = app.config.name, in_flight = before, finished, cut, ms, "app drained");
        }
    }
    cut
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

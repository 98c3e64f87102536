//! The listeners of apps with a port of their own, which come and go with their apps.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::{Front, accept, begun};

/// What is to become of a port.
pub(crate) enum PortChange {
    /// It is open: take its connections.
    Open(u16, TcpListener),
    /// Nobody has it any more; to be told when it is free.
    Close(u16, oneshot::Sender<()>),
}

/// Takes the connections of each port while it is open, until the drain.
pub(super) async fn serve(
    front: Arc<Front>,
    connections: Arc<Semaphore>,
    draining: watch::Receiver<bool>,
    first: Vec<(u16, TcpListener)>,
    mut changes: mpsc::UnboundedReceiver<PortChange>,
) {
    let mut accepting: HashMap<u16, JoinHandle<()>> = HashMap::new();
    let take = |port, listener| {
        let (front, connections) = (Arc::clone(&front), Arc::clone(&connections));
        tokio::spawn(accept(front, listener, Some(port), connections, draining.clone()))
    };
    accepting.extend(first.into_iter().map(|(port, listener)| (port, take(port, listener))));
    let (mut over, mut end) = (draining.clone(), draining.clone());
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            () = begun(&mut over) => break,
        };
        match change {
            Some(PortChange::Open(port, listener)) => {
                accepting.insert(port, take(port, listener));
            }
            Some(PortChange::Close(port, closed)) => {
                if let Some(task) = accepting.remove(&port) {
                    // It waits for connections, and has none in its hands while it does.
                    task.abort();
                    let _ = task.await;
                }
                let _ = closed.send(());
            }
            None => begun(&mut end).await,
        }
    }
    for task in accepting.into_values() {
        let _ = task.await;
    }
}

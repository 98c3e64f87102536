//! TCP connections that know whether they have served before.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Extensions, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::client::Resolver;
use super::sockets::{AppSockets, SocketPlace};

/// Whether a connection has brought an answer. It goes with the connection and with all that comes from it.
#[derive(Clone, Default)]
pub(super) struct HasServed(Arc<AtomicBool>);

impl HasServed {
    /// That of a connection, by what came from it.
    pub(super) fn note(extensions: &Extensions) {
        if let Some(served) = extensions.get::<Self>() {
            served.0.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn is_true_of(connected: &Connected) -> bool {
        let mut extensions = Extensions::new();
        connected.get_extras(&mut extensions);
        extensions.get::<Self>().is_some_and(|served| served.0.load(Ordering::Relaxed))
    }
}

/// Makes such connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) tcp: HttpConnector<Resolver>,
    pub(super) sockets: AppSockets,
}

impl Service<Uri> for Connector {
    type Response = Wire;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // The connector as it was found ready, as `Service` has it.
        let next = self.tcp.clone();
        let mut tcp = std::mem::replace(&mut self.tcp, next);
        let sockets = self.sockets.clone();
        Box::pin(async move {
            let place = sockets.place().await?;
            Ok(Wire { io: tcp.call(uri).await?, served: HasServed::default(), place })
        })
    }
}

/// A connection.
pub(super) struct Wire {
    io: TokioIo<TcpStream>,
    served: HasServed,
    place: SocketPlace,
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.io.connected().extra(self.served.clone()).extra(Arc::clone(self.place.lease()))
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_pending() && self.place.lease().is_called_in(cx) {
            // As if the server had closed it: what waits for the next request in the pool goes.
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}

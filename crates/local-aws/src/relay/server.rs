//! The HTTP server. Axum's own cannot close a connection without an answer, as a broken network does.

use std::{io, pin::Pin};

use axum::{Router, body::Body, http::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::TcpListener;

use super::wire::Close;
use crate::process::Connection;

/// Answers on the listener for ever.
pub async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A client that is gone already has no end any more.
        let Ok(connection) = Connection::of(&stream) else { continue };
        let service = Closing(TowerToHyperService::new(router.clone()), connection);
        // An error is a client that is gone, or a connection that was to close.
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!("a connection ended: {error}");
            }
        });
    }
}

/// Puts the connection that a request comes by among its extensions.
struct Closing(TowerToHyperService<Router>, Connection);

impl Service<Request<Incoming>> for Closing {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.1);
        let answer = self.0.call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            match response.extensions().get::<Close>() {
                Some(Close) => Err(io::ErrorKind::ConnectionReset.into()),
                None => Ok(response),
            }
        })
    }
}

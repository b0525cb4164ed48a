//! The relay: answers RDS, passes everything else to MiniStack unchanged, and records both.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Query, Request, State},
    http::{HeaderValue, StatusCode, Uri, header::CONTENT_TYPE, request::Parts, uri::Authority},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    caller::{Callers, Scope},
    ministack, operation,
    rds::{Rds, misbehaviour::Misbehaviour},
    record::{Call, Record},
};

/// What every request needs.
pub struct Relay {
    // Hyper's plain client: it leaves path, query and headers as they are, and they are signed.
    http: HttpClient<HttpConnector, Body>,
    ministack: ministack::Client,
    callers: Callers,
    record: Record,
    rds: Arc<Rds>,
}

impl Relay {
    /// A relay in front of this MiniStack.
    pub fn new(ministack: ministack::Client, rds: Arc<Rds>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_idle_timeout(ministack::POOL_IDLE)
            .build(connector);
        let callers = Callers::new(ministack.clone());
        Self { http, ministack, callers, record: Record::default(), rds }
    }

    async fn forward(&self, mut parts: Parts, body: Bytes) -> Result<Response, String> {
        let authority = self.ministack.url().trim_start_matches("http://");
        let mut uri = parts.uri.into_parts();
        uri.scheme = Some(axum::http::uri::Scheme::HTTP);
        uri.authority = Some(authority.parse::<Authority>().map_err(|error| error.to_string())?);
        parts.uri = Uri::from_parts(uri).map_err(|error| error.to_string())?;
        let request = Request::from_parts(parts, Body::from(body));
        let response = self.http.request(request).await.map_err(|error| format!("{error:?}"))?;
        Ok(response.map(Body::new))
    }

    /// Passes a call on and finds out how it ended. A success is streamed; an error is read for its code.
    async fn pass(&self, parts: Parts, body: Bytes) -> (Response, Option<String>) {
        let answered = match self.forward(parts, body).await {
            Ok(response) if response.status().as_u16() < 400 => return (response, None),
            Ok(response) => {
                let (parts, body) = response.into_parts();
                to_bytes(body, usize::MAX).await.map(|body| (parts, body)).map_err(|error| error.to_string())
            }
            Err(error) => Err(error),
        };
        match answered {
            Ok((parts, body)) => {
                let code = operation::error_code(&parts.headers, &body);
                (Response::from_parts(parts, Body::from(body)), code)
            }
            Err(error) => {
                tracing::error!("MiniStack does not answer: {error}");
                (StatusCode::BAD_GATEWAY.into_response(), Some("MiniStackDoesNotAnswer".to_owned()))
            }
        }
    }
}

/// The relay's routes.
pub fn router(relay: Arc<Relay>) -> Router {
    Router::new()
        .route("/_local-aws/calls", get(calls))
        .route("/_local-aws/misbehave", post(misbehave))
        .fallback(any(handle))
        .with_state(relay)
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: usize,
}

async fn calls(State(relay): State<Arc<Relay>>, Query(Since { since }): Query<Since>) -> Json<Vec<Call>> {
    Json(relay.record.since(since))
}

async fn misbehave(State(relay): State<Arc<Relay>>, Json(wanted): Json<Misbehaviour>) -> StatusCode {
    relay.rds.misbehaviours().add(wanted);
    StatusCode::NO_CONTENT
}

async fn handle(State(relay): State<Arc<Relay>>, request: Request) -> Response {
    let at = Timestamp::now();
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let scope = Scope::of(&parts);
    let caller = match &scope {
        Some(scope) => Some(relay.callers.identify(scope).await),
        None => None,
    };

    let mut call = Call {
        sequence: 0,
        at,
        who: caller.as_ref().map_or_else(|| "anonymous".to_owned(), crate::caller::Caller::who),
        account_id: caller.as_ref().map(|caller| caller.account_id.clone()).unwrap_or_default(),
        region: scope.as_ref().map(|scope| scope.region.clone()).unwrap_or_default(),
        service: scope.as_ref().map(|scope| scope.service.clone()).unwrap_or_default(),
        operation: String::new(),
        resource: None,
        status: 0,
        error: None,
    };
    let response = match (&scope, &caller) {
        (Some(scope), Some(caller)) if scope.service == "rds" => {
            let answer = relay.rds.answer(caller, &scope.region, parts.uri.query(), &body).await;
            call.operation = answer.action;
            call.resource = answer.resource;
            call.error = answer.error.map(str::to_owned);
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, answer.body).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
            if let Ok(request_id) = HeaderValue::from_str(&answer.request_id) {
                response.headers_mut().insert("x-amzn-requestid", request_id);
            }
            response
        }
        _ => {
            (call.operation, call.resource) = operation::of(&parts, &body);
            let (response, error) = relay.pass(parts, body).await;
            call.error = error;
            response
        }
    };
    call.status = response.status().as_u16();
    relay.record.push(call);
    response
}

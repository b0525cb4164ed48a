//! Calls of AWS: RDS, KMS and targets of load balancers are answered here, all others pass to MiniStack unchanged, and every call is recorded.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode, Uri,
        header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE},
        request::Parts,
        uri::Authority,
    },
    response::{IntoResponse, Response},
};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    faults::{Faults, How},
    operation,
    record::{Call, Record},
    stacks, wire,
};
use crate::{
    caller::{Caller, Callers, Scope},
    cloudwatch::replica_lag::ReplicaLag,
    kms::{direct::Verdict, keys::Keys},
    load_balancer::{
        api::{Api as LoadBalancerApi, Verdict as LoadBalancerVerdict},
        load_balancers::LoadBalancers,
    },
    mends::{
        Mends,
        passing::{Mended, Passing},
    },
    ministack,
    names::{Names, zones},
    place::Place,
    process::{Connection, kill_descendant},
    rds::{
        api::{Api as RdsApi, subject},
        operations::rds::Rds,
    },
};

/// The services whose calls may change private zones.
const MAKES_ZONES: [&str; 2] = ["route53", "cloudformation"];

/// What every request needs.
pub struct Relay {
    // Hyper's plain client: it leaves path, query and headers as they are, and they are signed.
    http: HttpClient<HttpConnector, Body>,
    ministack: ministack::Client,
    callers: Callers,
    pub(super) record: Record,
    keys: Arc<Keys>,
    mends: Mends,
    pub(super) faults: Faults,
    rds_api: RdsApi,
    replica_lag: ReplicaLag,
    pub(super) rds: Arc<Rds>,
    pub(super) names: Arc<Names>,
    load_balancer_api: LoadBalancerApi,
    pub(super) load_balancers: Arc<LoadBalancers>,
}

impl Relay {
    /// A relay in front of this MiniStack.
    pub fn new(
        ministack: ministack::Client,
        keys: Arc<Keys>,
        mends: Mends,
        rds_api: RdsApi,
        replica_lag: ReplicaLag,
        names: Arc<Names>,
        load_balancer_api: LoadBalancerApi,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_idle_timeout(ministack::POOL_IDLE)
            .build(connector);
        let callers = Callers::new(ministack.clone());
        Self {
            http,
            ministack,
            callers,
            record: Record::default(),
            keys,
            mends,
            faults: Faults::default(),
            rds: Arc::clone(rds_api.rds()),
            rds_api,
            replica_lag,
            names,
            load_balancers: Arc::clone(load_balancer_api.load_balancers()),
            load_balancer_api,
        }
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

    /// Answers a call, or passes it on, and completes its line in the record.
    async fn answer(&self, caller: Option<&Caller>, parts: Parts, body: Bytes, call: &mut Call) -> Response {
        let Some(caller) = caller else { return self.pass_on(parts, body, call).await };
        let place = Place { account_id: call.account_id.clone(), region: call.region.clone() };
        match call.service.as_str() {
            "rds" => {
                let answer = self.rds_api.answer(caller, &place.region, parts.uri.query(), &body).await;
                call.error = answer.error.map(str::to_owned);
                call.allowed_by = Some(answer.allowed_by).filter(|statements| !statements.is_empty());
                let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut response = (status, [(CONTENT_TYPE, "text/xml")], answer.body).into_response();
                if let Ok(request_id) = HeaderValue::from_str(&answer.request_id) {
                    response.headers_mut().insert("x-amzn-requestid", request_id);
                }
                response
            }
            "monitoring" => match self.replica_lag.answer(caller, &place, &call.operation, &body).await {
                None => self.pass_on(parts, body, call).await,
                Some(answer) => {
                    call.error = answer.error.map(str::to_owned);
                    call.allowed_by = Some(answer.allowed_by).filter(|statements| !statements.is_empty());
                    let status = StatusCode::from_u16(answer.status);
                    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                    (status, [(CONTENT_TYPE, "text/xml")], answer.body).into_response()
                }
            },
            "kms" => {
                let verdict = self.keys.direct(caller, &place, &call.operation, &json_of(&body)).await;
                self.kms(verdict, parts, body, call).await
            }
            "elasticloadbalancing" => {
                let verdict = self.load_balancer_api.answer(caller, &place, &call.operation, &body).await;
                self.load_balancing(verdict, &place, parts, call).await
            }
            "cloudformation" => {
                match stacks::refusal(&self.ministack, &place, &call.operation, &body).await {
                    None => self.pass_on(parts, body, call).await,
                    Some(why) => {
                        let code = "ValidationError";
                        call.error = Some(code.to_owned());
                        wire::error(&parts, &call.service, code, 400, &why)
                    }
                }
            }
            service => {
                let parameters = json_of(&body);
                let (service, operation) = (service.to_owned(), call.operation.clone());
                let (service, operation) = (service.as_str(), operation.as_str());
                let passing = Passing { caller, place: &place, service, operation, body: &parameters };
                match Mends::concerns(&passing) {
                    true => self.pass_mended(&passing, parts, body, call).await,
                    false => self.pass_on(parts, body, call).await,
                }
            }
        }
    }

    /// Leads names as the private zones of this account say now.
    async fn read_zones(&self, account_id: &str) {
        match zones::of(&self.ministack, account_id).await {
            Ok(zones) => self.names.set_zones(account_id, zones),
            Err(error) => tracing::error!("cannot read the private zones of {account_id}: {error:#}"),
        }
    }

    async fn pass_on(&self, parts: Parts, body: Bytes, call: &mut Call) -> Response {
        let (response, error) = self.pass(parts, body).await;
        call.error = error;
        response
    }

    /// Passes a call on whose answer may have to be mended.
    async fn pass_mended(
        &self,
        passing: &Passing<'_>,
        parts: Parts,
        body: Bytes,
        call: &mut Call,
    ) -> Response {
        if let Some(mended) = self.mends.before(passing).await {
            return mended_response(mended, call);
        }
        let (response, error) = self.pass(parts, body).await;
        call.error = error.clone();
        let (parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return StatusCode::BAD_GATEWAY.into_response();
        };
        let answer = error.map_or_else(|| Ok(json_of(&body)), Err);
        match self.mends.after(passing, &answer).await {
            Some(mended) => mended_response(mended, call),
            None => Response::from_parts(parts, Body::from(body)),
        }
    }

    /// Carries out the verdict on a call of Elastic Load Balancing.
    async fn load_balancing(
        &self,
        verdict: LoadBalancerVerdict,
        place: &Place,
        mut parts: Parts,
        call: &mut Call,
    ) -> Response {
        let (status, body, allowed_by) = match verdict {
            LoadBalancerVerdict::Answer(answer) => {
                call.error = answer.error.map(str::to_owned);
                (answer.status, answer.body, answer.allowed_by)
            }
            LoadBalancerVerdict::Pass { body, allowed_by } => {
                sign_as_root(&mut parts, place, &call.service);
                parts.headers.insert(CONTENT_LENGTH, body.len().into());
                let (response, error) = self.pass(parts, body.into()).await;
                call.error = error;
                let status = response.status().as_u16();
                let Ok(body) = to_bytes(response.into_body(), usize::MAX).await else {
                    return StatusCode::BAD_GATEWAY.into_response();
                };
                let body = String::from_utf8_lossy(&body);
                (status, self.load_balancer_api.mended(place, &body).await, allowed_by)
            }
        };
        call.allowed_by = Some(allowed_by).filter(|statements| !statements.is_empty());
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(CONTENT_TYPE, "text/xml")], body).into_response()
    }

    /// Carries out the verdict on a call of KMS.
    async fn kms(&self, verdict: Verdict, mut parts: Parts, body: Bytes, call: &mut Call) -> Response {
        let statements = match verdict {
            Verdict::Answer(answer) => {
                call.error = answer.error.map(str::to_owned);
                call.allowed_by = Some(answer.allowed_by).filter(|statements| !statements.is_empty());
                let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let content_type = (CONTENT_TYPE, "application/x-amz-json-1.1");
                return (status, [content_type], answer.body.to_string()).into_response();
            }
            Verdict::Pass(statements) => statements,
            Verdict::PassAs(owner, statements) => {
                sign_as_root(&mut parts, &owner, "kms");
                statements
            }
        };
        call.allowed_by = Some(statements).filter(|statements| !statements.is_empty());
        self.pass_on(parts, body, call).await
    }
}

/// Passes a call on in the name of an account's root user.
fn sign_as_root(parts: &mut Parts, place: &Place, service: &str) {
    let authorization = ministack::as_root(&place.account_id, &place.region, service);
    if let Ok(authorization) = HeaderValue::from_str(&authorization) {
        parts.headers.insert(AUTHORIZATION, authorization);
        parts.headers.remove("x-amz-security-token");
    }
}

fn mended_response(mended: Mended, call: &mut Call) -> Response {
    call.error = mended.error.map(str::to_owned);
    let status = StatusCode::from_u16(mended.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.1")], mended.body.to_string()).into_response()
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// Answers a call of AWS, unless a fault is planned for it.
pub async fn handle(State(relay): State<Arc<Relay>>, request: Request) -> Response {
    let at = Timestamp::now();
    let (parts, body) = request.into_parts();
    let connection = parts.extensions.get::<Connection>().copied();
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let scope = Scope::of(&parts);
    let caller = match &scope {
        Some(scope) => Some(relay.callers.identify(scope).await),
        None => None,
    };
    let service = scope.as_ref().map(|scope| scope.service.clone()).unwrap_or_default();
    let (operation, resource) = match service.as_str() {
        "rds" => subject::of(parts.uri.query(), &body),
        _ => operation::of(&parts, &body),
    };
    let mut call = Call {
        at,
        who: caller.as_ref().map_or_else(|| "anonymous".to_owned(), Caller::who),
        account_id: caller.as_ref().map(|caller| caller.account_id.clone()).unwrap_or_default(),
        region: scope.as_ref().map(|scope| scope.region.clone()).unwrap_or_default(),
        service,
        operation,
        resource,
        ..Call::default()
    };

    if let Some(response) = relay.away(&call, caller.as_ref()).await {
        return response;
    }
    let fault = relay.faults.next(&call);
    if let Some(how) = &fault
        && let Some((code, response)) = wire::error_of(how, &parts, &call)
    {
        (call.status, call.error) = (response.status().as_u16(), Some(code));
        relay.record.push(call);
        return response;
    }
    if fault == Some(How::ConnectionClosedBefore) {
        call.error = Some("ConnectionClosed".to_owned());
        relay.record.push(call);
        return wire::closed();
    }
    let response = relay.answer(caller.as_ref(), parts, body, &mut call).await;
    if MAKES_ZONES.contains(&call.service.as_str()) {
        relay.read_zones(&call.account_id).await;
    }
    call.status = response.status().as_u16();
    if fault == Some(How::ConnectionClosedAfter) {
        call.error = call.error.or_else(|| Some("AnswerLost".to_owned()));
        relay.record.push(call);
        return wire::closed();
    }
    if fault == Some(How::CallerKilled) {
        // Before the record shows it: a test that waits for the record finds the caller gone.
        let killed = kill_caller(connection, &call.operation);
        call.error =
            call.error.or_else(|| Some(if killed { "CallerKilled" } else { "AnswerLost" }.to_owned()));
        relay.record.push(call);
        return wire::closed();
    }
    relay.record.push(call);
    if let Some(How::Slow { milliseconds }) = fault {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    response
}

/// Kills the process that made a call; false if that is not possible.
fn kill_caller(connection: Option<Connection>, operation: &str) -> bool {
    let killed = connection.ok_or_else(|| "its connection is not known".to_owned()).and_then(kill_descendant);
    if let Err(error) = &killed {
        tracing::error!("cannot kill the caller of {operation}: {error}");
    }
    killed.is_ok()
}

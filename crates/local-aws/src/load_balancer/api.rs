//! Elastic Load Balancing's API. Targets are answered here; everything else passes to MiniStack once IAM permits it.

use std::{collections::BTreeMap, net::SocketAddrV4, sync::Arc};

use super::{
    control_plane,
    load_balancers::LoadBalancers,
    mend,
    model::{
        described::Group,
        placing::{Misplaced, place as place_target},
        targets::Seen,
    },
};
use crate::{
    caller::Caller,
    iam::{context::Context, permission::Denial, roles::Roles},
    ministack::{Client, elements},
    place::Place,
    random_hex,
    xml::Element,
};

const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// Elastic Load Balancing as its callers see it.
pub struct Api {
    all: Arc<LoadBalancers>,
    roles: Arc<Roles>,
    ministack: Client,
}

/// What becomes of a call.
pub enum Verdict {
    /// It is answered here.
    Answer(Answer),
    /// MiniStack answers this request to the account's root user, and the answer is mended.
    Pass {
        /// The form.
        body: String,
        /// The statements that allowed it.
        allowed_by: Vec<String>,
    },
}

/// An answer.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The wire code of an error.
    pub error: Option<&'static str>,
    /// The XML.
    pub body: String,
    /// The statements that allowed it.
    pub allowed_by: Vec<String>,
}

/// The wire code and the words of an error.
struct Refusal(&'static str, String);

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self("InternalFailure", format!("{error:#}"))
    }
}

/// One request.
struct Request<'a> {
    caller: &'a Caller,
    place: &'a Place,
    operation: &'a str,
    parameters: BTreeMap<String, String>,
}

impl Api {
    /// The API of these load balancers.
    pub fn new(all: Arc<LoadBalancers>, roles: Arc<Roles>, ministack: Client) -> Self {
        Self { all, roles, ministack }
    }

    /// The load balancers behind it.
    pub fn load_balancers(&self) -> &Arc<LoadBalancers> {
        &self.all
    }

    /// Decides about a call in `place`, the caller's account and the signature's Region.
    pub async fn answer(&self, caller: &Caller, place: &Place, operation: &str, body: &[u8]) -> Verdict {
        let parameters = form_urlencoded::parse(body)
            .map(|(name, value)| (name.into_owned(), mend::request(&value).into_owned()))
            .collect();
        let request = Request { caller, place, operation, parameters };
        let answer = match self.perform(&request).await {
            Ok((Some(result), allowed_by)) => {
                let body = request.succeeded(result).render(NAMESPACE).unwrap_or_default();
                Answer { status: 200, error: None, body, allowed_by }
            }
            Ok((None, allowed_by)) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                return Verdict::Pass { body: form.extend_pairs(&request.parameters).finish(), allowed_by };
            }
            Err(Refusal(code, message)) => {
                tracing::info!("{} {operation}: {code}: {message}", caller.who());
                let status = match code {
                    "AccessDenied" | "InvalidClientTokenId" => 403,
                    "InternalFailure" => 500,
                    _ => 400,
                };
                let kind = if status < 500 { "Sender" } else { "Receiver" };
                let error =
                    Element::new("Error").text("Type", kind).text("Code", code).text("Message", message);
                let body = Element::new("ErrorResponse").child(error).text("RequestId", request_id());
                let body = body.render(NAMESPACE).unwrap_or_default();
                Answer { status, error: Some(code), body, allowed_by: vec![] }
            }
        };
        Verdict::Answer(answer)
    }

    /// MiniStack's answer to a call that passed, as AWS would give it. What the call changed is taken over at once.
    pub async fn mended(&self, place: &Place, xml: &str) -> String {
        if let Err(error) = self.all.look(place).await {
            tracing::warn!("cannot look at the load balancers of {place:?}: {error:#}");
        }
        match self.ask(place, "DescribeLoadBalancers", &[]).await {
            Ok(balancers) => mend::answer(xml, &balancers, &place.region),
            Err(error) => {
                tracing::warn!("cannot mend an answer of load balancing: {error:#}");
                xml.to_owned()
            }
        }
    }

    /// The children of the result, or nothing where MiniStack answers; and the statements that allowed it.
    async fn perform(&self, request: &Request<'_>) -> Result<(Option<Element>, Vec<String>), Refusal> {
        let allowed_by = self.permission(request).await?;
        let is_ours = ["RegisterTargets", "DeregisterTargets", "DescribeTargetHealth"];
        if !is_ours.contains(&request.operation) {
            return Ok((None, allowed_by));
        }
        self.all.look(request.place).await?;
        let arn = request.target_group()?;
        let Some(group) = self.all.group(arn).filter(|_| request.is_of_place(arn)) else {
            // A group of another protocol is MiniStack's, and a missing one is so in its words.
            return Ok((None, allowed_by));
        };
        let element = match request.operation {
            "RegisterTargets" => self.register(request, &group).await?,
            "DeregisterTargets" => {
                let targets: Result<Vec<_>, _> = request.targets(&group).map(|it| it.address()).collect();
                self.all.deregister(arn, &targets?);
                Element::new("DeregisterTargetsResult")
            }
            _ => self.health(request, &group)?,
        };
        Ok((Some(element), allowed_by))
    }

    async fn register(&self, request: &Request<'_>, group: &Group) -> Result<Element, Refusal> {
        let given: Vec<_> = request.targets(group).collect();
        if given.is_empty() {
            return Err(validation("The list of targets cannot be empty"));
        }
        if !group.of_addresses {
            let ids: Vec<_> = given.iter().map(|it| format!("'{}'", it.id)).collect();
            let message = format!("The following targets are no instances of the VPC: {}", ids.join(", "));
            return Err(Refusal("InvalidTarget", message));
        }
        let subnets = control_plane::subnets(&self.ministack, request.place, &group.vpc_id).await?;
        let mut targets = Vec::new();
        for Given { id, port, zone } in given {
            let (address, zone) = place_target(id, zone, &subnets, &request.place.region)?;
            targets.push((SocketAddrV4::new(address, port?), zone));
        }
        self.all.register(&group.arn, targets);
        Ok(Element::new("RegisterTargetsResult"))
    }

    fn health(&self, request: &Request<'_>, group: &Group) -> Result<Element, Refusal> {
        let asked: Result<Vec<_>, _> = request.targets(group).map(|it| it.address()).collect();
        let health = self.all.health(&group.arn, &asked?);
        let members = health.into_iter().map(|(target, zone, Seen { state, reason })| {
            let at = Element::new("Target").text("Id", target.ip()).text("Port", target.port());
            let (code, description) = reason.unzip();
            let health = Element::new("TargetHealth").text("State", state);
            Element::new("member")
                .child(at.maybe("AvailabilityZone", zone))
                .text("HealthCheckPort", group.checks.port.unwrap_or(target.port()))
                .child(health.maybe("Reason", code).maybe("Description", description))
        });
        Ok(Element::new("DescribeTargetHealthResult").list("TargetHealthDescriptions", members))
    }

    /// The statements that allow a request, by its caller's role and the tags of what it names.
    /// Source: Service Authorization Reference, "Actions, resources, and condition keys for Elastic Load Balancing V2":
    /// the Describe operations know no resource.
    async fn permission(&self, request: &Request<'_>) -> Result<Vec<String>, Refusal> {
        let Request { caller, place, operation, .. } = request;
        let action = format!("elasticloadbalancing:{operation}");
        let resource = match operation.starts_with("Describe") {
            true => None,
            false => request.resource(),
        };
        let mut context = Context::default();
        if let (Some(arn), false) = (resource, caller.is_root()) {
            // What does not exist has no tags.
            let answer = self.ask(place, "DescribeTags", &[("ResourceArns.member.1", arn)]).await;
            for tag in mend::parts(&answer.unwrap_or_default(), "Key") {
                let get = |name: &str| elements(tag, name).next().unwrap_or_default();
                for prefix in ["aws", "elasticloadbalancing"] {
                    context = context.with(format!("{prefix}:ResourceTag/{}", get("Key")), get("Value"));
                }
            }
        }
        let permitted =
            self.roles.permit(caller, &place.region, &action, resource.unwrap_or("*"), context).await?;
        permitted.map_err(|denial| match denial {
            Denial::UnknownCaller => Refusal(
                "InvalidClientTokenId",
                "The security token included in the request is invalid".to_owned(),
            ),
            Denial::NotPermitted(why) => Refusal("AccessDenied", why),
        })
    }

    async fn ask(&self, place: &Place, action: &str, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
        let Place { account_id, region } = place;
        self.ministack.query(account_id, region, "elasticloadbalancing", action, parameters).await
    }
}

/// A target as a request gives it.
struct Given<'a> {
    id: &'a str,
    /// The group's port unless the request gives another one.
    port: Result<u16, Refusal>,
    zone: Option<&'a str>,
}

impl Given<'_> {
    fn address(self) -> Result<SocketAddrV4, Refusal> {
        let Ok(address) = self.id.parse() else {
            let message = format!("The IP address '{}' is not a valid IPv4 address", self.id);
            return Err(Refusal("InvalidTarget", message));
        };
        Ok(SocketAddrV4::new(address, self.port?))
    }
}

impl Request<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|it| !it.is_empty())
    }

    fn target_group(&self) -> Result<&str, Refusal> {
        self.get("TargetGroupArn").ok_or_else(|| validation("A target group ARN must be specified"))
    }

    /// The resource that the request names.
    fn resource(&self) -> Option<&str> {
        let names = ["TargetGroupArn", "ListenerArn", "LoadBalancerArn", "ResourceArns.member.1"];
        names.iter().find_map(|name| self.get(name))
    }

    fn is_of_place(&self, arn: &str) -> bool {
        let mut words = arn.split(':').skip(3);
        words.next() == Some(&*self.place.region) && words.next() == Some(&*self.place.account_id)
    }

    fn targets(&self, group: &Group) -> impl Iterator<Item = Given<'_>> {
        let port = group.port;
        (1..).map_while(move |n| {
            let get = |name: &str| self.get(&format!("Targets.member.{n}.{name}"));
            let given = get("Port").map(|it| it.parse().ok().filter(|port| *port > 0).ok_or(it));
            let port = given.unwrap_or(Ok(port));
            let port = port.map_err(|it| validation(&format!("Port '{it}' is not valid")));
            Some(Given { id: get("Id")?, port, zone: get("AvailabilityZone") })
        })
    }

    fn succeeded(&self, result: Element) -> Element {
        let metadata = Element::new("ResponseMetadata").text("RequestId", request_id());
        Element::new(format!("{}Response", self.operation)).child(result).child(metadata)
    }
}

impl From<Misplaced> for Refusal {
    fn from(misplaced: Misplaced) -> Self {
        match misplaced {
            Misplaced::Unusable(text) => Self("InvalidTarget", text),
            Misplaced::Zone(text) => Self("ValidationError", text),
        }
    }
}

fn validation(text: &str) -> Refusal {
    Refusal("ValidationError", text.to_owned())
}

fn request_id() -> String {
    random_hex(16).unwrap_or_default()
}

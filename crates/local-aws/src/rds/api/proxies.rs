//! The operations on proxies, and how one looks on the wire.

use std::sync::Arc;

use jiff::Timestamp;

use super::protocol::{
    answer::Outcome, filters::Filters, pages, parameters::Parameters, request::Request, xml::Element,
};
use super::subnet_groups::vpc_of;
use crate::{
    ministack::Client,
    place::Place,
    random_hex,
    rds::{
        api::snapshots::timestamp,
        model::{
            identifiers,
            proxies::{Family, GROUP, MOST, Proxy, Settings, Target},
            refusal::Refusal,
            settings::boolean,
            state::State,
        },
        operations::{proxies::Proxies, rds::Rds},
    },
};

const NAME: &str = "DBProxyName";
/// Source: RDS API, CreateDBProxy, IdleClientTimeout.
const IDLE_CLIENT_TIMEOUT: i64 = 1800;

/// CreateDBProxy.
pub async fn create(
    rds: &Arc<Rds>,
    proxies: &Arc<Proxies>,
    ministack: &Client,
    request: &Request<'_>,
) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = identifiers::instance(NAME, parameters.required(NAME)?)?;
    let family = parameters.required("EngineFamily")?;
    let settings = Settings {
        family: Family::named(family).ok_or_else(|| {
            let message = format!("The local AWS has no proxies of the engine family {family}.");
            Refusal::InvalidParameterValue(message)
        })?,
        secret_arns: secret_arns(parameters)?,
        role_arn: parameters.required("RoleArn")?.to_owned(),
        subnet_ids: parameters.list("VpcSubnetIds", "member").unwrap_or_default(),
        // As a DB instance, a proxy gets the default group of its VPC if it is asked for without one.
        security_group_ids: parameters
            .list("VpcSecurityGroupIds", "member")
            .unwrap_or_else(|| vec![place.invented("sg")]),
        requires_tls: parameters.get("RequireTLS").map_or(Ok(false), |it| boolean("RequireTLS", it))?,
        idle_client_timeout: parameters.integer("IdleClientTimeout")?.unwrap_or(IDLE_CLIENT_TIMEOUT),
    };
    if settings.subnet_ids.len() < 2 {
        return Err(Refusal::InvalidSubnet("DB Proxy needs subnets in at least 2 AZs.".to_owned()));
    }
    let tags = parameters.tags()?.unwrap_or_default();
    let own = rds.state().proxies.values().filter(|it| it.place == *place).count();
    if rds.state().proxies.values().any(|it| it.place == *place && it.name == name) {
        return Err(Refusal::DbProxyAlreadyExists(name));
    }
    if own >= MOST {
        return Err(Refusal::DbProxyQuotaExceeded(format!("You cannot have more than {MOST} DB proxies.")));
    }
    let digits = random_hex(9).map_err(|error| Refusal::InternalFailure(error.to_string()))?;
    let proxy = Proxy {
        place: place.clone(),
        vpc_id: vpc_of(ministack, place, &settings.subnet_ids).await,
        id: format!("prx-{}", &digits[..17]),
        name,
        settings: Arc::new(settings),
        is_available: false,
        created_at: Timestamp::now(),
        tags,
        address: None,
        cidrs: vec![],
        target: None,
    };
    let element = to_element("DBProxy", &proxy, None);
    proxies.begin(proxy);
    Ok(vec![element])
}

/// DescribeDBProxies.
pub fn describe(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    Filters::of(parameters, &[])?;
    let wanted = parameters.get(NAME).map(str::to_lowercase);
    let state = rds.state();
    let own = state.proxies.values().filter(|it| it.place == *place);
    let found = own.filter(|it| wanted.as_ref().is_none_or(|name| it.name == *name));
    let all: Vec<_> = found.map(|it| (it.name.clone(), to_element("member", it, None))).collect();
    match wanted {
        Some(name) if all.is_empty() => Err(Refusal::DbProxyNotFound(name)),
        _ => pages::listed("DBProxies", all, parameters),
    }
}

/// DeleteDBProxy.
pub fn delete(rds: &Arc<Rds>, proxies: &Proxies, request: &Request<'_>) -> Outcome {
    let element = {
        let mut state = rds.state();
        let proxy = found(&mut state, request.place, request.parameters)?;
        (proxy.id.clone(), to_element("DBProxy", proxy, Some("deleting")))
    };
    proxies.delete(&element.0);
    Ok(vec![element.1])
}

/// DescribeDBProxyTargetGroups.
pub fn target_groups(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let mut state = rds.state();
    let proxy = of_default_group(&mut state, request)?;
    let pool = Element::new("ConnectionPoolConfig")
        .text("MaxConnectionsPercent", 100)
        .text("MaxIdleConnectionsPercent", 50)
        .text("ConnectionBorrowTimeout", 120)
        .list("SessionPinningFilters", []);
    let group = Element::new("member")
        .text(NAME, &proxy.name)
        .text("TargetGroupName", GROUP)
        .text("TargetGroupArn", proxy.group_arn())
        .text("IsDefault", true)
        .text("Status", if proxy.is_available { "available" } else { "creating" })
        .child(pool)
        .text("CreatedDate", timestamp(proxy.created_at))
        .text("UpdatedDate", timestamp(proxy.created_at));
    pages::listed("TargetGroups", vec![(GROUP.to_owned(), group)], request.parameters)
}

/// RegisterDBProxyTargets.
pub fn register(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let mut state = rds.state();
    let [identifier] = &*identifiers_of(request.parameters)? else {
        let message = "A proxy has one target: give one DB instance.".to_owned();
        return Err(Refusal::InvalidParameterCombination(message));
    };
    of_default_group(&mut state, request)?;
    let id = found(&mut state, request.place, request.parameters)?.id.clone();
    let State { proxies, instances, .. } = &mut *state;
    let mut own = instances.values().filter(|it| it.place == *request.place);
    let instance = own.find(|it| it.identifier == *identifier);
    let instance = instance.ok_or_else(|| Refusal::DbInstanceNotFound(identifier.clone()))?;
    if let Some(proxy) = proxies.get_mut(&id) {
        proxy.register(instance)?;
    }
    let targets = Element::new("DBProxyTargets");
    Ok(vec![target(&state, &id).into_iter().fold(targets, Element::child)])
}

/// DeregisterDBProxyTargets.
pub fn deregister(rds: &Arc<Rds>, proxies: &Proxies, request: &Request<'_>) -> Outcome {
    let id = of_default_group(&mut rds.state(), request)?.id.clone();
    proxies.deregister(&id, &identifiers_of(request.parameters)?)?;
    Ok(vec![])
}

/// DescribeDBProxyTargets.
pub fn targets(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let mut state = rds.state();
    let id = of_default_group(&mut state, request)?.id.clone();
    let all = target(&state, &id).map(|it| (id, it));
    pages::listed("Targets", all.into_iter().collect(), request.parameters)
}

/// The proxy that the request names.
fn found<'a>(state: &'a mut State, place: &Place, parameters: &Parameters) -> Result<&'a mut Proxy, Refusal> {
    let name = parameters.required(NAME)?.to_lowercase();
    let found = state.proxies.values_mut().find(|it| it.place == *place && it.name == name);
    found.ok_or(Refusal::DbProxyNotFound(name))
}

/// The proxy that the request names, whose one target group it may name too.
fn of_default_group<'a>(state: &'a mut State, request: &Request<'_>) -> Result<&'a mut Proxy, Refusal> {
    let proxy = found(state, request.place, request.parameters)?;
    match request.parameters.get("TargetGroupName").filter(|it| *it != GROUP) {
        Some(other) => Err(Refusal::DbProxyTargetGroupNotFound(other.to_owned())),
        None => Ok(proxy),
    }
}

fn identifiers_of(parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    if parameters.list("DBClusterIdentifiers", "member").is_some() {
        let message = "The local AWS has no DB clusters behind proxies.".to_owned();
        return Err(Refusal::InvalidParameterValue(message));
    }
    let identifiers = parameters.list("DBInstanceIdentifiers", "member").unwrap_or_default();
    match identifiers.is_empty() {
        true => Err(Refusal::MissingParameter("DBInstanceIdentifiers".to_owned())),
        false => Ok(identifiers.iter().map(|it| it.to_lowercase()).collect()),
    }
}

/// The secrets of the logins. Source: RDS API, UserAuthConfig.
fn secret_arns(parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    let get = |n: usize, name: &str| parameters.get(&format!("Auth.member.{n}.{name}"));
    let arns: Vec<String> = (1..).map_while(|n| get(n, "SecretArn").map(str::to_owned)).collect();
    let wrong = (1..=arns.len()).find_map(|n| {
        // Seen on AWS: hashicorp/terraform-provider-aws#40776.
        let named = get(n, "UserName").map(|_| "UserName must not be set with AuthScheme SECRETS.");
        let scheme =
            get(n, "AuthScheme").filter(|it| *it != "SECRETS").map(|_| "AuthScheme must be SECRETS.");
        let iam = get(n, "IAMAuth").filter(|it| *it != "DISABLED");
        named.or(scheme).or(iam.map(|_| "The local AWS has no IAM authentication for proxies."))
    });
    match wrong {
        Some(message) => Err(Refusal::InvalidParameterCombination(message.to_owned())),
        None if arns.is_empty() => Err(Refusal::MissingParameter("Auth".to_owned())),
        None => Ok(arns),
    }
}

/// The target of a proxy in an answer.
fn target(state: &State, proxy_id: &str) -> Option<Element> {
    let Target { identifier, resource_id, health } = state.proxies.get(proxy_id)?.target.as_ref()?;
    let endpoint = state.instances.get(resource_id).and_then(|it| it.endpoint.as_ref());
    let (health, reason) = health.shown();
    let (reason, description) = reason.unzip();
    let health = Element::new("TargetHealth").text("State", health);
    let element = Element::new("member")
        .maybe("Endpoint", endpoint.map(|it| &it.host))
        .text("RdsResourceId", identifier)
        .maybe("Port", endpoint.map(|it| it.address.port()))
        .text("Type", "RDS_INSTANCE")
        .text("Role", if reason.is_none() { "READ_WRITE" } else { "UNKNOWN" })
        .child(health.maybe("Reason", reason).maybe("Description", description));
    Some(element)
}

fn to_element(name: &str, proxy: &Proxy, status: Option<&str>) -> Element {
    let Settings { family, secret_arns, role_arn, subnet_ids, security_group_ids, .. } = &*proxy.settings;
    let members =
        |texts: &[String]| texts.iter().map(|it| Element::of_text("member", it)).collect::<Vec<_>>();
    let auth = secret_arns.iter().map(|arn| {
        Element::new("member")
            .text("AuthScheme", "SECRETS")
            .text("SecretArn", arn)
            .text("IAMAuth", "DISABLED")
            .text("ClientPasswordAuthType", family.client_password())
    });
    let own = if proxy.is_available { "available" } else { "creating" };
    Element::new(name)
        .text("DBProxyName", &proxy.name)
        .text("DBProxyArn", proxy.arn())
        .text("Status", status.unwrap_or(own))
        .text("EngineFamily", family.name())
        .text("VpcId", &proxy.vpc_id)
        .list("VpcSecurityGroupIds", members(security_group_ids))
        .list("VpcSubnetIds", members(subnet_ids))
        .list("Auth", auth)
        .text("RoleArn", role_arn)
        .text("Endpoint", proxy.endpoint())
        .text("RequireTLS", proxy.settings.requires_tls)
        .text("IdleClientTimeout", proxy.settings.idle_client_timeout)
        .text("DebugLogging", false)
        .text("CreatedDate", timestamp(proxy.created_at))
        .text("UpdatedDate", timestamp(proxy.created_at))
}

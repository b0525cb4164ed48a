//! The caller of a request: the signature's scope names service and Region, the access key leads to account and role.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Mutex,
};

use axum::http::{header::AUTHORIZATION, request::Parts};
use sha2::{Digest, Sha256};

use crate::{hex, iam::policy, lock, ministack::Client};

/// MiniStack's account for unknown access keys.
const UNKNOWN_ACCOUNT: &str = "000000000000";

/// What a Signature Version 4 says about a request. Nothing checks the signature itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The access key's id.
    pub access_key_id: String,
    /// The Region that the request is for.
    pub region: String,
    /// The service's signing name.
    pub service: String,
}

impl Scope {
    /// Reads the Authorization header or a presigned query; nothing when the request is not signed.
    pub fn of(request: &Parts) -> Option<Self> {
        let header = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some((_, rest)) = header.and_then(|header| header.split_once("Credential=")) {
            return Self::parse(rest.split([',', ' ']).next()?);
        }
        let query = request.uri.query()?;
        let credential =
            form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "X-Amz-Credential")?.1;
        Self::parse(&credential)
    }

    fn parse(credential: &str) -> Option<Self> {
        let mut words = credential.split('/');
        let access_key_id = words.next()?.to_owned();
        let _date = words.next()?;
        let region = words.next()?.to_owned();
        let service = words.next()?.to_owned();
        (words.next()? == "aws4_request").then_some(Self { access_key_id, region, service })
    }
}

/// An account's root user, one of its roles, or another access key of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account_id: String,
    /// `root`, the role's name, or the access key's id where nothing more is known.
    pub principal: String,
    /// The role, when it is one's.
    pub role: Option<Role>,
}

/// A role, and the session in which a function uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The role's ARN.
    pub arn: String,
    /// The session's name: a function's is the function's own.
    pub session: String,
    /// The function's Region.
    pub region: String,
}

impl Caller {
    /// `222222222222/CopyRole`, as the record shows it.
    pub fn who(&self) -> String {
        format!("{}/{}", self.account_id, self.principal)
    }

    /// The Region that it calls from; none of a person.
    pub fn region(&self) -> Option<&str> {
        Some(&self.role.as_ref()?.region)
    }

    /// Is it the root user of its account?
    pub fn is_root(&self) -> bool {
        self.principal == "root" && self.role.is_none()
    }

    /// As policies and errors name it: only root users and roles are known to them.
    pub fn in_policies(&self) -> Option<policy::Caller> {
        let Self { account_id, principal, role } = self;
        let (arn, session_arn) = match role {
            Some(Role { arn, session, .. }) => {
                let partition = arn.split(':').nth(1).unwrap_or("aws");
                let session = format!("arn:{partition}:sts::{account_id}:assumed-role/{principal}/{session}");
                (arn.clone(), session)
            }
            None if self.is_root() => {
                let root = format!("arn:aws:iam::{account_id}:root");
                (root.clone(), root)
            }
            None => return None,
        };
        Some(policy::Caller { account_id: account_id.clone(), arn, session_arn })
    }
}

/// Knows the accounts and Regions seen so far and the access keys of their functions' roles.
pub struct Callers {
    ministack: Client,
    accounts: Mutex<BTreeSet<String>>,
    regions: Mutex<BTreeSet<String>>,
    roles: Mutex<HashMap<String, Caller>>,
}

impl Callers {
    /// Knows nobody yet.
    pub fn new(ministack: Client) -> Self {
        Self { ministack, accounts: Mutex::default(), regions: Mutex::default(), roles: Mutex::default() }
    }

    /// Finds out who holds the access key. An unknown key may belong to a new function, so the
    /// functions are listed again.
    pub async fn identify(&self, scope: &Scope) -> Caller {
        let key = scope.access_key_id.as_str();
        lock(&self.regions).insert(scope.region.clone());
        if key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit()) {
            lock(&self.accounts).insert(key.to_owned());
            return Caller { account_id: key.to_owned(), principal: "root".to_owned(), role: None };
        }
        if let Some(caller) = self.known(key) {
            return caller;
        }
        let owner = self.ministack.account_of(key).await;
        if key.starts_with("ASIA") {
            // A function may call another Region than its own.
            let regions = lock(&self.regions).clone();
            for region in regions {
                self.learn_functions(&region, owner.clone()).await;
            }
        }
        self.known(key).unwrap_or_else(|| Caller {
            account_id: owner.unwrap_or_else(|| UNKNOWN_ACCOUNT.to_owned()),
            principal: key.to_owned(),
            role: None,
        })
    }

    fn known(&self, access_key_id: &str) -> Option<Caller> {
        lock(&self.roles).get(access_key_id).cloned()
    }

    async fn learn_functions(&self, region: &str, owner: Option<String>) {
        let mut accounts = lock(&self.accounts).clone();
        accounts.extend(owner);
        for account_id in accounts {
            match self.ministack.functions(&account_id, region).await {
                Ok(functions) => {
                    let mut roles = lock(&self.roles);
                    for function in functions {
                        let principal = function.role.rsplit('/').next().unwrap_or_default().to_owned();
                        let session = function.function_arn.rsplit(':').next().unwrap_or_default().to_owned();
                        let key = access_key_id(&function.function_arn, &function.role);
                        let role = Some(Role { arn: function.role, session, region: region.to_owned() });
                        roles.insert(key, Caller { account_id: account_id.clone(), principal, role });
                    }
                }
                Err(error) => {
                    tracing::warn!("cannot list the functions of {account_id} in {region}: {error:#}")
                }
            }
        }
    }
}

/// The access key that MiniStack gives to a function under `AUTH=true`.
/// Source: MiniStack 1.5.33, `core/lambda_runtime.py`, `execution_credentials`.
fn access_key_id(function_arn: &str, role_arn: &str) -> String {
    let digest = Sha256::digest(format!("{function_arn}:{role_arn}"));
    format!("ASIA{}", hex(&digest[..8]).to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, authorization: Option<&str>) -> Parts {
        let mut request = axum::http::Request::builder().uri(uri);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn header_and_presigned_query_name_the_same_scope() {
        let scope = Scope {
            access_key_id: "111111111111".into(),
            region: "eu-central-1".into(),
            service: "rds".into(),
        };
        let header = "AWS4-HMAC-SHA256 Credential=111111111111/20261120/eu-central-1/rds/aws4_request, \
                      SignedHeaders=host, Signature=ab";
        assert_eq!(Scope::of(&parts("/", Some(header))), Some(scope.clone()));
        let query = "/?X-Amz-Credential=111111111111%2F20261120%2Feu-central-1%2Frds%2Faws4_request";
        assert_eq!(Scope::of(&parts(query, None)), Some(scope));
        assert_eq!(Scope::of(&parts("/_ministack/health", None)), None);
        assert_eq!(Scope::of(&parts("/", Some("Basic abc"))), None);
    }

    #[test]
    fn access_key_of_a_function_is_ministacks() {
        let key = access_key_id(
            "arn:aws:lambda:us-east-1:111111111111:function:share",
            "arn:aws:iam::111111111111:role/ShareRole",
        );
        assert_eq!(key.len(), 20);
        assert!(key.starts_with("ASIA"));
    }
}

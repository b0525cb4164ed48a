//! DescribeDBEngineVersions, DescribeOrderableDBInstanceOptions and DescribeCertificates: what the local RDS offers.
//! A creation and a restore accept the same.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::protocol::{
    answer::Outcome,
    filters::{Filter, Filters},
    pages,
    request::Request,
    xml::Element,
};
use crate::{
    hex,
    place::Place,
    rds::{
        model::{
            catalogue::{self, STORAGE_TYPES},
            classes,
            engine::Engine,
            refusal::Refusal,
            storage::bounds,
        },
        operations::rds::Rds,
    },
};

const VERSION_FILTERS: [Filter; 5] = [
    Filter::of_words("db-parameter-group-family").and("DBParameterGroupFamily"),
    Filter::of_words("engine").and("Engine"),
    Filter::of_words("engine-mode"),
    Filter::of_words("engine-version").and("EngineVersion"),
    Filter::of_words("status"),
];

/// DescribeDBEngineVersions.
pub fn engine_versions(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let parameters = request.parameters;
    let filters = Filters::of(parameters, &VERSION_FILTERS)?;
    let default_only = parameters.flag("DefaultOnly")?;
    let mut all = Vec::new();
    for (engine, ours) in rds.engines() {
        let (major, family) = (engine.major(ours), engine.family(engine.major(ours)));
        let versions = engine.versions(ours).filter(|version| {
            let has = |name: &str, value: &str| match name {
                "db-parameter-group-family" => value == family,
                "engine" => value == engine.name(),
                "engine-mode" => value == "provisioned",
                "engine-version" => value == version || value == major,
                _ => value == "available",
            };
            (!default_only || version == ours) && filters.pass(has)
        });
        for version in versions {
            all.push((order(all.len()), version_element(engine, &version, ours)));
        }
    }
    pages::listed("DBEngineVersions", all, parameters)
}

fn version_element(engine: Engine, version: &str, ours: &str) -> Element {
    let members = |all: &[&str]| all.iter().map(|it| Element::of_text("member", it)).collect::<Vec<_>>();
    let (product, major) = (engine.product(), engine.major(version));
    let later = engine.versions(ours).skip_while(|it| it != version).skip(1).map(|target| {
        Element::new("UpgradeTarget")
            .text("Engine", engine.name())
            .text("EngineVersion", &target)
            .text("Description", format!("{product} {target}"))
            .text("AutoUpgrade", target == ours)
            .text("IsMajorVersionUpgrade", false)
    });
    Element::new("DBEngineVersion")
        .text("Engine", engine.name())
        .text("MajorEngineVersion", major)
        .text("EngineVersion", version)
        .text("DBParameterGroupFamily", engine.family(major))
        .text("DBEngineDescription", engine.description())
        .text("DBEngineVersionDescription", format!("{product} {version}"))
        .list("ValidUpgradeTarget", later)
        .list("ExportableLogTypes", members(engine.logs()))
        .text("SupportsLogExportsToCloudwatchLogs", true)
        .text("SupportsReadReplica", true)
        .list("SupportedFeatureNames", [])
        .text("Status", "available")
        .list("SupportedEngineModes", members(&["provisioned"]))
        .text("SupportsCertificateRotationWithoutRestart", true)
        .list("SupportedCACertificateIdentifiers", members(&catalogue::CERTIFICATES))
}

/// DescribeOrderableDBInstanceOptions.
pub fn orderable_options(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    Filters::of(parameters, &[])?;
    let engine = Engine::named(parameters.required("Engine")?)?;
    let ours = rds.version_of(engine)?;
    let version = match parameters.get("EngineVersion") {
        Some(given) => Some(engine.version(ours, Some(given))?),
        None => None,
    };
    let class = parameters.get("DBInstanceClass");
    let wanted = parameters.get("LicenseModel").is_none_or(|it| it == engine.license())
        && parameters.get("Vpc").is_none_or(|it| it != "false");
    let versions = engine.versions(ours).filter(|it| version.as_ref().is_none_or(|given| it == given));
    let mut all = Vec::new();
    for version in versions.filter(|_| wanted) {
        for class in classes::all().filter(|it| class.is_none_or(|given| it == given)) {
            for storage in STORAGE_TYPES {
                all.push((order(all.len()), option_element(place, engine, &version, &class, storage)));
            }
        }
    }
    pages::listed_up_to(1000, "OrderableDBInstanceOptions", all, parameters)
}

fn option_element(place: &Place, engine: Engine, version: &str, class: &str, storage: &str) -> Element {
    let zones = ["a", "b", "c"]
        .map(|zone| Element::new("AvailabilityZone").text("Name", format!("{}{zone}", place.region)));
    let bounds = bounds(storage);
    let least = |it: Option<(i64, i64)>| it.map(|it| it.0);
    let most = |it: Option<(i64, i64)>| it.map(|it| it.1);
    Element::new("OrderableDBInstanceOption")
        .text("Engine", engine.name())
        .text("EngineVersion", version)
        .text("DBInstanceClass", class)
        .text("LicenseModel", engine.license())
        .list("AvailabilityZones", zones)
        .text("MultiAZCapable", true)
        .text("ReadReplicaCapable", true)
        .text("Vpc", true)
        .text("SupportsStorageEncryption", true)
        .text("StorageType", storage)
        .text("SupportsIops", ["gp3", "io1", "io2"].contains(&storage))
        .text("SupportsStorageThroughput", storage == "gp3")
        .text("MinStorageSize", bounds.size.0)
        .text("MaxStorageSize", bounds.size.1)
        .maybe("MinIopsPerDbInstance", least(bounds.iops))
        .maybe("MaxIopsPerDbInstance", most(bounds.iops))
        .maybe("MinIopsPerGib", bounds.iops_per_gib.map(|it| it.0))
        .maybe("MaxIopsPerGib", bounds.iops_per_gib.map(|it| it.1))
        .maybe("MinStorageThroughputPerDbInstance", least(bounds.throughput))
        .maybe("MaxStorageThroughputPerDbInstance", most(bounds.throughput))
        .text("SupportsEnhancedMonitoring", true)
        .text("SupportsIAMDatabaseAuthentication", true)
        .text("SupportsPerformanceInsights", true)
        .list("SupportedEngineModes", [Element::of_text("member", "provisioned")])
        .text("SupportsStorageAutoscaling", storage != "standard")
        .text("OutpostCapable", false)
        .list("SupportedNetworkTypes", ["IPV4", "DUAL"].map(|it| Element::of_text("member", it)))
        .text("SupportsClusters", false)
        .text("SupportsDedicatedLogVolume", ["io1", "io2"].contains(&storage))
}

/// DescribeCertificates. Source of the dates: RDS User Guide, UsingWithRDS.SSL.
pub fn certificates(request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    Filters::of(parameters, &[])?;
    let wanted = parameters.get("CertificateIdentifier").filter(|it| !it.is_empty());
    let all = catalogue::CERTIFICATES.into_iter().filter(|name| wanted.is_none_or(|it| it == *name));
    let all: Vec<_> = all.map(|name| (name.to_owned(), certificate_element(place, name))).collect();
    if let (Some(name), true) = (wanted, all.is_empty()) {
        return Err(Refusal::CertificateNotFound(format!("Certificate not found: {name}")));
    }
    let mut answer = pages::listed("Certificates", all, parameters)?;
    answer.push(Element::of_text("DefaultCertificateForNewLaunches", catalogue::CERTIFICATES[0]));
    Ok(answer)
}

fn certificate_element(place: &Place, name: &str) -> Element {
    let until = if name == "rds-ca-rsa2048-g1" { "2061" } else { "2121" };
    let thumbprint = hex(&Sha256::digest(format!("{name} of {}", place.region)));
    Element::new("Certificate")
        .text("CertificateIdentifier", name)
        .text("CertificateType", "CA")
        .text("Thumbprint", &thumbprint[..40])
        .text("ValidFrom", "2021-05-25T22:00:00Z")
        .text("ValidTill", format!("{until}-05-25T23:00:00Z"))
        // It belongs to no account.
        .text("CertificateArn", Place { account_id: String::new(), ..place.clone() }.arn("cert", name))
        .text("CustomerOverride", false)
}

/// The place of the nth thing in a list, as a text that sorts like it.
fn order(n: usize) -> String {
    format!("{n:06}")
}

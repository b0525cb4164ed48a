use super::*;
use crate::resource::Resource;
use serde_json::{Value, json};

fn region(name: &str) -> Region {
    Region::try_from(name.to_owned()).unwrap()
}

fn rebuild() -> Value {
    json!({"dbSubnetGroupName": "private", "vpcSecurityGroupIds": ["sg-1"]})
}

/// One replica in layer 1, and its secret in layer 2.
fn manifest() -> Value {
    json!({
        "version": 1, "group": "shop", "regions": ["eu-central-1", "eu-north-1"],
        "limits": {"unplannedLossSeconds": 30, "drainSeconds": 600}, "approval": "always",
        "quarantineSecurityGroupIds": {"eu-central-1": "sg-c", "eu-north-1": "!Import quarantine"},
        "layers": [
            {"layer": 1, "resources": [{
                "kind": "rdsReadReplica", "name": "billing", "masterSecretId": "shop/billing-master",
                "dbInstance": {"eu-central-1": "billing", "eu-north-1": "!Import billing-id@eu-central-1"},
                "assertions": [{"name": "rows", "sql": "SELECT 1", "atLeast": 1}],
                "rebuild": {"eu-central-1": rebuild(), "eu-north-1": {
                    "dbSubnetGroupName": "!Ssm /shop/subnets", "vpcSecurityGroupIds": ["sg-1", "!Import app-group"],
                    "kmsKeyId": "!Import key", "dbInstanceClass": "db.r6g.large", "dbParameterGroupName": "ours"}},
            }]},
            {"layer": 2, "resources": [
                {"kind": "secret", "name": "app", "secretId": "shop/database", "follows": "billing"},
            ]},
        ],
    })
}

fn read(manifest: &Value) -> Result<Manifest, InvalidRequest> {
    Manifest::from_json(&manifest.to_string())
}

/// The manifest with another value at this place.
fn with(pointer: &str, value: Value) -> Value {
    let mut manifest = manifest();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match manifest.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        list => list[key.parse::<usize>().unwrap()] = value,
    }
    manifest
}

fn values() -> Values {
    let (central, west) = (region("eu-central-1"), region("eu-north-1"));
    let reference = |text: &str| Reference::try_from(text.to_owned()).unwrap();
    [
        (&west, "!Import quarantine", "sg-e"),
        (&west, "!Import billing-id@eu-central-1", "billing-standby"),
        (&west, "!Ssm /shop/subnets", "private-west"),
        (&west, "!Import app-group", "sg-2"),
        (&west, "!Import key", "alias/shop"),
        (&central, "!Import unused", "x"),
    ]
    .map(|(region, text, value)| ((region.clone(), reference(text)), value.to_owned()))
    .into()
}

#[test]
fn a_manifest_reads_back_with_its_layers_in_the_order_of_their_numbers() {
    let read_back = read(&manifest()).unwrap();
    assert_eq!(serde_json::to_value(&read_back).unwrap(), manifest());

    let mut swapped = manifest();
    swapped["layers"].as_array_mut().unwrap().reverse();
    assert_eq!(read(&swapped).unwrap(), read_back);

    let mut short = manifest();
    for field in ["limits", "approval"] {
        short.as_object_mut().unwrap().remove(field);
    }
    let short = read(&short).unwrap();
    let limits = (short.limits.unplanned_loss_seconds.as_u64(), short.limits.drain_seconds.as_u64());
    assert_eq!((limits, short.approval), ((60, 900), Approval::Unplanned));
}

// F2: an unknown kind of resource does nothing, and succeeds.
#[test]
fn what_cannot_work_is_refused_with_its_path() {
    let check = |pointer: &str, value: Value, path: &str, says: &str| {
        let error = read(&with(pointer, value.clone())).unwrap_err();
        assert_eq!(error.path, path, "{pointer} = {value}: {error}");
        assert!(error.message.contains(says), "{pointer} = {value}: {error}");
    };
    let billing = "layers[0].resources[0]";
    let app = "layers[1].resources[0]";
    check("/version", json!(2), "version", "only 1 is known");
    check("/group", json!("Shop"), "group", "the name of a group");
    check("/owner", json!("me"), "owner", "unknown field");
    check("/limits/drain", json!(1), "limits.drain", "unknown field");
    check("/limits/drainSeconds", json!(1), "limits.drainSeconds", "out of range");
    check("/limits/unplannedLossSeconds", json!(-1), "limits.unplannedLossSeconds", "out of range");
    check("/approval", json!("never"), "approval", "unknown variant");
    for regions in [json!([]), json!(["eu-north-1"]), json!(["eu-north-1", "eu-north-1"])] {
        check("/regions", regions, "regions", "two different Regions");
    }
    check("/regions", json!(["eu-central-1", "eu-north-1", "eu-west-2"]), "regions", "two different Regions");
    check("/regions/1", json!("Ireland"), "regions[1]", "a Region");
    check("/regions/1", json!("eu-west-2"), "quarantineSecurityGroupIds", "each of eu-central-1, eu-west-2");
    let quarantine = "/quarantineSecurityGroupIds/eu-central-1";
    check(quarantine, json!("default"), "quarantineSecurityGroupIds.eu-central-1", "a security group");
    check(quarantine, Value::Null, "quarantineSecurityGroupIds.eu-central-1", "null");
    check("/layers", json!([]), "layers", "empty");
    check("/layers/1/layer", json!(1), "layers[1].layer", "another layer's");
    check("/layers/1/resources", json!([]), "layers[1].resources", "empty");
    check("/layers/1/pause", json!(true), "layers[1].pause", "unknown field");

    let at = |field: &str| format!("/layers/0/resources/0/{field}");
    let path = |field: &str| format!("{billing}.{field}");
    for kind in [json!("auroraGlobalCluster"), json!("rdsreadreplica"), Value::Null, json!(1)] {
        check(
            &at("kind"),
            kind,
            &path("kind"),
            "is no kind that Snapferry serves: use one of rdsReadReplica, secret",
        );
    }
    check(&at("dbCluster"), json!("x"), &path("dbCluster"), "unknown field");
    check(&at("name"), json!("app"), &format!("{app}.name"), "another resource's");
    check(&at("dbInstance"), json!({"eu-north-1": "billing"}), &path("dbInstance"), "one value for each of");
    check(
        &at("dbInstance/eu-north-1"),
        json!("a_b"),
        &path("dbInstance.eu-north-1"),
        "a DB instance's identifier",
    );
    check(&at("dbInstance/eu-north-1"), json!(7), &path("dbInstance.eu-north-1"), "expected a string");
    check(&at("dbInstance/eu-north-1"), json!("!Ref x"), &path("dbInstance.eu-north-1"), "a reference is");
    check(&at("dbInstance/eu-west-2"), json!("x"), &path("dbInstance"), "one value for each of");
    let arn = json!("arn:aws-cn:secretsmanager:eu-north-1:111111111111:secret:shop-AbCdEf");
    check(&at("masterSecretId"), arn.clone(), &path("masterSecretId"), "an ARN is not");
    check(&at("masterSecretId"), json!(""), &path("masterSecretId"), "the name of a secret");
    let twice = json!([{"name": "a", "sql": "s", "equals": 1}, {"name": "a", "sql": "s", "equals": 1}]);
    check(&at("assertions"), twice, &path("assertions"), "a name twice");
    let many: Vec<Value> =
        (0..21).map(|it| json!({"name": it.to_string(), "sql": "s", "equals": 1})).collect();
    check(&at("assertions"), json!(many), &path("assertions"), "more than 20");
    check(&at("assertions"), json!([{"name": "a"}]), &path("assertions[0]"), "missing field");
    check(&at("rebuild"), json!({"eu-north-1": rebuild()}), &path("rebuild"), "one value for each of");
    for (field, bad, says) in [
        ("dbSubnetGroupName", json!("a/b"), "a DB subnet group"),
        ("vpcSecurityGroupIds", json!([]), "empty"),
        ("vpcSecurityGroupIds", json!(["default"]), "a security group"),
        ("kmsKeyId", json!("a key"), "a key"),
        ("kmsKeyId", Value::Null, "null"),
        ("dbInstanceClass", json!("large"), "a DB instance class"),
        ("dbParameterGroupName", json!("a_b"), "a DB parameter group"),
        ("multiAz", json!("false"), "unknown field"),
    ] {
        check(
            &at(&format!("rebuild/eu-north-1/{field}")),
            bad,
            &path(&format!("rebuild.eu-north-1.{field}")),
            says,
        );
    }
    let at = |field: &str| format!("/layers/1/resources/0/{field}");
    check(&at("secretId"), arn, &format!("{app}.secretId"), "an ARN is not");
    for follows in ["orders", "app"] {
        check(
            &at("follows"),
            json!(follows),
            &format!("{app}.follows"),
            "an rdsReadReplica of this layer or an earlier",
        );
    }
    check(
        "/layers/1/layer",
        json!(0),
        &format!("{app}.follows"),
        "an rdsReadReplica of this layer or an earlier",
    );
}

#[test]
fn a_database_belongs_to_one_resource_and_a_secret_may_follow_one_of_its_own_layer() {
    let mut manifest = manifest();
    let mut second = manifest["layers"][0]["resources"][0].clone();
    second["name"] = json!("orders");
    let secret = manifest["layers"][1]["resources"][0].clone();
    manifest["layers"][0]["resources"].as_array_mut().unwrap().extend([second, secret]);
    manifest["layers"].as_array_mut().unwrap().truncate(1);
    let error = read(&manifest).unwrap_err();
    assert_eq!(error.path, "layers[0].resources[1].dbInstance.eu-central-1");
    manifest["layers"][0]["resources"][1]["dbInstance"]["eu-central-1"] = json!("orders");
    // One name may stand in both Regions.
    manifest["layers"][0]["resources"][1]["dbInstance"]["eu-north-1"] = json!("orders");
    let manifest = read(&manifest).unwrap();
    assert_eq!(manifest.layers[0].resources.len(), 3);

    let mut values = values();
    values.values_mut().filter(|it| *it == "billing-standby").for_each(|it| *it = "orders".to_owned());
    let error = manifest.resolved(&values).unwrap_err();
    assert_eq!(error.name(), step::ErrorName::InvalidManifest, "two resources lead to one DB instance");
}

#[test]
fn a_manifest_of_the_sample_is_refused_in_one_sentence_that_names_what_is_not_served() {
    let of = |types: &[&str]| {
        let resources: Vec<Value> = types.iter().map(|it| json!({"resourceType": it})).collect();
        let error = read(&json!({"StatePayload": [{"layer": 1, "resources": resources}]})).unwrap_err();
        assert_eq!(error.path, "StatePayload");
        error.message
    };
    assert_eq!(
        of(&["PlannedFailoverAurora", "PlannedFailoverAurora", "PromoteRDSReadReplica"]),
        "this is a manifest of the DR Orchestrator sample, and Snapferry does not serve PlannedFailoverAurora yet: write \
         one of Snapferry's, with PromoteRDSReadReplica as an rdsReadReplica"
    );
    assert_eq!(
        of(&["FailoverElastiCacheCluster", "Unheard"]),
        "this is a manifest of the DR Orchestrator sample, and Snapferry does not serve FailoverElastiCacheCluster and \
         Unheard yet: write one of Snapferry's"
    );
    assert_eq!(
        of(&["CreateRDSReadReplica"]),
        "this is a manifest of the DR Orchestrator sample: write one of Snapferry's, with CreateRDSReadReplica as the \
         rebuild of an rdsReadReplica"
    );
}

#[test]
fn the_parameter_of_a_group_must_hold_the_manifest_of_that_group() {
    let group = |name: &str| GroupName::try_from(name.to_owned()).unwrap();
    let text = manifest().to_string();
    assert_eq!(Manifest::read(&group("shop"), Some(&text)).unwrap().group, group("shop"));
    for (name, text, says) in [
        ("crm", Some(text.as_str()), "/snapferry/groups/crm/manifest"),
        ("shop", None, "put it in SSM parameter /snapferry/groups/shop/manifest"),
        ("shop", Some("{"), "/snapferry/groups/shop/manifest"),
    ] {
        let error = Manifest::read(&group(name), text).unwrap_err();
        assert_eq!(error.name(), step::ErrorName::InvalidManifest);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn every_reference_is_read_in_its_region_and_what_is_missing_is_told_at_once() {
    let manifest = read(&manifest()).unwrap();
    let needed: Vec<String> =
        manifest.references().iter().map(|(region, reference)| format!("{region} {reference}")).collect();
    assert_eq!(
        needed,
        [
            "eu-north-1 !Import app-group",
            "eu-north-1 !Import billing-id@eu-central-1",
            "eu-north-1 !Import key",
            "eu-north-1 !Import quarantine",
            "eu-north-1 !Ssm /shop/subnets"
        ]
    );
    let error = manifest.resolved(&Values::new()).unwrap_err();
    assert_eq!(error.name(), step::ErrorName::ImportNotFound);
    assert!(
        error
            .to_string()
            .contains("!Import billing-id@eu-central-1 in eu-central-1, !Import key in eu-north-1")
    );
    assert!(manifest.directed(&region("eu-north-1")).is_none(), "references are not read");

    let resolved = manifest.resolved(&values()).unwrap();
    assert!(resolved.references().is_empty());
    assert_eq!(resolved.resolved(&Values::new()).unwrap(), resolved);
    let mut bad = values();
    bad.values_mut().filter(|it| *it == "sg-e").for_each(|it| *it = "default".to_owned());
    assert_eq!(manifest.resolved(&bad).unwrap_err().name(), step::ErrorName::InvalidManifest);
}

#[test]
fn one_manifest_leads_in_both_directions() {
    let manifest = read(&manifest()).unwrap().resolved(&values()).unwrap();
    let (central, west) = (region("eu-central-1"), region("eu-north-1"));
    assert_eq!(manifest.other_region(&central), Some(&west));
    assert_eq!(manifest.other_region(&region("eu-west-2")), None);
    assert_eq!(manifest.directed(&region("eu-west-2")), None);

    let layers = serde_json::to_value(manifest.directed(&west).unwrap()).unwrap();
    let (from, to) = (
        json!({"region": "eu-central-1", "dbInstanceIdentifier": "billing"}),
        json!({"region": "eu-north-1", "dbInstanceIdentifier": "billing-standby"}),
    );
    let mut old = from.clone();
    old["quarantineSecurityGroupId"] = json!("sg-c");
    let expected = json!([
        {"layer": 1, "resources": [{
            "kind": "rdsReadReplica", "name": "billing", "masterSecretId": "shop/billing-master",
            "assertions": [{"name": "rows", "sql": "SELECT 1", "atLeast": 1}],
            "from": old, "to": to, "rebuild": rebuild(),
        }]},
        {"layer": 2, "resources": [{
            "kind": "secret", "name": "app", "secretId": "shop/database", "follows": {"from": from, "to": to},
            "from": {"region": "eu-central-1"}, "to": {"region": "eu-north-1"},
        }]},
    ]);
    assert_eq!(layers, expected);
    let read: Vec<ResourceLayer> = serde_json::from_value(layers).unwrap();
    let names: Vec<&str> = read.iter().flat_map(|it| &it.resources).map(|it| it.name().as_str()).collect();
    assert_eq!(names, ["billing", "app"]);
    let manifest_names: Vec<&str> =
        manifest.layers.iter().flat_map(|it| &it.resources).map(|it| it.name().as_str()).collect();
    assert_eq!(manifest_names, names);

    let back = manifest.directed(&central).unwrap();
    let Resource::RdsReadReplica(billing) = &back[0].resources[0] else { panic!("{back:?}") };
    assert_eq!(billing.from.db_instance_identifier, "billing-standby");
    assert_eq!(billing.from.quarantine_security_group_id, "sg-e");
    assert_eq!(billing.rebuild.kms_key_id, Some(Reference::Value("alias/shop".to_owned())));
}

#[test]
fn a_resource_refuses_fields_that_it_does_not_know() {
    let manifest = read(&manifest()).unwrap().resolved(&values()).unwrap();
    for resource in manifest.directed(&region("eu-north-1")).unwrap().into_iter().flat_map(|it| it.resources)
    {
        let mut json = serde_json::to_value(&resource).unwrap();
        assert_eq!(serde_json::from_value::<Resource>(json.clone()).unwrap(), resource);
        json["password"] = json!("x");
        assert!(serde_json::from_value::<Resource>(json).is_err());
    }
}

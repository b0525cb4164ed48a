"""Used by scripts/check-roles: the matrix of tests/denials.toml, with tags as the context."""

import pathlib
import tomllib

from resolve import Template
from simulator import Role, Simulator

RUN = "20261101t000000z-0000"
LANE_TAGS = {"snapferry:reach": "true"}
TAGS = {"snapferry:made-by": "snapferry", "snapferry:replication": "orders", "snapferry:run": RUN}

# Identifiers of the resources.
NAMES = {
    ("instance", "foreign"): "db:billing",
    ("instance", "named"): f"db:orders-{RUN}",
    ("instance", "tagged"): "db:billing-restored",
    ("snapshot", "foreign"): "snapshot:billing-by-hand",
    ("snapshot", "named"): f"snapshot:orders-{RUN}",
    ("snapshot", "named-copy"): f"snapshot:orders-{RUN}-copy",
    ("snapshot", "tagged"): "snapshot:billing-copied",
    ("secret", "foreign"): "secret:billing/login-AbCdEf",
    ("secret", "named"): f"secret:snapferry/orders/{RUN}-AbCdEf",
    ("secret", "tagged"): "secret:billing/copied-AbCdEf",
    ("key", "foreign"): "key/billing",
    ("log-group", "foreign"): "log-group:/aws/rds/instance/billing/postgresql",
    ("target-group", "foreign"): "targetgroup/billing/0123456789abcdef",
    ("target-group", "tagged"): "targetgroup/billing-lane/0123456789abcdef",
    ("log-group", "named"): f"log-group:/aws/rds/instance/orders-{RUN}/postgresql",
}
SERVICES = {"instance": "rds", "snapshot": "rds", "secret": "secretsmanager", "key": "kms", "log-group": "logs", "target-group": "elasticloadbalancing"}
# Tags that a request adds, in the ways that policies distinguish, and keys that a request removes.
GIVEN = [TAGS, {"snapferry:pinned": RUN}, {"snapferry:application-secret": "true"}]
TAKEN = [["snapferry:made-by"], ["snapferry:pinned"]]


def given(tags: dict) -> dict:
    return {**{f"aws:RequestTag/{key}": value for key, value in tags.items()}, "aws:TagKeys": list(tags)}


def attempts(action: str, arn: str, tags: dict) -> list[list[tuple[str, dict]]]:
    """The ways to try an action, each with the resources that it needs and the facts about each resource."""
    of_it = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    made = given(TAGS)
    rds = arn.rsplit(":", 2)[0]
    verb = action.split(":")[1]
    if verb == "CreateDBSnapshot":
        return [[(arn, {**of_it, **made}), (f"{rds}:snapshot:orders-20261102t000000z-0000", made)]]
    if verb == "CopyDBSnapshot":
        to = f"{rds}:snapshot:orders-20261103t000000z-0000"
        return [[(arn, {**of_it, **made}), (name, made)] for name in (to, f"{to}-copy")]
    if verb == "RestoreDBInstanceFromDBSnapshot":
        return [[(arn, {**of_it, **made}), (f"{rds}:db:orders-20261104t000000z-0000", made)]]
    if verb in ("AddTagsToResource", "TagResource"):
        return [[(arn, {**of_it, **given(tags)})] for tags in GIVEN]
    if verb in ("RemoveTagsFromResource", "UntagResource"):
        return [[(arn, {**of_it, "aws:TagKeys": keys})] for keys in TAKEN]
    if verb == "CreateGrant":
        return [[(arn, {"kms:GrantIsForAWSResource": "false"})]]
    return [[(arn, of_it)]]


def ask_matrix(simulator: Simulator, prefix: str, template: Template, roles: dict[str, Role]) -> None:
    """Asks for every role of a function, every action and every resource of others."""
    table = tomllib.loads(pathlib.Path("tests/denials.toml").read_text())
    own = template.of_type("AWS::KMS::Key")
    root = {"AWS": template.place.iam(template.account, "root")}
    iam_decides = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    # The policy of a key that leaves everything to IAM.
    plain = {"Version": "2012-10-17", "Statement": [iam_decides]}
    for name, function in template.of_type("AWS::Lambda::Function").items():
        role = roles[function["Role"]]
        step = f"{prefix} {name.removesuffix('Function')}"
        for kind, actions in table["actions"].items():
            things = {
                looks: (thing, {} if looks != "tagged" else LANE_TAGS if kind == "target-group" else TAGS)
                for (of, looks), thing in NAMES.items()
                if of == kind
            }
            arns = [
                (looks, template.place.arn(SERVICES[kind], template.account, thing), tags)
                for looks, (thing, tags) in things.items()
            ]
            policies = {arn: plain for _, arn, _ in arns if kind == "key"}
            for key, it in own.items() if kind == "key" else ():
                arns.append(("own", template.arn(key), {}))
                policies[template.arn(key)] = it["KeyPolicy"]
            for action in actions:
                excepted = [
                    it
                    for it in table["allowed"]
                    if (it["role"], it["action"], it["on"]) == (step, action, kind)
                ]
                for looks, arn, tags in arns:
                    expected = any(looks in it["looks"] for it in excepted)
                    ways, what = attempts(action, arn, tags), f" ({looks} {kind})"
                    simulator.ask_any(expected, role, action, ways, what, policies.get(arn))

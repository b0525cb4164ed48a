"""Used by scripts/check-roles: who can reach the queues, topics and keys of the templates."""

from resolve import Place, Template
from simulator import Role, Simulator

ELSEWHERE = "333333333333"
SERVICES = "cloudwatch events lambda s3 scheduler sns states".split()
# A principal that its own account allows everything.
ADMINISTRATOR = [
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
]
ADMINISTER_QUEUES = (
    "AddPermission DeleteMessage DeleteQueue PurgeQueue ReceiveMessage SetQueueAttributes".split()
)
ADMINISTER_TOPICS = "AddPermission DeleteTopic SetTopicAttributes".split()


def ask_service(
    simulator: Simulator, place: Place, whose: str, policy: dict, action: str, arn: str, senders: set
) -> None:
    """Only these services can do this one thing, each on behalf of its own source."""
    account = arn.split(":")[4]

    def ask(expected: bool, service: str, context: dict) -> None:
        simulator.ask_policy(expected, whose, policy, f"{service}.amazonaws.com", action, arn, context)

    for service, source in senders:
        owner = source.split(":")[4]
        ask(True, service, {"aws:SourceArn": source, "aws:SourceAccount": owner})
        ask(
            False,
            service,
            {"aws:SourceArn": f"{source}-other".replace(owner, ELSEWHERE), "aws:SourceAccount": ELSEWHERE},
        )
        ask(False, service, {})
        for other in SERVICES:
            if other not in {name for name, _ in senders}:
                ask(False, other, {"aws:SourceArn": source, "aws:SourceAccount": owner})
    for who in (account, ELSEWHERE):
        simulator.ask_policy(False, whose, policy, place.iam(who, "role/other"), action, arn, {})


def ask_queues(simulator: Simulator, prefix: str, template: Template) -> None:
    """Only the senders that the template names can send to a queue."""
    policies = {}
    for it in template.of_type("AWS::SQS::QueuePolicy").values():
        policies |= {queue: it["PolicyDocument"] for queue in it["Queues"]}
    senders: dict[str, set] = {}
    for name, it in template.of_type("AWS::Events::Rule").items():
        for target in it["Targets"]:
            senders.setdefault(target["DeadLetterConfig"]["Arn"], set()).add(("events", template.arn(name)))
    for it in template.of_type("AWS::SNS::Subscription").values():
        for queue in (it["Endpoint"], it["RedrivePolicy"]["deadLetterTargetArn"]):
            senders.setdefault(queue, set()).add(("sns", it["TopicArn"]))
    for name in template.of_type("AWS::SQS::Queue"):
        arn, policy = template.arn(name), policies.get(template.fn_ref(name))
        whose = f"{prefix} {name}"
        ask_service(simulator, template.place, whose, policy, "sqs:SendMessage", arn, senders.get(arn, set()))
        for service, source in senders.get(arn, set()):
            # Only this topic or rule, not another one in the same account.
            beside = {"aws:SourceArn": f"{source}-other"}
            simulator.ask_policy(
                False, whose, policy, f"{service}.amazonaws.com", "sqs:SendMessage", arn, beside
            )
            for action in ADMINISTER_QUEUES:
                context = {"aws:SourceArn": source}
                simulator.ask_policy(
                    False, whose, policy, f"{service}.amazonaws.com", f"sqs:{action}", arn, context
                )


def ask_topics(simulator: Simulator, prefix: str, template: Template) -> None:
    """Alarms publish to the operations topic. Accepted accounts subscribe queues to the hand-off topic."""
    policies = {}
    for it in template.of_type("AWS::SNS::TopicPolicy").values():
        policies |= {topic: it["PolicyDocument"] for topic in it["Topics"]}
    alarms = template.of_type("AWS::CloudWatch::Alarm")
    for name in template.of_type("AWS::SNS::Topic"):
        arn, whose = template.arn(name), f"{prefix} {name}"
        policy = policies[arn]
        senders = {
            ("cloudwatch", template.arn(alarm)) for alarm, it in alarms.items() if arn in it["AlarmActions"]
        }
        ask_service(simulator, template.place, whose, policy, "sns:Publish", arn, senders)
        accepted = template.parameters["AllowedTargetAccounts"] if name == "HandoffTopic" else []
        for account in [*accepted, ELSEWHERE]:
            expected, who = account in accepted, template.place.iam(account, "role/deployer")

            def ask(expected: bool, action: str, context: dict, who=who) -> None:
                simulator.ask_policy(
                    expected, whose, policy, who, f"sns:{action}", arn, context, ADMINISTRATOR
                )

            ask(expected, "Subscribe", {"sns:Protocol": "sqs"})
            ask(expected, "GetTopicAttributes", {})
            ask(False, "Subscribe", {"sns:Protocol": "https"})
            for action in ["Publish", *ADMINISTER_TOPICS]:
                ask(False, action, {})


def ask_keys(simulator: Simulator, source: Template, target_roles: dict[str, Role]) -> None:
    """In a target account, only the copy role can use the shareable key, and only through RDS."""
    for name, it in source.of_type("AWS::KMS::Key").items():
        arn, policy = source.arn(name), it["KeyPolicy"]
        through_rds = {"kms:ViaService": f"rds.{source.place.region}.{source.place.suffix}"}
        use = [
            (f"kms:{action}", through_rds)
            for action in (
                "Decrypt",
                "Encrypt",
                "GenerateDataKey",
                "GenerateDataKeyWithoutPlaintext",
                "ReEncryptFrom",
                "ReEncryptTo",
            )
        ]
        grant = ("kms:CreateGrant", {**through_rds, "kms:GrantIsForAWSResource": "true"})
        look = ("kms:DescribeKey", {})
        directly = [(action, {}) for action, _ in use] + [
            ("kms:CreateGrant", {"kms:GrantIsForAWSResource": "false"})
        ]
        never = [
            (f"kms:{action}", {})
            for action in ("DisableKey", "PutKeyPolicy", "ScheduleKeyDeletion", "TagResource")
        ]

        def ask(
            expected: bool, who: str, policies: list, asked: list, name=name, policy=policy, arn=arn
        ) -> None:
            for action, context in asked:
                context = {**context, "aws:PrincipalArn": who}
                simulator.ask_policy(expected, f"source {name}", policy, who, action, arn, context, policies)

        (copies,) = (role for role in target_roles.values() if role.name == "target CopyAndReencryptRole")
        ask(True, copies.arn, copies.policies, [look, *use, grant])
        ask(False, copies.arn, ADMINISTRATOR, directly + never)
        for other in (
            copies.arn.replace("snapferry-", "other-"),
            copies.arn.replace(copies.account, ELSEWHERE),
        ):
            ask(False, other, ADMINISTRATOR, [look, *use, grant, *directly, *never])
        for role in target_roles.values():
            if role is not copies:
                ask(False, role.arn, ADMINISTRATOR, [look, *use, grant])

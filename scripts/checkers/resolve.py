"""Used by scripts/check-roles: a template as CloudFormation would deploy it, with example values for what it makes."""

import re
import sys
from typing import NamedTuple

import yaml

OMITTED = object()


class Loader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as the long ones, and dates as texts."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def short_form(loader: Loader, suffix: str, node: yaml.Node) -> dict:
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt":
        value = value.split(".", 1)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", short_form)


class Place(NamedTuple):
    """A partition and one of its Regions, with the end of the names of services there."""

    partition: str
    region: str
    suffix: str

    def arn(self, service: str, account: str, rest: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{account}:{rest}"

    def iam(self, account: str, rest: str) -> str:
        """The ARN of a principal, which is in no Region."""
        return f"arn:{self.partition}:iam::{account}:{rest}"


EUROPE = Place("aws", "eu-central-1", "amazonaws.com")
CHINA = Place("aws-cn", "cn-north-1", "amazonaws.com.cn")
GOVCLOUD = Place("aws-us-gov", "us-gov-west-1", "amazonaws.com")


class Template:
    """A template that is deployed into an account with these parameters."""

    def __init__(self, path: str, place: Place, account: str, parameters: dict):
        with open(path, encoding="utf-8") as file:
            self.raw = yaml.load(file, Loader)
        self.place, self.account = place, account
        self.stack = "snapferry"
        defaults = {name: it.get("Default") for name, it in self.raw["Parameters"].items()}
        unknown = parameters.keys() - defaults.keys()
        if unknown:
            sys.exit(f"{path}: has no parameters {unknown}")
        self.parameters = {**defaults, **parameters}
        for name, it in self.raw["Parameters"].items():
            if it["Type"] == "CommaDelimitedList":
                self.parameters[name] = self.parameters[name].split(",")
        there = {name: it for name, it in self.raw["Resources"].items() if self.is_there(it)}
        self.types = {name: it["Type"] for name, it in there.items()}
        self.resources = {name: self.resolve(it.get("Properties", {})) for name, it in there.items()}

    def of_type(self, kind: str) -> dict:
        return {name: it for name, it in self.resources.items() if self.types[name] == kind}

    def is_there(self, resource: dict) -> bool:
        return self.condition(resource["Condition"]) if "Condition" in resource else True

    def condition(self, name: str) -> bool:
        return self.resolve(self.raw["Conditions"][name])

    def resolve(self, value):
        if isinstance(value, list):
            items = (self.resolve(item) for item in value)
            return [item for item in items if item is not OMITTED]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            function = getattr(self, "fn_" + name.removeprefix("Fn::").lower(), None)
            if function and (name == "Ref" or name.startswith("Fn::")):
                return function(argument)
            if name.startswith("Fn::"):
                sys.exit(f"scripts/checkers/resolve.py: does not know {name}")
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not OMITTED}

    def fn_ref(self, name: str):
        if name.startswith("AWS::"):
            pseudo = {
                "Partition": self.place.partition,
                "Region": self.place.region,
                "AccountId": self.account,
                "StackName": self.stack,
            }
            return {**pseudo, "NoValue": OMITTED}[name.removeprefix("AWS::")]
        if name in self.parameters:
            return self.parameters[name]
        kind = self.raw["Resources"][name]["Type"]
        by_arn = ("AWS::StepFunctions::StateMachine", "AWS::SNS::Topic", "AWS::SecretsManager::Secret")
        if kind in by_arn:
            return self.arn(name)
        return f"{self.stack}-{name}"

    def fn_getatt(self, argument: list):
        name, attribute = argument
        if attribute in ("Arn", "Id"):
            return self.arn(name)
        return f"{self.stack}-{name}"

    def arn(self, name: str) -> str:
        resource = self.raw["Resources"][name]
        kind, own = resource["Type"], f"{self.stack}-{name}"
        if kind == "AWS::IAM::Role":
            given = resource["Properties"].get("RoleName")
            return self.place.iam(self.account, f"role/{self.resolve(given) if given else own}")
        service, rest = {
            "AWS::CloudWatch::Alarm": ("cloudwatch", f"alarm:{own}"),
            "AWS::Events::Rule": ("events", f"rule/{own}"),
            "AWS::KMS::Key": ("kms", f"key/{name.lower()}"),
            "AWS::Lambda::Function": ("lambda", f"function:{own}"),
            "AWS::Logs::LogGroup": ("logs", f"log-group:{own}:*"),
            "AWS::SNS::Topic": ("sns", own),
            "AWS::SQS::Queue": ("sqs", own),
            "AWS::SecretsManager::Secret": ("secretsmanager", f"secret:{own}-AbCdEf"),
            "AWS::StepFunctions::StateMachine": ("states", f"stateMachine:{own}"),
        }[kind]
        return self.place.arn(service, self.account, rest)

    def fn_sub(self, argument):
        text, more = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match) -> str:
            name = match[1]
            if name in more:
                return self.resolve(more[name])
            return self.fn_getatt(name.split(".", 1)) if "." in name else self.fn_ref(name)

        return re.sub(r"\$\{([\w.:]+)\}", value, text)

    def fn_if(self, argument: list):
        condition, yes, no = argument
        return self.resolve(yes if self.condition(condition) else no)

    def fn_not(self, argument: list) -> bool:
        return not self.resolve(argument)[0]

    def fn_equals(self, argument: list) -> bool:
        left, right = self.resolve(argument)
        return str(left) == str(right)

    def fn_join(self, argument: list) -> str:
        delimiter, parts = self.resolve(argument)
        return delimiter.join(parts)

    def fn_split(self, argument: list) -> list:
        delimiter, text = self.resolve(argument)
        return text.split(delimiter)

    def fn_select(self, argument: list) -> str:
        index, items = self.resolve(argument)
        return items[int(index)]

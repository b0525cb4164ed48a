"""Used by scripts/check-roles: collects questions with their expected answers, and asks all of them at once."""

import copy
import json
import pathlib
import subprocess
import sys
from dataclasses import dataclass


@dataclass
class Role:
    """A role of a template. `name` is what a failing check calls it."""

    name: str
    arn: str
    policies: list
    trust: dict

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]


class Simulator:
    """@cloud-copilot/iam-simulate, run once."""

    def __init__(self, modules: pathlib.Path):
        self.modules = modules
        self.deployed = ""
        self.input = {"policies": {}, "resourcePolicies": {}, "questions": []}
        self.checks = []
        # For each expected answer, the number of its question. Both deployments ask many of the same questions.
        self.asked = []
        self.numbers = {}

    def ask(
        self, expected: bool, role: Role, action: str, resource: str, context: dict | None = None
    ) -> None:
        """Asks whether the role's own policies allow an action in the role's account."""
        self.ask_any(expected, role, action, [[(resource, context or {})]])

    def ask_any(
        self, expected: bool, role: Role, action: str, ways: list, what: str = "", policy: dict | None = None
    ) -> None:
        """Asks whether one of several ways is open. Each way needs a list of resources, with the facts about them."""
        shape = [len(way) for way in ways]
        resource, context = ways[0][0]
        words = f"{role.name}: {action} on {resource}{what}"
        if context and not what:
            words += f" with {json.dumps(context)}"
        self.checks.append((self.deployed, words, shape, expected))
        for resource, context in (it for way in ways for it in way):
            self.question(role.arn, action, resource, context, role.policies, policy)

    def ask_policy(
        self,
        expected: bool,
        whose: str,
        policy: dict | None,
        principal: str,
        action: str,
        resource: str,
        context: dict,
        policies: list | None = None,
    ) -> None:
        """Asks whether a resource's policy allows an action to a principal. The principal's own policies count too."""
        words = f"{whose}: {action} by {principal}" + (f" with {json.dumps(context)}" if context else "")
        self.checks.append((self.deployed, words, [1], expected))
        self.question(principal, action, resource, context, policies or [], policy)

    def ask_all(self, role: Role, services: list, expected: set, managing: list | None = None) -> None:
        """Only the expected actions of these services can be allowed, on any resource and under any condition.

        Where services are `managing`, of the others only the actions that manage permissions are asked for, and what is
        expected need not be allowed.
        """
        policies = copy.deepcopy(role.policies)
        for policy in policies:
            policy["Statement"] = [it for it in policy["Statement"] if it["Effect"] == "Allow"]
            for statement in policy["Statement"]:
                statement.pop("Condition", None)
        self.checks.append((self.deployed, role.name, None, (expected, managing is None)))
        self.question(role.arn, "*", "*", {}, policies, None, services, managing)

    def question(
        self,
        principal: str,
        action: str,
        resource: str,
        context: dict,
        policies: list,
        policy: dict | None,
        services: list | None = None,
        managing: list | None = None,
    ) -> None:
        account = resource.split(":")[4] if resource != "*" else principal.split(":")[4]
        question = {
            "principal": principal,
            "action": action,
            "resource": resource,
            "account": account,
            "context": context,
        }
        question["policies"] = self.named("policies", policies)
        if policy:
            question["resourcePolicy"] = self.named("resourcePolicies", policy)
        question |= {"services": services, "managing": managing}
        number = self.numbers.setdefault(json.dumps(question), len(self.numbers))
        self.asked.append(number)
        if number == len(self.input["questions"]):
            self.input["questions"].append(question)

    def named(self, kind: str, document) -> str:
        name = json.dumps(document, sort_keys=True)
        self.input[kind][name] = document
        return name

    def run(self) -> None:
        """Asks all questions, and ends the script with every unexpected answer."""
        script = pathlib.Path(__file__).with_name("simulate.js")
        done = subprocess.run(
            ["node", script, self.modules], input=json.dumps(self.input), text=True, stdout=subprocess.PIPE
        )
        if done.returncode != 0:
            sys.exit("the simulator failed: see above")
        answered = json.loads(done.stdout)
        answers = (answered[number] for number in self.asked)
        wrong, counts = [], {True: 0, False: 0, None: 0}
        for deployed, words, shape, expected in self.checks:
            if shape is None:
                counts[None] += 1
                allowed = next(answers)["allowed"]
                wrong += [f"{words}: {it} ({deployed})" for it in unexpected(allowed, *expected)]
                continue
            ways = [[next(answers)["result"] for _ in range(length)] for length in shape]
            is_allowed = any(all(result == "Allowed" for result in way) for way in ways)
            counts[expected] += 1
            if is_allowed != expected:
                said = "is denied, and must be allowed" if expected else "is allowed, and must be denied"
                wrong.append(f"{words} {said} ({deployed})")
        for it in wrong:
            print(it, file=sys.stderr)
        asked = f"{counts[True]} things that must be allowed, {counts[False]} that must be denied"
        print(f"{asked}; {counts[None]} roles for every action")
        if wrong:
            sys.exit(f"{len(wrong)} answers are not as they must be: see above")


def unexpected(answered: list, expected: set, needed: bool) -> list[str]:
    # IAM cannot deny anybody to ask who they are.
    allowed = set(answered) - {"sts:GetCallerIdentity"}
    more = [f"{action} is allowed on something, and must be denied" for action in sorted(allowed - expected)]
    missing = expected - allowed if needed else ()
    return more + [f"{action} is denied, and must be allowed" for action in sorted(missing)]

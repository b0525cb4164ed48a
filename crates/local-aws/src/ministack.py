# Starts MiniStack with two changes:
# - Each function resolves the names that its VPC sees. MiniStack runs functions with its own environment, and knows their
#   VPCs. The relay says which file has the names.
# - The relay may put events of AWS's own sources, which MiniStack refuses from everybody, as AWS does.
import json
import os
import sys
import urllib.parse
import urllib.request

from ministack.app import main
from ministack.services import eventbridge, lambda_svc

environment_of = lambda_svc._provided_worker_env
# Everything is on this machine, so a proxy of the environment must not be used.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def with_names(config, code_dir, port):
    environment = environment_of(config, code_dir, port)
    vpc_id = (config.get("VpcConfig") or {}).get("VpcId")
    viewer = urllib.parse.urlencode({"vpcId": vpc_id} if vpc_id else {})
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_local-aws/names/file?{viewer}"
    with opener.open(url, timeout=30) as answer:
        environment["NSS_WRAPPER_HOSTS"] = json.load(answer)["file"]
    environment["LD_PRELOAD"] = os.environ["LOCAL_AWS_NSS_WRAPPER"]
    # A name that no file has goes to the machine's own resolver, which may be out of reach.
    environment["RES_OPTIONS"] = "timeout:1 attempts:1"
    return environment


put_events = eventbridge._put_events


def with_events_of_aws(data, **given):
    if data.pop("LocalAwsToken", None) == os.environ["LOCAL_AWS_TOKEN"]:
        given["allow_aws_source"] = True
    return put_events(data, **given)


if "LOCAL_AWS_NSS_WRAPPER" in os.environ:
    lambda_svc._provided_worker_env = with_names
eventbridge._put_events = with_events_of_aws
sys.exit(main())

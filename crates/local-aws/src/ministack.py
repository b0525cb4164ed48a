# Starts MiniStack so that each function resolves the names that its VPC sees: MiniStack runs functions with its own
# environment, and knows their VPCs. The relay says which file has the names.
import json
import os
import sys
import urllib.parse
import urllib.request

from ministack.app import main
from ministack.services import lambda_svc

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


lambda_svc._provided_worker_env = with_names
sys.exit(main())

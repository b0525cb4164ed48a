//! Two Regions of one account know nothing of each other: parameters, exports of stacks, functions.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Account, shared, text, until};

const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];
/// A zip with `index.py`, whose handler answers AWS_REGION.
const TELLS_ITS_REGION: &str = "UEsDBBQAAAAAAAAAIQAxIuYdSwAAAEsAAAAIAAAAaW5kZXgucHlpbXBvcnQgb3MKZGVmIGhhbmRsZXIoZXZlbnQsIGNv\
bnRleHQpOgogICAgcmV0dXJuIG9zLmVudmlyb25bJ0FXU19SRUdJT04nXQpQSwECFAMUAAAAAAAAACEAMSLmHUsAAABLAAAACAAAAAAAAAAAAAAAgAEA\
AAAAaW5kZXgucHlQSwUGAAAAAAEAAQA2AAAAcQAAAAAA";

fn sides(account_id: &str) -> [Account<'_>; 2] {
    REGIONS.map(|region| shared().account(account_id).in_region(region))
}

// Rule of AWS: a parameter that is put without Overwrite is put once, in its Region.
#[tokio::test]
async fn a_parameter_is_made_once_in_each_region() {
    for account in sides("940000000001") {
        let put = async || {
            let body = json!({ "Name": "/epochs/1", "Value": "1", "Type": "String" });
            account.json("ssm", "AmazonSSM.PutParameter", body).await
        };
        assert_eq!(put().await["Version"], 1);
        let again = put().await;
        assert!(again["__type"].as_str().unwrap().ends_with("ParameterAlreadyExists"), "{again}");
    }
}

// Rule of AWS: an export has one value in each Region.
#[tokio::test]
async fn a_name_is_exported_with_another_value_in_each_region() {
    let sides = sides("940000000002");
    for account in sides {
        let output = json!({ "Value": { "Ref": "AWS::Region" }, "Export": { "Name": "billing-identifier" } });
        let template =
            json!({ "Resources": { "Topic": { "Type": "AWS::SNS::Topic" } }, "Outputs": { "It": output } });
        let create = [("StackName", "billing"), ("TemplateBody", &*template.to_string())];
        account.query("cloudformation", "CreateStack", &create).await.unwrap();
    }
    for (account, region) in sides.iter().zip(REGIONS) {
        let exports = until(async || {
            let exports = account.query("cloudformation", "ListExports", &[]).await.unwrap();
            exports.contains("billing-identifier").then_some(exports)
        });
        assert_eq!(text(&exports.await, "Value").as_deref(), Some(region));
    }
}

// Rule of AWS: Invoke calls the function of the Region that the request is signed for.
#[tokio::test]
async fn a_function_is_called_in_the_region_that_the_request_is_signed_for() {
    let sides = sides("940000000003");
    let trust = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
    let role = [("RoleName", "anyone"), ("AssumeRolePolicyDocument", &*trust)];
    sides[0].query("iam", "CreateRole", &role).await.unwrap();
    let function = json!({
        "FunctionName": "end-sessions", "Runtime": "python3.12", "Handler": "index.handler",
        "Role": "arn:aws:iam::940000000003:role/anyone", "Code": { "ZipFile": TELLS_ITS_REGION },
    });
    let invoke = async |account: Account<'_>| {
        let path = "/2015-03-31/functions/end-sessions/invocations";
        let answer = account.request("lambda", reqwest::Method::POST, path).body("{}").send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    for (n, account) in sides.into_iter().enumerate() {
        assert_eq!(invoke(account).await.0, 404, "it is not there yet");
        let create =
            account.request("lambda", reqwest::Method::POST, "/2015-03-31/functions").json(&function);
        let created = create.send().await.unwrap();
        assert_eq!(created.status().as_u16(), 201, "{}", created.text().await.unwrap());
        for (account, region) in sides.into_iter().zip(REGIONS).take(n + 1) {
            assert_eq!(until(async || Some(invoke(account).await).filter(|it| it.0 == 200)).await.1, region);
        }
    }
}

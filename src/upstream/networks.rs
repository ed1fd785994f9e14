//! Subnets and security groups of the upstream's EC2, for Larder's own needs.

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use serde::Deserialize;

use super::error_body::ErrorBody;
use super::json::ServiceError;
use super::objects::Signer;
use super::{Endpoint, Upstream, post, text};

/// The service that knows networks.
const EC2: &str = "ec2";

/// Version of EC2's API.
const VERSION: &str = "2016-11-15";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subnets {
    subnet_set: SubnetSet,
}

#[derive(Debug, Deserialize)]
struct SubnetSet {
    #[serde(default, rename = "item")]
    items: Vec<Subnet>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subnet {
    vpc_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    errors: Errors,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Errors {
    error: ErrorBody,
}

impl Upstream {
    /// The VPC that subnets are in (`DescribeSubnets`).
    pub async fn vpc_of(&self, subnets: &[String], signer: &Signer) -> Result<String, ServiceError> {
        let answer = self.ask("DescribeSubnets", "SubnetId", subnets, signer).await?;
        let parsed: Result<Subnets, _> = quick_xml::de::from_str(&answer);
        let found = parsed.ok().and_then(|found| found.subnet_set.items.into_iter().next());
        Ok(found.map(|subnet| subnet.vpc_id).unwrap_or_default())
    }

    /// Whether security groups are there (`DescribeSecurityGroups`).
    pub async fn find_security_groups(&self, groups: &[String], signer: &Signer) -> Result<(), ServiceError> {
        self.ask("DescribeSecurityGroups", "GroupId", groups, signer).await.map(drop)
    }

    async fn ask(&self, action: &str, name: &str, ids: &[String], signer: &Signer) -> Result<String, ServiceError> {
        let endpoint = self.given(EC2)?;
        let request = request(endpoint, action, (name, ids), signer);
        let response = self.send(EC2, endpoint, request).await?;
        let status = response.status();
        let body = text(EC2, endpoint, response).await?;
        if status == StatusCode::OK { Ok(body) } else { Err(refusal(status, &body)) }
    }
}

fn request(endpoint: &Endpoint, action: &str, (name, ids): (&str, &[String]), signer: &Signer) -> Request<Body> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action).append_pair("Version", VERSION);
    for (index, id) in (1..).zip(ids) {
        form.append_pair(&format!("{name}.{index}"), id);
    }
    let mut request = post(endpoint, form.finish());
    let content = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, content);
    signer.sign(EC2, request.headers_mut());

    request
}

fn refusal(status: StatusCode, body: &str) -> ServiceError {
    let parsed = quick_xml::de::from_str::<Refusal>(body).map(|refusal| refusal.errors.error);
    let ErrorBody { code, message } = parsed.unwrap_or_else(|_| status.into());
    ServiceError::Refused { code, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_ec2_are_read() {
        let body = "<DescribeSubnetsResponse><requestId>1</requestId><subnetSet><item><subnetId>subnet-1</subnetId>\
                    <vpcId>vpc-1</vpcId></item><item><vpcId>vpc-1</vpcId></item></subnetSet></DescribeSubnetsResponse>";
        let found: Subnets = quick_xml::de::from_str(body).expect("is read");
        assert_eq!(found.subnet_set.items[0].vpc_id, "vpc-1");
        let body = "<Response><Errors><Error><Code>InvalidSubnetID.NotFound</Code><Message>The subnet ID 'x' does not \
                    exist</Message></Error></Errors><RequestID>1</RequestID></Response>";
        assert_eq!(
            refusal(StatusCode::BAD_REQUEST, body).to_string(),
            "InvalidSubnetID.NotFound: The subnet ID 'x' does not exist"
        );

        assert_eq!(refusal(StatusCode::BAD_GATEWAY, "no XML").to_string(), "502: Bad Gateway");
    }
}

//! Who changed something, in a word: a `User-Agent` has up to 200 letters, of which one word tells people apart.

/// Programs that call by way of others' clients, told by a word in the middle of what they say.
const INSIDE: [(&str, &str); 5] = [
    ("Terraform/", "terraform"),
    ("OpenTofu/", "opentofu"),
    ("Pulumi/", "pulumi"),
    ("aws-sam-cli/", "sam"),
    ("aws-cdk/", "cdk"),
];

/// The caller in a word; what Larder did itself has no agent.
pub fn who(user_agent: &str) -> String {
    if let Some((_, name)) = INSIDE.iter().find(|(part, _)| user_agent.contains(part)) {
        return (*name).to_owned();
    }
    let product = user_agent.split(['/', ' ']).next().unwrap_or_default();
    match product {
        "" => "larder".to_owned(),
        "Mozilla" => "browser".to_owned(),
        name => name.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_told_in_a_word() {
        for (agent, word) in [
            ("aws-cli/2.15.30 md/awscrt#0.19.19 ua/2.0 os/linux#6.8 md/arch#x86_64 lang/python#3.11.8", "aws-cli"),
            ("Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0", "boto3"),
            ("aws-sdk-rust/1.3.3 ua/2.1 api/lambda#1.115.0", "aws-sdk-rust"),
            ("APN/1.0 HashiCorp/1.0 Terraform/1.5.7 (+https://www.terraform.io) aws-sdk-go-v2/1.2", "terraform"),
            ("Mozilla/5.0 (X11; Linux x86_64)", "browser"),
            ("larder/0.1.0", "larder"),
            ("curl", "curl"),
            ("", "larder"),
        ] {
            assert_eq!(who(agent), word, "{agent}");
        }
    }
}

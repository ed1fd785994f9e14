//! Names that lead to the server inside environments with a network of their own: AWS's, and those of this machine. What
//! the server tells the init of them, and which names are meant.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

/// Environment variable with a [`Names`] in JSON; not set: the environment's names are what its network says.
pub const VARIABLE: &str = "LARDER_NAMES";

/// The address of the environment's own loopback at which its init answers for names, and to which AWS's lead. It is not
/// 127.0.0.1, whose ports are the function's.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 100);

/// Below this domain of AWS's, only names with this label lead to the server: they are functions' URLs. Others are
/// machines of customers, such as databases.
const FUNCTION_URLS: (&str, &str) = ("on.aws", "lambda-url");

/// Where distributions keep the certificates of all authorities that they trust in one file, in the order in which they
/// are looked for; those that Go's `crypto/x509` knows.
pub const ROOTS: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What an init has to know to have names lead to the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Domains of AWS's that lead to the server, with all below them.
    pub aws: Vec<String>,
    /// Labels of names below those that do not: machines of AWS's customers.
    pub of_customers: Vec<String>,
    /// Names of this machine, with all below them, that lead to the server at its port.
    pub of_server: Vec<String>,
    /// What names begin with, as regular expressions, that are asked upstream whatever else is said here.
    pub upstream: Vec<String>,
    /// Who is asked for all others, in place of the environment's own resolvers.
    pub servers: Vec<SocketAddr>,
    /// The socket that connections to the server are passed on to.
    pub socket: PathBuf,
    /// The server's port, which is passed on beside those of HTTP and HTTPS.
    pub port: u16,
    /// File that says which resolvers the environment has without all this, as resolv.conf does.
    pub resolvers: PathBuf,
    /// Whether the init has to write itself into that file; else whoever made the environment did so.
    pub writes_itself: bool,
    /// Certificate (PEM) of the authority that vouches for the server under those names.
    pub authority: PathBuf,
    /// Certificates of all that the environment trusts, and the authority.
    pub bundle: Bundle,
}

/// File with the certificates of all authorities that an environment trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bundle {
    /// There is none: nobody knows whom this environment trusts.
    #[default]
    Absent,
    /// Is there.
    Made(PathBuf),
    /// Is made of the environment's own, or taken from elsewhere where it has none.
    Own {
        /// Where it is put.
        into: PathBuf,
        /// What takes its place, if there is such a file.
        instead: PathBuf,
    },
}

/// Where a name leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// To the server, at [`ADDRESS`].
    Servers,
    /// To the environment's own loopback: `localhost` and all below it (RFC 6761, 6.3).
    Loopbacks,
    /// Where others say.
    Others,
}

/// The domain of the loopback.
const LOOPBACK: &str = "localhost";

/// Tells names apart.
#[derive(Debug, Default)]
pub struct Rules {
    aws: Vec<String>,
    of_customers: Vec<String>,
    of_server: Vec<String>,
    upstream: Vec<Regex>,
}

impl Rules {
    /// Those of `names`. A pattern that is none was refused by the server, and matches nothing here.
    pub fn of(names: &Names) -> Self {
        Self {
            aws: names.aws.clone(),
            of_customers: names.of_customers.clone(),
            of_server: names.of_server.clone(),
            upstream: names.upstream.iter().filter_map(|text| pattern(text).ok()).collect(),
        }
    }

    /// Where a name leads, which is in small letters and without a dot at its end.
    pub fn whose(&self, name: &str) -> Whose {
        if self.upstream.iter().any(|pattern| pattern.is_match(&format!("{name}."))) {
            return Whose::Others;
        }
        if is_within(name, LOOPBACK) {
            return Whose::Loopbacks;
        }
        let is_servers = self.of_server.iter().any(|domain| is_within(name, domain)) || self.is_of_aws(name);
        if is_servers { Whose::Servers } else { Whose::Others }
    }

    fn is_of_aws(&self, name: &str) -> bool {
        let has_label = |wanted: &str| name.split('.').any(|label| label == wanted);
        self.aws.iter().any(|domain| is_within(name, domain))
            && !self.of_customers.iter().any(|label| has_label(label))
            && (!is_within(name, FUNCTION_URLS.0) || has_label(FUNCTION_URLS.1))
    }
}

/// Whether a name is `domain` or below it.
fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Reads a pattern of names, which fits from the beginning of a name, and need not reach its end: the field's `dns/server.py`
/// asks by Python's `re.match`, with a dot at the name's end.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{text})")).map_err(|error| error.to_string().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(upstream: &[&str]) -> Rules {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Rules::of(&Names {
            aws: texts(&["amazonaws.com", "api.aws", "on.aws"]),
            of_customers: texts(&["rds", "elb"]),
            of_server: texts(&["localhost.localstack.cloud"]),
            upstream: texts(upstream),
            ..Names::default()
        })
    }

    #[test]
    fn names_lead_where_the_server_says() {
        let rules = rules(&[]);
        for (name, whose) in [
            ("lambda.us-east-1.amazonaws.com", Whose::Servers),
            ("b.s3.amazonaws.com", Whose::Servers),
            ("amazonaws.com", Whose::Servers),
            ("lambda.us-east-1.api.aws", Whose::Servers),
            ("abc.lambda-url.us-east-1.on.aws", Whose::Servers),
            ("localhost.localstack.cloud", Whose::Servers),
            ("s3.localhost.localstack.cloud", Whose::Servers),
            ("localhost", Whose::Loopbacks),
            ("abc.lambda-url.us-east-1.localhost", Whose::Loopbacks),
            ("db.abc.us-east-1.rds.amazonaws.com", Whose::Others),
            ("x.us-east-1.elb.amazonaws.com", Whose::Others),
            ("abc.dsql.us-east-1.on.aws", Whose::Others),
            ("evilamazonaws.com", Whose::Others),
            ("amazonaws.com.evil.example", Whose::Others),
            ("localstack.cloud", Whose::Others),
            ("evillocalhost", Whose::Others),
            ("", Whose::Others),
        ] {
            assert_eq!(rules.whose(name), whose, "{name}");
        }
    }

    #[test]
    fn patterns_go_upstream_from_the_beginning_of_a_name() {
        let rules = rules(&["s3.*", r".*(ecr|sts)\..*\.amazonaws\.com\.$", "api"]);
        for name in ["s3.amazonaws.com", "s3-us-west-2.amazonaws.com", "sts.us-east-1.amazonaws.com", "api.x.api.aws"] {
            assert_eq!(rules.whose(name), Whose::Others, "{name}");
        }
        for name in ["b.s3.amazonaws.com", "lambda.us-east-1.amazonaws.com", "x.api.aws"] {
            assert_eq!(rules.whose(name), Whose::Servers, "{name}");
        }
        for wrong in ["(", "*.amazonaws.com", "(?<=a)b"] {
            assert!(pattern(wrong).is_err(), "{wrong}");
        }
    }
}

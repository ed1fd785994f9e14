//! Temporary credentials: what they say of the account and the identity behind them.
//!
//! Larder keeps no list of those it gave out. The access key id holds the account, as AWS's do, and the
//! session token holds the identity, so that they mean the same after any restart.

pub mod session;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::arn::Arn;
use super::names::AccountId;

/// What temporary access key ids begin with.
const PREFIX: &str = "ASIA";

/// What those of users begin with.
const USERS_PREFIX: &str = "AKIA";

/// Characters of an access key id.
const LENGTH: usize = 20;

/// RFC 4648's base 32.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Where the account begins in the ten bytes behind the prefix, in bits from the right of the first six.
///
/// Source: the layout of AWS's own ids, as several public tools read it.
const ACCOUNT_SHIFT: u32 = 7;

/// The bit before the account, which AWS's newer keys have set.
const TOP: u64 = 1 << 47;

/// An access key id for `account`, told from another by `random`.
pub fn access_key(account: &AccountId, random: [u8; 3]) -> String {
    key(PREFIX, account, random)
}

/// The same for a user.
pub fn user_access_key(account: &AccountId, random: [u8; 3]) -> String {
    key(USERS_PREFIX, account, random)
}

fn key(prefix: &str, account: &AccountId, random: [u8; 3]) -> String {
    let number: u64 = account.as_str().parse().unwrap_or_default();
    let head = TOP | (number << ACCOUNT_SHIFT) | u64::from(random[0] >> 1);
    let mut bytes = [0; 10];
    bytes[..6].copy_from_slice(&head.to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&random[1..]);
    let check = check(&bytes);
    bytes[8..].copy_from_slice(&check);
    format!("{prefix}{}", base32(&bytes))
}

/// The account of an access key id that Larder gave out. Others, which may be somebody's real ones, say
/// nothing here.
pub fn account_of(access_key: &str) -> Option<AccountId> {
    let text = access_key.strip_prefix(PREFIX).or_else(|| access_key.strip_prefix(USERS_PREFIX))?;
    if access_key.len() != LENGTH {
        return None;
    }
    let bytes = unbase32(text)?;
    if bytes[8..] != check(&bytes) {
        return None;
    }
    let mut head = [0; 8];
    head[2..].copy_from_slice(&bytes[..6]);
    let number = (u64::from_be_bytes(head) & !TOP) >> ACCOUNT_SHIFT;

    (number < 1_000_000_000_000).then(|| format!("{number:012}").into())
}

/// Whether an access key id is one that Larder gave to a user.
pub fn is_of_user(access_key: &str) -> bool {
    access_key.starts_with(USERS_PREFIX) && account_of(access_key).is_some()
}

/// Tells Larder's keys from others: their last two bytes are a digest of the rest.
fn check(bytes: &[u8; 10]) -> [u8; 2] {
    let digest = Sha256::new_with_prefix(b"larder access key").chain_update(&bytes[..8]).finalize();
    [digest[0], digest[1]]
}

/// Bytes in base 32; five of them are eight letters.
pub fn base32(bytes: &[u8]) -> String {
    let letter = |group: u64, place: u32| char::from(ALPHABET[(group >> (5 * (7 - place)) & 31) as usize]);
    let group =
        |chunk: &[u8]| chunk.iter().chain(&[0; 5]).take(5).fold(0_u64, |group, byte| group << 8 | u64::from(*byte));
    bytes.chunks(5).flat_map(|chunk| (0..8).map(move |place| letter(group(chunk), place))).collect()
}

fn unbase32(text: &str) -> Option<[u8; 10]> {
    let mut bytes = [0; 10];
    for (chunk, target) in text.as_bytes().chunks(8).zip(bytes.chunks_mut(5)) {
        let digits = chunk.iter().map(|letter| ALPHABET.iter().position(|other| other == letter));
        let group = digits.into_iter().try_fold(0_u64, |group, digit| Some(group << 5 | digit? as u64))?;
        target.copy_from_slice(&group.to_be_bytes()[3..]);
    }
    Some(bytes)
}

/// What the bytes of a session token begin with; `bGFyZGVy` in the token.
const MARK: &[u8] = b"larder";

/// Bytes of a session token, 748 characters: those that AWS gives functions are of about that length. What it says
/// takes a quarter of them.
const TOKEN: usize = 561;

/// What a token began with that an earlier Larder gave out: environments outlive their server.
const OLD_TOKEN: &str = "larder.";

/// Temporary credentials, as AWS hands them out: three texts, none of which is a part of another.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `ASIA` and sixteen letters and digits; the account is in it.
    pub access_key_id: String,
    /// Forty characters.
    pub secret_access_key: String,
    /// Who they are for, and what makes it as long as AWS's.
    pub session_token: String,
}

impl Credentials {
    /// Those that follow from `seed`, which they do not betray: the same whenever it is the same. `says` is what the token
    /// says of its session, a text without a zero. What they sign can be verified by whoever has the store's secret.
    pub fn of(account: &AccountId, says: &str, seed: &[u8; 32], store_secret: &[u8]) -> Self {
        let random = expand(seed, "access key id", 3);
        let access_key_id = access_key(account, [random[0], random[1], random[2]]);
        let session_token = session_token(says, seed);
        let secret_access_key = secret_access_key(store_secret, &access_key_id, &session_token);
        Self { access_key_id, secret_access_key, session_token }
    }
}

/// The secret of an access key that this store gave out: nobody without the store's secret can tell it, and no list of
/// them is kept. A user's key has no session token, which is empty then.
pub fn secret_access_key(store_secret: &[u8], access_key_id: &str, session_token: &str) -> String {
    let whose = Sha256::new_with_prefix("secret access key").chain_update(store_secret);
    let whose = whose.chain_update(access_key_id).chain_update("/").chain_update(session_token).finalize();
    // The outer digest keeps what is derived from being extended to another key's.
    let secret = Sha256::new_with_prefix(whose).chain_update(store_secret).finalize();
    STANDARD.encode(&secret[..30])
}

/// Leaves the secrets out.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The mark, what is said, a zero, and bytes that tell it from any other.
fn session_token(says: &str, seed: &[u8; 32]) -> String {
    let mut bytes = MARK.to_vec();
    bytes.extend(says.as_bytes());
    bytes.push(0);
    // In whole threes: then base 64 needs no padding.
    let length = TOKEN.max((bytes.len() + seed.len()).next_multiple_of(3));
    bytes.extend(expand(seed, "session token", length - bytes.len()));
    STANDARD.encode(bytes)
}

/// What a token that Larder gave out says of its session: a text without a zero.
fn said(token: &str) -> Option<String> {
    if let Some(old) = token.strip_prefix(OLD_TOKEN) {
        return String::from_utf8(URL_SAFE_NO_PAD.decode(old).ok()?).ok();
    }
    let bytes = STANDARD.decode(token).ok()?;
    let said = bytes.strip_prefix(MARK)?;
    String::from_utf8(said.split(|byte| *byte == 0).next()?.to_vec()).ok()
}

/// As many bytes of `seed` as are wanted, for one purpose.
fn expand(seed: &[u8; 32], purpose: &str, length: usize) -> Vec<u8> {
    let block = |number: usize| {
        let hash = Sha256::new_with_prefix(purpose).chain_update(number.to_be_bytes());
        hash.chain_update(seed).finalize()
    };
    (0..length.div_ceil(32)).flat_map(block).take(length).collect()
}

/// Account and plain name of a role's ARN.
pub fn role(arn: &str) -> Option<(AccountId, &str)> {
    let Arn { partition, service: "iam", region: "", account, resource } = Arn::parse(arn)? else { return None };
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (is_account && !partition.is_empty() && !name.is_empty()).then(|| (account.into(), name))
}

/// The unique id of a role that Larder was never told of: the same whenever it is asked for.
pub fn derived_role_id(account: &AccountId, name: &str) -> String {
    let digest = Sha256::digest(format!("role {account} {name}"));
    format!("AROA{}", &base32(&digest)[..17])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_says_its_account() {
        for account in ["000000000000", "123456789012", "999999999999"] {
            for random in [[0, 0, 0], [255, 1, 7]] {
                let key = access_key(&account.into(), random);
                assert_eq!((key.len(), &key[..4]), (20, "ASIA"));
                assert_eq!(account_of(&key).map(|account| account.to_string()).as_deref(), Some(account));
                let users = user_access_key(&account.into(), random);
                assert_eq!((&users[..4], account_of(&users)), ("AKIA", account_of(&key)));
            }
        }
    }

    #[test]
    fn keys_of_others_say_nothing() {
        for key in ["ASIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", "test", "ASIA", "ASIAäääääääääääääääää"]
        {
            assert_eq!(account_of(key), None, "{key}");
        }
    }

    #[test]
    fn only_a_roles_arn_names_a_role() {
        let arn = "arn:aws:iam::123456789012:role/service-role/worker";
        assert_eq!(role(arn), Some(("123456789012".into(), "worker")));
        assert_eq!(role("arn:aws:iam::1:role/x"), None);
    }

    #[test]
    fn credentials_have_the_form_of_awss_and_differ() {
        let account = AccountId::from("123456789012");
        let says = format!("123456789012/worker/AROA2QWERTZUIOPASDFGH/{}", "n".repeat(64));
        let of = |seed| Credentials::of(&account, &says, &[seed; 32], b"store");
        let given = of(1);
        let other = of(2);
        assert_eq!(given, of(1), "the same after a restart");
        let texts = |given: &Credentials| {
            [given.access_key_id.clone(), given.secret_access_key.clone(), given.session_token.clone()]
        };
        assert!(texts(&given).iter().zip(texts(&other)).all(|(one, other)| *one != other), "{given:?} {other:?}");
        for (place, text) in texts(&given).iter().enumerate() {
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte)), "{text}");
            let others = texts(&given).into_iter().enumerate().filter(|(other, _)| *other != place);
            assert!(others.into_iter().all(|(_, other)| !other.contains(text.as_str())), "{text} is a part of another");
        }
        assert_eq!(account_of(&given.access_key_id), Some(account.clone()));
        assert_eq!((given.access_key_id.len(), given.secret_access_key.len()), (20, 40));
        assert_eq!(given.session_token.len(), 748);
        assert!(!format!("{given:?}").contains(&given.secret_access_key));
    }
}

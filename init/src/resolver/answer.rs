//! What a question for a name is answered. Pure: questions are a function's, who may send anything.

use std::net::Ipv4Addr;

use larder_init::names::{ADDRESS, Rules, Whose};
use simple_dns::rdata::{A, OPT, RData};
use simple_dns::{CLASS, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE};

/// Seconds for which an answer may be kept. It never changes while an environment lives.
const TTL: u32 = 60;

/// Bytes of a datagram that are taken (RFC 9715); ours are far shorter.
const DATAGRAM: u16 = 1232;

/// Bytes of a message's head, and the bit in its third byte that tells an answer.
const HEAD: usize = 12;
const IS_ANSWER: u8 = 0x80;

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered.
    Answered {
        /// With this.
        answer: Vec<u8>,
        /// Whether that leads to the server.
        leads_to_server: bool,
    },
    /// Others are asked.
    Others,
    /// It is no question.
    Nothing,
}

/// Judges a message.
pub fn judge(message: &[u8], rules: &Rules) -> Verdict {
    if message.len() < HEAD || message[2] & IS_ANSWER != 0 {
        return Verdict::Nothing;
    }
    // What cannot be read here may be of a kind that others know.
    let Ok(query) = Packet::parse(message) else { return Verdict::Others };
    let Some((question, name)) = plain_question(&query) else { return Verdict::Others };
    let address = match rules.whose(&name) {
        Whose::Servers => ADDRESS,
        Whose::Loopbacks => Ipv4Addr::LOCALHOST,
        Whose::Others => return Verdict::Others,
    };

    let mut answer = reply(&query);
    if matches!(question.qtype, QTYPE::TYPE(TYPE::A) | QTYPE::ANY) {
        let data = RData::A(A { address: address.into() });
        answer.answers.push(ResourceRecord::new(question.qname.clone(), CLASS::IN, TTL, data));
    }
    written(&answer, address == ADDRESS)
}

/// The answer where nobody else can be asked; `None` for what is no question.
pub fn failure(message: &[u8]) -> Option<Vec<u8>> {
    let query = Packet::parse(message).ok().filter(|query| !query.has_flags(PacketFlag::RESPONSE))?;
    let mut answer = reply(&query);
    *answer.rcode_mut() = RCODE::ServerFailure;
    answer.build_bytes_vec_compressed().ok()
}

/// The one question of a query for an address or the like, and the name in small letters.
fn plain_question<'a, 'b>(query: &'b Packet<'a>) -> Option<(&'b Question<'a>, String)> {
    let [question] = &query.questions[..] else { return None };
    let is_plain = query.opcode() == OPCODE::StandardQuery
        && question.qclass == QCLASS::CLASS(CLASS::IN)
        && !question.unicast_response;
    let mut labels = Vec::new();
    for label in question.qname.as_bytes() {
        // A dot inside a label would make another name of it.
        let text = std::str::from_utf8(label).ok().filter(|text| !text.contains('.'))?;
        labels.push(text.to_ascii_lowercase());
    }

    is_plain.then(|| (question, labels.join(".")))
}

/// An answer without records.
fn reply<'a>(query: &Packet<'a>) -> Packet<'a> {
    let mut reply = Packet::new_reply(query.id());
    *reply.opcode_mut() = query.opcode();
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if query.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    reply.questions.clone_from(&query.questions);
    // Who says that it knows EDNS is told the same (RFC 6891, 6.1.1).
    if query.opt().is_some() {
        *reply.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: DATAGRAM, version: 0 });
    }

    reply
}

fn written(answer: &Packet<'_>, leads_to_server: bool) -> Verdict {
    match answer.build_bytes_vec_compressed() {
        Ok(answer) => Verdict::Answered { answer, leads_to_server },
        Err(_) => Verdict::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use larder_init::names::Names;
    use proptest::prelude::*;
    use simple_dns::Name;

    use super::*;

    fn rules() -> Rules {
        Rules::of(&Names { aws: vec!["amazonaws.com".into()], ..Names::default() })
    }

    fn question(name: &str, kind: TYPE) -> Packet<'_> {
        let mut query = Packet::new_query(0x1234);
        query.set_flags(PacketFlag::RECURSION_DESIRED);
        query.questions.push(Question::new(Name::new_unchecked(name), kind.into(), CLASS::IN.into(), false));
        query
    }

    fn asked(query: &Packet<'_>) -> Verdict {
        judge(&query.build_bytes_vec().expect("a message"), &rules())
    }

    /// Addresses of an answer, and whether it leads to the server.
    fn addresses(verdict: &Verdict) -> (Vec<Ipv4Addr>, bool) {
        let Verdict::Answered { answer, leads_to_server } = verdict else { panic!("no answer: {verdict:?}") };
        let answer = Packet::parse(answer).expect("readable");
        assert_eq!((answer.id(), answer.rcode()), (0x1234, RCODE::NoError));
        assert!(answer.has_flags(PacketFlag::RESPONSE | PacketFlag::RECURSION_DESIRED));
        assert_eq!(answer.questions.len(), 1);
        let of = |record: &ResourceRecord<'_>| match &record.rdata {
            RData::A(a) => Ipv4Addr::from(a.address),
            other => panic!("{other:?}"),
        };
        (answer.answers.iter().map(of).collect(), *leads_to_server)
    }

    #[test]
    fn names_of_aws_have_the_inits_address_and_no_other() {
        let name = "Lambda.US-East-1.amazonaws.com";
        assert_eq!(addresses(&asked(&question(name, TYPE::A))), (vec![ADDRESS], true));
        for kind in [TYPE::AAAA, TYPE::HTTPS, TYPE::TXT] {
            assert_eq!(addresses(&asked(&question(name, kind))), (vec![], true), "{kind:?}");
        }
        assert_eq!(addresses(&asked(&question("a.localhost", TYPE::A))), (vec![Ipv4Addr::LOCALHOST], false));
        assert_eq!(asked(&question("example.com", TYPE::A)), Verdict::Others);
        assert_eq!(asked(&question("amazonaws.com.example", TYPE::A)), Verdict::Others);
    }

    #[test]
    fn what_is_no_plain_question_is_for_others_or_nobody() {
        let mut two = question("a.amazonaws.com", TYPE::A);
        two.questions.push(two.questions[0].clone());
        assert_eq!(asked(&two), Verdict::Others);
        let mut update = question("a.amazonaws.com", TYPE::A);
        *update.opcode_mut() = OPCODE::Update;
        assert_eq!(asked(&update), Verdict::Others);
        assert_eq!(asked(&question("a.amazonaws.com", TYPE::A).into_reply()), Verdict::Nothing);
        assert_eq!(judge(b"short", &rules()), Verdict::Nothing);

        let mut dotted = question("x", TYPE::A);
        let label = simple_dns::Label::new_unchecked(&b"a.amazonaws"[..]);
        let com = simple_dns::Label::new_unchecked(&b"com"[..]);
        dotted.questions[0].qname = Name::new_with_labels(&[label, com]);
        assert_eq!(asked(&dotted), Verdict::Others, "a dot inside a label makes no other name");
    }

    #[test]
    fn edns_is_answered_with_edns() {
        let mut query = question("a.amazonaws.com", TYPE::A);
        *query.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: 4096, version: 0 });
        let Verdict::Answered { answer, .. } = asked(&query) else { panic!("no answer") };
        assert_eq!(Packet::parse(&answer).expect("readable").opt().map(|opt| opt.udp_packet_size), Some(DATAGRAM));
    }

    #[test]
    fn a_failure_repeats_the_question() {
        let query = question("example.com", TYPE::A).build_bytes_vec().expect("a message");
        let answer = failure(&query).expect("an answer");
        let answer = Packet::parse(&answer).expect("readable");
        assert_eq!((answer.id(), answer.rcode(), answer.questions.len()), (0x1234, RCODE::ServerFailure, 1));
        assert_eq!(failure(b"nonsense of some length"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_bad(message in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = judge(&message, &rules());
            let _ = failure(&message);
        }

        /// A well-formed query with some bytes changed, cut anywhere: what is nearly right finds more than noise does.
        #[test]
        fn nor_is_a_damaged_question(
            changes in prop::collection::vec((0_usize..80, any::<u8>()), 0..6),
            cut in 0_usize..80,
        ) {
            let mut query = question("lambda.us-east-1.amazonaws.com", TYPE::A);
            *query.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: 4096, version: 0 });
            let mut message = query.build_bytes_vec().expect("a message");
            for (place, byte) in changes {
                if let Some(there) = message.get_mut(place) {
                    *there = byte;
                }
            }
            message.truncate(message.len().saturating_sub(cut / 8));
            if let Verdict::Answered { answer, .. } = judge(&message, &rules()) {
                let answer = Packet::parse(&answer).expect("what is answered can be read");
                prop_assert_eq!(answer.id().to_be_bytes(), [message[0], message[1]]);
            }
            let _ = failure(&message);
        }

        #[test]
        fn nothing_but_our_names_is_answered(labels in prop::collection::vec("[a-z0-9-]{1,20}", 1..5)) {
            let name = labels.join(".");
            prop_assert_eq!(asked(&question(&name, TYPE::A)) == Verdict::Others, name != "localhost");
            let ours = format!("{name}.amazonaws.com");
            prop_assert_eq!(addresses(&asked(&question(&ours, TYPE::A))).0, vec![ADDRESS]);
        }
    }
}

//! One condition of a statement: an operator, a key and the values it is compared with.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html>.

use super::answer::Answer;
use super::operators::{Comparison, Operator, Set, Test, boolean};
use super::pattern::Pattern;
use super::request::Context;
use super::variables;

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is asked.
    pub operator: Operator,
    /// About which key.
    pub key: String,
    /// The policy's values.
    pub values: Vec<String>,
}

impl Condition {
    /// Whether it is met. Without `has_variables`, which came with the version 2012-10-17, `${…}` is text.
    pub fn holds(&self, context: &Context, has_variables: bool) -> Answer {
        let found = context.values(&self.key);
        let (comparison, negated) = match self.operator.test {
            Test::Null => return self.is_null(found.is_empty()),
            Test::Is(comparison) => (comparison, false),
            Test::IsNot(comparison) => (comparison, true),
        };
        // "Null data sets, such as an empty string" are like absent keys to sets.
        let is_empty = if self.operator.set.is_some() { found.iter().all(String::is_empty) } else { found.is_empty() };
        if is_empty {
            return self.without_values(negated).into();
        }

        let expected = self.expected(comparison, context, has_variables);
        let mut answers = found.iter().map(|value| {
            let like = Answer::any(expected.iter().map(|pattern| comparison.holds(value, pattern)));
            if negated { !like } else { like }
        });
        match self.operator.set {
            Some(Set::All) => Answer::all(answers),
            Some(Set::Any) => Answer::any(answers),
            // Several values without a set: AWS does not say, except that sets are to be used. Only when all values
            // answer alike is there an answer.
            None => {
                let first = answers.next().unwrap_or(Answer::Unsure);
                if answers.all(|answer| answer == first) { first } else { Answer::Unsure }
            }
        }
    }

    /// The policy's values. One with a variable that has no value is like nothing, so it is not among them.
    fn expected(&self, comparison: Comparison, context: &Context, has_variables: bool) -> Vec<Pattern> {
        let resolves = has_variables && comparison.has_variables();
        let read = |value: &String| {
            if resolves { variables::resolve(value, context) } else { Some(Pattern::new(value)) }
        };
        self.values.iter().filter_map(read).collect()
    }

    fn is_null(&self, is_absent: bool) -> Answer {
        Answer::any(self.values.iter().map(|value| boolean(value).map(|absent| absent == is_absent).into()))
    }

    /// The answer where the key is absent.
    fn without_values(&self, negated: bool) -> bool {
        self.operator.if_exists
            || match self.operator.set {
                Some(Set::All) => true,
                Some(Set::Any) => false,
                None => negated,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer::{No, Unsure, Yes};
    use super::*;

    fn holds(operator: &str, values: &[&str], context: &Context) -> Answer {
        let operator = Operator::parse(operator).expect("an operator");
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Condition { operator, key: "aws:Key".into(), values }.holds(context, true)
    }

    #[test]
    fn absent_keys_are_met_by_what_is_negated_or_may_be_absent() {
        let absent = Context::default().with("other", "a");
        for (operator, answer) in [
            ("StringEquals", No),
            ("StringLike", No),
            ("NumericLessThan", No),
            ("DateEquals", No),
            ("Bool", No),
            ("BinaryEquals", No),
            ("IpAddress", No),
            ("ArnLike", No),
            ("StringNotEquals", Yes),
            ("StringNotLike", Yes),
            ("NumericNotEquals", Yes),
            ("DateNotEquals", Yes),
            ("NotIpAddress", Yes),
            ("ArnNotLike", Yes),
            ("StringEqualsIfExists", Yes),
            ("StringNotEqualsIfExists", Yes),
            ("BoolIfExists", Yes),
            ("ForAllValues:StringEquals", Yes),
            ("ForAllValues:StringNotEquals", Yes),
            ("ForAnyValue:StringEquals", No),
            ("ForAnyValue:StringNotEquals", No),
            ("ForAnyValue:StringEqualsIfExists", Yes),
        ] {
            assert_eq!(holds(operator, &["true"], &absent), answer, "{operator}");
            let empty = Context::default().with_many("aws:key", Vec::<String>::new());
            assert_eq!(holds(operator, &["true"], &empty), answer, "{operator} of an empty set");
        }
        let blank = Context::default().with("aws:key", "");
        assert_eq!(holds("ForAllValues:StringEquals", &["a"], &blank), Yes);
        assert_eq!(holds("ForAnyValue:StringEquals", &[""], &blank), No);
        assert_eq!(holds("StringEquals", &[""], &blank), Yes);
    }

    #[test]
    fn null_asks_for_absence() {
        let (absent, present) = (Context::default(), Context::default().with("AWS:KEY", "x"));
        assert_eq!(holds("Null", &["true"], &absent), Yes);
        assert_eq!(holds("Null", &["true"], &present), No);
        assert_eq!(holds("Null", &["false"], &absent), No);
        assert_eq!(holds("Null", &["false"], &present), Yes);
        assert_eq!(holds("Null", &["maybe"], &present), Unsure);
    }

    #[test]
    fn several_values_of_a_policy_are_alternatives_and_none_of_them_where_negated() {
        let context = Context::default().with("aws:key", "b");
        assert_eq!(holds("StringEquals", &["a", "b"], &context), Yes);
        assert_eq!(holds("StringEquals", &["a", "c"], &context), No);
        assert_eq!(holds("StringNotEquals", &["a", "b"], &context), No);
        assert_eq!(holds("StringNotEquals", &["a", "c"], &context), Yes);
    }

    /// The tables of <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_multi-value-conditions.html>.
    #[test]
    fn sets_ask_for_all_or_any_values_of_a_request() {
        let allowed = ["PostDateTime", "Message", "Tags"];
        let request = |values: &[&str]| Context::default().with_many("aws:key", values.iter().copied());
        for (operator, values, answer) in [
            ("ForAllValues:StringLike", ["PostDateTime", "Message"], Yes),
            ("ForAllValues:StringLike", ["PostDateTime", "UserName"], No),
            ("ForAllValues:StringNotLike", ["ID", "UserName"], Yes),
            ("ForAllValues:StringNotLike", ["ID", "Tags"], No),
            ("ForAnyValue:StringLike", ["UserName", "Tags"], Yes),
            ("ForAnyValue:StringLike", ["UserName", "ID"], No),
            ("ForAnyValue:StringNotLike", ["UserName", "Tags"], Yes),
            ("ForAnyValue:StringNotLike", ["Message", "Tags"], No),
            ("StringLike", ["Message", "Tags"], Yes),
            ("StringLike", ["Message", "ID"], Unsure),
        ] {
            assert_eq!(holds(operator, &allowed, &request(&values)), answer, "{operator} {values:?}");
        }
    }

    #[test]
    fn variables_without_a_value_are_like_nothing() {
        let context = Context::default().with("aws:key", "Zoe").with("aws:username", "Zoe");
        assert_eq!(holds("StringEquals", &["${aws:username}"], &context), Yes);
        assert_eq!(holds("StringEquals", &["${aws:userid}"], &context), No);
        assert_eq!(holds("StringNotEquals", &["${aws:userid}"], &context), Yes);
        assert_eq!(holds("StringEquals", &["${aws:userid}", "Zoe"], &context), Yes);
        assert_eq!(holds("StringEquals", &["${aws:userid, 'Zoe'}"], &context), Yes);

        let literal = Context::default().with("aws:key", "${aws:username}");
        let operator = Operator::parse("StringEquals").expect("an operator");
        let condition = Condition { operator, key: "aws:key".into(), values: vec!["${aws:username}".into()] };
        assert_eq!(condition.holds(&literal, false), Yes);
        assert_eq!(condition.holds(&literal, true), No);
    }
}

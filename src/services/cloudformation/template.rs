//! What a template makes: JSON, or YAML with `CloudFormation`'s short tags, which say nothing here.

use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};

/// How deep a template may be nested; `CloudFormation`'s own are far from it.
const MAX_DEPTH: usize = 100;

/// The types of a template's resources, and its transforms.
///
/// # Errors
/// It is neither JSON nor YAML; with the reason.
pub fn types(template: &str) -> Result<Vec<String>, String> {
    // JSON is YAML too, but for tabs and for keys of any length.
    let read = serde_json::from_str(template).or_else(|_| yaml(template))?;
    let mut found = Vec::new();
    match &read["Transform"] {
        Value::Array(transforms) => found.extend(transforms.iter().filter_map(name_of_transform)),
        transform => found.extend(name_of_transform(transform)),
    }

    if let Value::Object(resources) = &read["Resources"] {
        of_resources(resources, &mut found);
    }
    Ok(found)
}

/// A transform is a name, or has one.
fn name_of_transform(transform: &Value) -> Option<String> {
    transform.as_str().or_else(|| transform["Name"].as_str()).map(str::to_owned)
}

fn of_resources(resources: &Map<String, Value>, found: &mut Vec<String>) {
    for (name, resource) in resources {
        match resource {
            // A loop: what it repeats stands last.
            Value::Array(repeated) if name.starts_with("Fn::ForEach") => {
                if let Some(Value::Object(resources)) = repeated.last() {
                    of_resources(resources, found);
                }
            }
            resource => found.extend(resource["Type"].as_str().map(str::to_owned)),
        }
    }
}

/// A mapping or a list that is being read; a mapping with the key whose value comes.
enum Open {
    Map(Map<String, Value>, Option<String>),
    List(Vec<Value>),
}

impl Open {
    fn take(&mut self, value: Value) {
        match self {
            Self::List(items) => items.push(value),
            Self::Map(members, key) => match key.take() {
                Some(key) => drop(members.insert(key, value)),
                // A key that is no text names nothing that is looked for.
                None => *key = Some(value.as_str().unwrap_or_default().to_owned()),
            },
        }
    }

    fn closed(self) -> Value {
        match self {
            Self::Map(members, _) => members.into(),
            Self::List(items) => items.into(),
        }
    }
}

/// The first document of a YAML text, all its scalars as text. Without recursion: the text is a stranger's.
fn yaml(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        let value = match event {
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                None
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => open.pop().map(Open::closed),
            Event::Scalar(text, ..) => Some(Value::String(text.into_owned())),
            // CloudFormation takes no aliases.
            Event::Alias(_) => Some(Value::Null),
            _ => None,
        };
        if open.len() > MAX_DEPTH {
            return Err(format!("it is nested deeper than {MAX_DEPTH}"));
        }
        match (value, open.last_mut()) {
            (Some(value), Some(parent)) => parent.take(value),
            (Some(value), None) => return Ok(value),
            (None, _) => {}
        }
    }

    Err("it is empty".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_with_short_tags_is_read() {
        let template = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
# Type: AWS::Lambda::Alias
Description: "Type: AWS::Lambda::Version"
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${AWS::StackName}-q"
      Tags: [{Key: Type, Value: AWS::IAM::Group}]
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties: { EventSelectors: [{ DataResources: [{ Type: "AWS::Lambda::Function" }] }] }
  Function: {Type: "AWS::Lambda::Function", Properties: {Role: !GetAtt Role.Arn, Code: {ZipFile: 'Type: no'}}}
  Fn::ForEach::Roles:
    - Name
    - [a, b]
    - "Role${Name}":
        Type: AWS::IAM::Role
"#;
        let found = [
            "AWS::Serverless-2016-10-31",
            "AWS::SQS::Queue",
            "AWS::CloudTrail::Trail",
            "AWS::Lambda::Function",
            "AWS::IAM::Role",
        ];
        assert_eq!(types(template), Ok(found.map(str::to_owned).to_vec()));
    }

    #[test]
    fn json_is_read_also_with_tabs() {
        let template = "{\t\"Transform\": [\"x\", {\"Name\": \"AWS::Include\"}],\n\t\"Resources\": {\"F\": {\"Type\": \"AWS::IAM::User\"}}}";
        assert_eq!(types(template), Ok(["x", "AWS::Include", "AWS::IAM::User"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_is_no_template_is_told() {
        assert!(types("").is_err());
        assert!(types("a: [").is_err());
        let deep: String = (0..150).map(|depth| " ".repeat(depth) + "a:\n").collect();
        assert!(types(&deep).is_err_and(|reason| reason.contains("nested")));
        assert!(types(&"[".repeat(100_000)).is_err());
        assert!(types(&"{a: ".repeat(100_000)).is_err());
        assert_eq!(types("just text"), Ok(Vec::new()));
    }
}

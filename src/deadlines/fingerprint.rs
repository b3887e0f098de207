//! The name of everything that rights are derived by: the rules, the code table, the operator's
//! table of general practices, and the program's way of deriving. Rights that were derived under another name must be derived anew
//! (deadline-rules, section 1).

use uuid::Uuid;

use super::group_table::GroupTable;
use super::practice_table::PracticeTable;
use super::rules::Rules;

/// The number of the program's way of deriving Tasks from facts. Raise it with every change of code
/// that gives a Task another content: servers then derive everyone's rights anew when they start. A
/// test holds it against a golden set of Tasks.
pub const DERIVATION: u32 = 5;

/// Returns a name for these rules, these tables and [`DERIVATION`]. It is made from what they
/// say, written down for this purpose, and so stays the same across builds, versions of the program
/// and changes of its types.
pub fn fingerprint(rules: &Rules, table: &GroupTable, practices: &PracticeTable) -> Uuid {
    let mut written = format!("derivation {DERIVATION}\n");
    for rule in rules.iter() {
        written.push_str(&rule.written());
        written.push('\n');
    }
    written.push_str(&table.written());
    written.push_str(&practices.written());
    Uuid::new_v5(&Uuid::NAMESPACE_URL, written.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_changes_with_every_rule_and_every_code() {
        let (rules, table) = (Rules::shipped(), GroupTable::shipped());
        let none = PracticeTable::default();
        let shipped = fingerprint(rules, table, &none);
        assert_ne!(fingerprint(&Rules::default(), table, &none), shipped);
        let practices = "sor,ydernummer,name,region,from,to\n99000010016005,,,,,\n";
        let practices = PracticeTable::parse(practices.as_bytes()).unwrap();
        assert_ne!(fingerprint(rules, table, &practices), shipped);
        let of_one_code = |code: &str| {
            let table = format!(
                r#"{{
                    "terminologies": [
                        {{ "name": "X", "reading": "whole", "systems": ["urn:x"], "column": "x" }}
                    ],
                    "groups": [{{ "group": "copd", "x": ["{code}"] }}]
                }}"#
            );
            fingerprint(rules, &GroupTable::parse(&table).unwrap(), &none)
        };
        assert_ne!(of_one_code("1"), shipped);
        assert_ne!(of_one_code("1"), of_one_code("2"));
        assert_eq!(of_one_code("1"), of_one_code("1"));
    }
}

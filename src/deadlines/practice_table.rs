//! The operator's table of general practices (deadline-rules, section 3): which units of SOR are
//! one, and on which days. It is data that an operator keeps, since many senders give the SOR
//! number alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::civil::Date;

/// The columns of the table.
const COLUMNS: [&str; 6] = ["sor", "ydernummer", "name", "region", "from", "to"];

/// The most findings that are told of one table.
const TOLD_MAX: usize = 20;

/// The operator's table of general practices.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PracticeTable {
    /// The days on which the unit with a SOR number is a general practice, each in order.
    days: BTreeMap<String, BTreeSet<PracticeDays>>,
}

/// The days on which a unit is a general practice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PracticeDays {
    /// The first day; none if it always was.
    from: Option<Date>,
    /// The last day; none if it still is.
    to: Option<Date>,
}

impl PracticeDays {
    /// Tells whether a day is one of them.
    pub(super) fn contain(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    fn meet(&self, other: &PracticeDays) -> bool {
        let begins_in_time = |one: &PracticeDays, other: &PracticeDays| {
            one.from
                .zip(other.to)
                .is_none_or(|(from, until)| from <= until)
        };
        begins_in_time(self, other) && begins_in_time(other, self)
    }
}

impl PracticeTable {
    /// Reads a table: comma-separated values (or separated by semicolons, if its first line is),
    /// the columns sor, ydernummer, name, region, from and to, in any order. `from` and `to` are
    /// the first and the last day on which the unit is a general practice; empty, it always was,
    /// or still is.
    ///
    /// # Errors
    /// What is wrong, a sentence for each, with its line.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<String>> {
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let head = text.split(|byte| *byte == b'\n').next().unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(if head.contains(&b';') { b';' } else { b',' })
            .trim(csv::Trim::All)
            .from_reader(text);
        let columns = Columns::read(reader.headers().map_err(|error| vec![told(&error)])?)
            .map_err(|what| vec![what])?;
        let mut units: BTreeMap<String, Vec<(u64, PracticeDays)>> = BTreeMap::new();
        let mut wrong = Vec::new();
        for record in reader.records() {
            let read = record.map_err(|error| told(&error)).and_then(|record| {
                let line = record.position().map_or(0, csv::Position::line);
                let at = |what| format!("line {line}: {what}");
                let (sor, days) = columns.row(&record).map_err(at)?;
                let unit = units.entry(sor).or_default();
                if let Some((before, _)) = unit.iter().find(|(_, its)| its.meet(&days)) {
                    return Err(at(format!(
                        "expected each unit once for a day, found one that line {before} has for the same days; \
                         give the days in 'from' and 'to'"
                    )));
                }
                unit.push((line, days));
                Ok(())
            });
            wrong.extend(read.err());
        }
        if !wrong.is_empty() {
            let more = wrong.len().saturating_sub(TOLD_MAX);
            wrong.truncate(TOLD_MAX);
            wrong.extend((more > 0).then(|| format!("and {more} more")));
            return Err(wrong);
        }
        let days =
            |lines: Vec<(u64, PracticeDays)>| lines.into_iter().map(|(_, days)| days).collect();
        Ok(PracticeTable {
            days: units
                .into_iter()
                .map(|(sor, lines)| (sor, days(lines)))
                .collect(),
        })
    }

    /// Returns the number of units.
    pub fn units(&self) -> usize {
        self.days.len()
    }

    /// Tells whether the unit with a SOR number is a general practice on a day.
    pub fn is_listed_on(&self, sor: &str, day: Date) -> bool {
        self.days_of(sor).any(|days| days.contain(day))
    }

    /// Returns the days on which the unit with a SOR number is a general practice.
    pub(super) fn days_of(&self, sor: &str) -> impl Iterator<Item = PracticeDays> {
        self.days.get(sor.trim()).into_iter().flatten().copied()
    }

    /// Writes down what rights depend on, a line for each unit and its days. Only a change of that
    /// changes it.
    pub(super) fn written(&self) -> String {
        let mut written = String::new();
        let day = |day: Option<Date>| day.map_or_else(|| "-".to_owned(), |day| day.to_string());
        for (sor, days) in &self.days {
            for PracticeDays { from, to } in days {
                let _ = writeln!(written, "practice {sor} {} {}", day(*from), day(*to));
            }
        }
        written
    }
}

/// The places of the columns.
struct Columns([usize; COLUMNS.len()]);

impl Columns {
    fn read(head: &csv::StringRecord) -> Result<Self, String> {
        let expected = format!("line 1: expected the columns {}", COLUMNS.join(", "));
        let mut places = [usize::MAX; COLUMNS.len()];
        for (at, name) in head.iter().enumerate() {
            let place = COLUMNS
                .iter()
                .position(|column| name.eq_ignore_ascii_case(column))
                .map(|column| &mut places[column]);
            match place {
                Some(place) if *place == usize::MAX => *place = at,
                Some(_) => return Err(format!("{expected}, found '{name}' twice")),
                None => return Err(format!("{expected}, found '{name}'")),
            }
        }
        match places.iter().position(|place| *place == usize::MAX) {
            Some(missing) => Err(format!("{expected}, found no '{}'", COLUMNS[missing])),
            None => Ok(Columns(places)),
        }
    }

    /// Reads the SOR number of a line, and the days.
    fn row(&self, record: &csv::StringRecord) -> Result<(String, PracticeDays), String> {
        let [sor, ydernummer, _, _, from, to] =
            self.0.map(|place| record.get(place).unwrap_or_default());
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if sor.len() < 11 || !is_number(sor) {
            return Err(format!(
                "sor: expected a SOR number, eleven digits or more, found '{sor}'"
            ));
        }
        if ydernummer.len() > 6 || !is_number(ydernummer) {
            return Err(format!(
                "ydernummer: expected up to six digits or nothing, found '{ydernummer}'"
            ));
        }
        let day = |name: &str, text: &str| match text {
            "" => Ok(None),
            _ => text.parse().map(Some).map_err(|_| {
                format!("{name}: expected a day such as 2027-01-31 or nothing, found '{text}'")
            }),
        };
        let (from, to): (Option<Date>, Option<Date>) = (day("from", from)?, day("to", to)?);
        if let (Some(first), Some(last)) = (from, to)
            && last < first
        {
            return Err(format!(
                "to: expected a day not before 'from', {first}, found {last}"
            ));
        }
        Ok((sor.to_owned(), PracticeDays { from, to }))
    }
}

/// Says what the reader of the format found wrong.
fn told(error: &csv::Error) -> String {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => {
            format!("line {line}: expected text in UTF-8, found bytes that are none")
        }
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("line {line}: expected {expected_len} values, found {len}")
        }
        _ => format!("line {line}: expected comma-separated values, found {error}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::civil::date;

    use super::*;

    const HEAD: &str = "sor,ydernummer,name,region,from,to\n";

    fn parse(lines: &str) -> Result<PracticeTable, Vec<String>> {
        PracticeTable::parse(format!("{HEAD}{lines}").as_bytes())
    }

    #[test]
    fn a_unit_is_a_practice_on_the_days_of_its_lines_and_on_no_other() {
        let table = parse(
            "99000010016005,990101,\"Lægehuset, Vest\",1083,2027-03-01,2027-03-31\n\
             99000010016005,990101,Lægehuset,1083,2028-01-01,\n\
             99000010046005,,Klinikken,,,2027-06-30\n\
             99000010056005,,,,,\n",
        )
        .unwrap();
        assert_eq!(table.units(), 3);
        let is_one = |sor: &str, day: Date| table.days_of(sor).any(|days| days.contain(day));
        for (sor, day, expected) in [
            ("99000010016005", date(2027, 2, 28), false),
            ("99000010016005", date(2027, 3, 1), true),
            ("99000010016005", date(2027, 3, 31), true),
            ("99000010016005", date(2027, 4, 1), false),
            ("99000010016005", date(2028, 1, 1), true),
            ("99000010016005", date(2099, 1, 1), true),
            ("99000010046005", date(1900, 1, 1), true),
            ("99000010046005", date(2027, 7, 1), false),
            ("99000010056005", date(2027, 7, 1), true),
            ("99000010066005", date(2027, 7, 1), false),
        ] {
            assert_eq!(is_one(sor, day), expected, "{sor} {day}");
        }
    }

    #[test]
    fn columns_stand_in_any_order_and_may_be_separated_as_danish_spreadsheets_do() {
        let plain = parse("99000010016005,990101,x,y,2027-03-01,\n").unwrap();
        for text in [
            "\u{feff}SOR;Ydernummer;Name;Region;From;To\r\n99000010016005;990101;x;y;2027-03-01;\r\n",
            "to,from,name,region,sor,ydernummer\n,2027-03-01,x,y, 99000010016005 ,\n",
        ] {
            assert_eq!(PracticeTable::parse(text.as_bytes()).unwrap(), plain);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_all_at_once() {
        for (lines, expected) in [
            ("123,,,,,\n", "line 2: sor: expected a SOR number"),
            (
                "99000010016005,,,,,\nx,,,,,\n",
                "line 3: sor: expected a SOR number",
            ),
            (
                "99000010016005,12a,,,,\n",
                "line 2: ydernummer: expected up to six digits",
            ),
            (
                "99000010016005,,,,2027-02-30,\n",
                "line 2: from: expected a day",
            ),
            ("99000010016005,,,,2027,\n", "line 2: from: expected a day"),
            (
                "99000010016005,,,,,31-12-2027\n",
                "line 2: to: expected a day",
            ),
            (
                "99000010016005,,,,2027-02-02,2027-02-01\n",
                "line 2: to: expected a day not before",
            ),
            ("99000010016005,,\n", "line 2: expected 6 values, found 3"),
            (
                "99000010016005,,,,,\n99000010016005,,,,2027-01-01,\n",
                "line 3: expected each unit once for a day, found one that line 2",
            ),
        ] {
            let wrong = parse(lines).unwrap_err();
            assert_eq!(wrong.len(), 1, "{lines}: {wrong:?}");
            assert!(wrong[0].starts_with(expected), "{lines}: {wrong:?}");
        }
        assert_eq!(parse("1,,,,,\n2,,,,,\n").unwrap_err().len(), 2);
        assert_eq!(
            parse(&"1,,,,,\n".repeat(30)).unwrap_err()[20],
            "and 10 more"
        );
        for (text, expected) in [
            (&b"sor,name\n"[..], "line 1: expected the columns"),
            (b"", "line 1: expected the columns"),
            (
                b"sor,ydernummer,name,region,from,to,sor\n",
                "line 1: expected the columns",
            ),
            (
                b"sor,ydernummer,name,region,from,to\n99000010016005,,L\xe6ge,,,\n",
                "line 2: expected text in UTF-8",
            ),
        ] {
            let wrong = PracticeTable::parse(text).unwrap_err();
            assert!(wrong[0].starts_with(expected), "{wrong:?}");
        }
    }

    #[test]
    fn only_units_and_days_are_written_down() {
        let written = |lines: &str| parse(lines).unwrap().written();
        let one = written("99000010016005,990101,x,y,2027-03-01,\n");
        assert_eq!(one, "practice 99000010016005 2027-03-01 -\n");
        assert_eq!(written("99000010016005,,z,,2027-03-01,\n"), one);
        assert_ne!(written("99000010016005,,z,,2027-03-02,\n"), one);
        assert_eq!(PracticeTable::default().written(), "");
    }
}

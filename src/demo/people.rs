//! The persons themselves: names from short lists, and CPR numbers that nobody has.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::chance::Chance;

/// The master data of an invented person.
pub(super) struct InventedPerson {
    pub(super) is_woman: bool,
    pub(super) given: Vec<&'static str>,
    pub(super) family: &'static str,
    pub(super) birth: Date,
    /// Ten digits: the birth day and a serial of 9000 or more.
    pub(super) cpr: String,
    pub(super) street: String,
    pub(super) town: &'static str,
}

/// The first birth day; a serial that begins with 9 belongs to those born from 1937 on.
const BIRTHS_FROM: Date = date(1939, 1, 1);
/// The number of birth days: a prime, so that steps of any other length visit all of them.
const BIRTH_DAYS: usize = 17_387;
const BIRTH_STEP: usize = 7_919;
/// Serials of one birth day and sex: 9000, 9002 … 9998 for women.
const SERIALS: usize = 500;

impl InventedPerson {
    /// Invents the person of that number. No two of the first eight million have the same CPR
    /// number.
    pub(super) fn invent(index: usize, chance: &mut Chance) -> Self {
        let is_woman = chance.percent(52);
        let day = (index * BIRTH_STEP + 4_211) % BIRTH_DAYS;
        let birth = BIRTHS_FROM + (day as i64).days();
        let serial =
            9_000 + 2 * ((index / BIRTH_DAYS + day * 131) % SERIALS) + usize::from(!is_woman);
        let names = if is_woman { WOMEN } else { MEN };
        let mut given = vec![chance.pick(names)];
        if chance.percent(35) {
            given.extend(Some(chance.pick(names)).filter(|second| *second != given[0]));
        }
        InventedPerson {
            is_woman,
            given,
            family: chance.pick(FAMILIES),
            birth,
            cpr: format!("{}{serial}", birth.strftime("%d%m%y")),
            street: format!("{} {}", chance.pick(STREETS), chance.within(1..=140)),
            town: chance.pick(super::places::TOWNS),
        }
    }
}

const WOMEN: &[&str] = &[
    "Anne", "Kirsten", "Hanne", "Mette", "Inge", "Lene", "Susanne", "Birthe", "Karen", "Lone",
    "Bente", "Gitte", "Pia", "Marianne", "Helle", "Jytte", "Else", "Tove", "Ulla", "Åse", "Grethe",
    "Dorthe", "Fatma", "Zahra", "Ewa",
];
const MEN: &[&str] = &[
    "Peter", "Jens", "Lars", "Niels", "Søren", "Hans", "Jørgen", "Ole", "Erik", "Poul", "Kurt",
    "Bent", "Svend", "Henrik", "Kaj", "Finn", "Mogens", "Flemming", "Torben", "Preben", "Aage",
    "Leif", "Ahmed", "Mehmet", "Jan",
];
const FAMILIES: &[&str] = &[
    "Nielsen",
    "Jensen",
    "Hansen",
    "Pedersen",
    "Andersen",
    "Christensen",
    "Larsen",
    "Sørensen",
    "Rasmussen",
    "Jørgensen",
    "Petersen",
    "Madsen",
    "Kristensen",
    "Olsen",
    "Thomsen",
    "Møller",
    "Poulsen",
    "Knudsen",
    "Mortensen",
    "Lund",
    "Holm",
    "Kjær",
    "Bech",
    "Yilmaz",
    "Nowak",
];
const STREETS: &[&str] = &[
    "Birkevej",
    "Lærkevej",
    "Skolegade",
    "Møllevej",
    "Søndergade",
    "Kirkestien",
    "Engvej",
    "Åvænget",
    "Kastanjealle",
    "Havnegade",
    "Nørregade",
    "Tjørnevej",
];

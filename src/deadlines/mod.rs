//! The deadline rules of the package pathways as a pure function: facts of one person, rules and a
//! day in; rights Tasks and the next day of change out (deadline-rules). Knows no store, no address
//! of a server and no clock.
//!
//! In reading order: the words, the table that gives a code its group, the rules as data, the types
//! of facts, the facts, one file for each right, what is common to all clocks, the Task and
//! Provenance that say it in FHIR, and the fingerprint of all this.

mod attribution;
mod calendar;
mod case;
mod clock;
mod derive;
mod effects;
mod explain;
mod fact_types;
mod facts;
mod fingerprint;
mod group_advice;
mod group_table;
mod known_chain;
mod offers;
mod owner;
mod plan_definition;
mod practice;
mod practice_table;
mod prevention_start;
mod provenance;
mod reasons;
mod reconcile;
mod referrals;
mod rule;
mod rule_changes;
mod rules;
mod stored;
mod task;
mod treatment_plan;
mod words;
mod working_days;

pub use clock::{Clock, Rights, Stop};
pub use derive::derive;
pub use effects::{TaskEffect, task_effect};
pub use explain::Explanations;
pub use fact_types::{FACT_TYPES, elements_read};
pub use facts::PersonFacts;
pub use fingerprint::{DERIVATION, fingerprint};
pub use group_table::GroupTable;
pub use owner::TaskOwner;
pub use practice::{is_practice, is_same_practice, practice_references};
pub use practice_table::PracticeTable;
pub use provenance::provenance;
pub use reasons::{Explanation, undone};
pub use reconcile::{TaskChange, reconcile, task_focus};
pub use rule::Rule;
pub use rule_changes::RuleChanges;
pub use rules::Rules;
pub use stored::{SourceVersion, Stored};
pub use task::{NAMESPACE, prevention_start_task_id, task, treatment_plan_task_id};
pub use words::{
    AttributeContacts, BusinessStatus, Forecast, Group, PausePolicy, Right, StartOn, StopMode,
    TaskStatus, Unit,
};

//! The budget of a check: the work that it may take, in proportion to the resource.
//!
//! Work is counted, not timed, so that a check ends at the same place on every machine.

use std::cell::Cell;

use serde_json::Value;

use super::resource_index::for_each;

/// The work that any check may take: under a second of it.
const WORK_MAX: u64 = 50_000_000;
/// The work that each value of a larger resource adds to that: several times the work of profiles
/// and rules that look at each value by itself.
const WORK_FOR_EACH_VALUE: u64 = 100;
/// The work of looking at one element; a step of a FHIRPath is 1.
const WORK_OF_AN_ELEMENT: u64 = 10;

/// The budget of one check.
pub(super) struct CheckBudget<'a> {
    resource: &'a Value,
    work: Cell<u64>,
    work_max: Cell<u64>,
}

impl<'a> CheckBudget<'a> {
    pub(super) fn of(resource: &'a Value) -> Self {
        CheckBudget {
            resource,
            work: Cell::new(0),
            work_max: Cell::new(WORK_MAX),
        }
    }

    /// Counts a look at an element.
    pub(super) fn looked_at_element(&self) {
        self.took(WORK_OF_AN_ELEMENT);
    }

    /// Counts work.
    pub(super) fn took(&self, work: u64) {
        self.work.set(self.work.get().saturating_add(work));
    }

    /// Tells whether the check has taken more work than it may.
    pub(super) fn is_exceeded(&self) -> bool {
        if self.work.get() <= self.work_max.get() {
            return false;
        }
        if self.work_max.get() == WORK_MAX {
            self.work_max
                .set(WORK_MAX + 1 + WORK_FOR_EACH_VALUE * count_values(self.resource));
        }
        self.work.get() > self.work_max.get()
    }
}

fn count_values(value: &Value) -> u64 {
    let mut count = 0;
    for_each(value, &mut |_| count += 1);
    count
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn work_grows_with_the_resource_and_no_faster() {
        let small = json!([1]);
        let budget = CheckBudget::of(&small);
        budget.took(WORK_MAX);
        assert!(!budget.is_exceeded());
        budget.took(1_000);
        assert!(budget.is_exceeded());
        let large = Value::from(vec![0; 1_000]);
        let budget = CheckBudget::of(&large);
        budget.took(WORK_MAX + 1_000 * WORK_FOR_EACH_VALUE);
        assert!(!budget.is_exceeded());
    }
}

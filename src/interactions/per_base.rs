//! Texts that are made once for each base of this server's addresses, and each day if they have days
//! in them, and then kept: they depend on nothing else that changes while the server runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;

/// The most bases for which something is kept: behind a proxy that is reached by more names than
/// these, some are made again.
const BASES_MAX: usize = 8;

/// A text that is made once for each base.
#[derive(Default)]
pub struct PerBase(Mutex<VecDeque<BaseText>>);

struct BaseText {
    base_url: String,
    day: Option<Date>,
    text: Arc<str>,
}

impl PerBase {
    /// Returns the text for that base and day, made now if it was not made before.
    pub fn text(
        &self,
        base_url: &str,
        day: Option<Date>,
        make: impl FnOnce() -> String,
    ) -> Arc<str> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |kept: &&BaseText| kept.base_url == base_url && kept.day == day;
        if let Some(found) = kept.iter().find(is_it) {
            return Arc::clone(&found.text);
        }
        let text: Arc<str> = make().into();
        kept.truncate(BASES_MAX - 1);
        kept.push_front(BaseText {
            base_url: base_url.to_owned(),
            day,
            text: Arc::clone(&text),
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_base_has_a_text_of_its_own_that_is_made_once() {
        let kept = PerBase::default();
        let mut made = Vec::new();
        let days = [None, Some(Date::MIN), Some(Date::MAX)];
        for (base, day) in ["a", "b", "a", "b", "a"]
            .into_iter()
            .flat_map(|base| days.map(|day| (base, day)))
        {
            let text = kept.text(base, day, || {
                made.push(base);
                format!("of {base} {day:?}")
            });
            assert_eq!(&*text, format!("of {base} {day:?}"));
        }
        assert_eq!(made, ["a", "a", "a", "b", "b", "b"]);
        let count = |kept: &PerBase| kept.0.lock().map_or(0, |kept| kept.len());
        for number in 0..100 {
            kept.text(&number.to_string(), None, String::new);
        }
        assert_eq!(count(&kept), BASES_MAX);
    }
}

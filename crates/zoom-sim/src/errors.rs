//! Fields of a body that are at fault, and what is said of each.

pub(crate) struct Errors(pub(crate) Vec<(String, String)>);

impl Errors {
    pub(crate) fn add(&mut self, field: &str, message: &str) {
        self.0.push((field.into(), message.into()));
    }

    pub(crate) fn unless(&mut self, good: bool, field: &str, message: &str) {
        if !good {
            self.add(field, message);
        }
    }

    pub(crate) fn longest(&mut self, text: Option<&str>, most: usize, field: &str) {
        let fits = text.is_none_or(|t| t.len() <= most || t.chars().count() <= most);
        self.unless(fits, field, &format!("The length must be at most {most} characters."));
    }
}

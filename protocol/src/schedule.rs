//! Which comes next: by class, and round robin inside a class. Used twice, for the channels of a lane and for the
//! lanes of a connection.

use std::collections::VecDeque;

/// How urgent a frame is. A lower class is sent only when no higher one has anything to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Frames that keep the rest going: OPEN, CREDIT, CANCEL.
    Control = 0,
    /// What a person waits for: keys, screens, unary calls.
    Interactive = 1,
    /// Streams and transfers.
    Bulk = 2,
}

impl Class {
    /// All classes, most urgent first.
    pub const ALL: [Class; 3] = [Class::Control, Class::Interactive, Class::Bulk];
}

/// Members that have something to send, each at most once in the queue of its class.
#[derive(Debug)]
pub struct Scheduler<Id> {
    control: VecDeque<Id>,
    interactive: VecDeque<Id>,
    bulk: VecDeque<Id>,
}

impl<Id> Default for Scheduler<Id> {
    fn default() -> Self {
        Self { control: VecDeque::new(), interactive: VecDeque::new(), bulk: VecDeque::new() }
    }
}

impl<Id: Copy> Scheduler<Id> {
    const fn queue_mut(&mut self, class: Class) -> &mut VecDeque<Id> {
        match class {
            Class::Control => &mut self.control,
            Class::Interactive => &mut self.interactive,
            Class::Bulk => &mut self.bulk,
        }
    }

    /// Puts a member last in its class. The caller sees to it that it is in no queue yet.
    pub fn push(&mut self, class: Class, id: Id) {
        self.queue_mut(class).push_back(id);
    }

    /// Takes the member whose turn it is, looking only at classes up to `lowest`.
    pub fn pop(&mut self, lowest: Class) -> Option<(Class, Id)> {
        Class::ALL
            .into_iter()
            .take_while(|class| *class <= lowest)
            .find_map(|class| self.queue_mut(class).pop_front().map(|id| (class, id)))
    }

    /// The most urgent class in which anybody waits.
    pub fn first(&self) -> Option<Class> {
        if !self.control.is_empty() {
            Some(Class::Control)
        } else if !self.interactive.is_empty() {
            Some(Class::Interactive)
        } else if !self.bulk.is_empty() {
            Some(Class::Bulk)
        } else {
            None
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.first().is_none()
    }
}

//! What the connection is doing.

/// State of a client's connection. Operations go on in every state but [`Closed`](State::Closed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The connection stands.
    Connected {
        /// Changes whenever the server starts.
        boot_id: String,
        /// How many connections there have been.
        connections: u32,
    },
    /// The connection is lost; it is being made again, and the lane will go on where it was.
    Reconnecting {
        /// Tries since it was lost; 0 while the server has not greeted on the first connection yet.
        attempt: u32,
        /// Why it was lost, or why the last try failed.
        reason: String,
    },
    /// The sandbox behind a relay sleeps, or was ended: what was open has failed with `OPERATION_INTERRUPTED`. What is opened
    /// next wakes it.
    Asleep {
        /// What the relay says about it.
        reason: String,
    },
    /// The server drains: it takes no new work and will end what runs.
    Draining,
    /// The client was closed, or gave up.
    Closed(String),
}

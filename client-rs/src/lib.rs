//! The sandwire client.

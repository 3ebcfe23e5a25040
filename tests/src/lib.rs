//! Harness of the tests: a real server, a proxy that cuts, conditions to wait for.

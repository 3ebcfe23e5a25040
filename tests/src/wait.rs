//! Waiting for a condition, in place of sleeping for a time.

use std::fmt::Debug;
use std::future::Future;
use std::panic::Location;
use std::time::{Duration, Instant};

/// Far longer than anything takes on a loaded machine: it only ends a test that would hang.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until `condition` is true.
///
/// # Panics
/// After [`DEADLINE`], naming `what` and the line that waited.
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    wait_until(what, move || if condition() { Ok(()) } else { Err("still false") })
}

/// Waits until `look` gives a value, and returns it. What `look` says instead is shown when it never does.
///
/// # Panics
/// After [`DEADLINE`], naming `what`, the last refusal and the line that waited.
#[track_caller]
pub fn wait_until<T, E: Debug>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> impl Future<Output = T> {
    wait_until_async(what, move || std::future::ready(look()))
}

/// As [`wait_until`], for a look that has to be awaited.
///
/// # Panics
/// After [`DEADLINE`], naming `what`, the last refusal and the line that waited. One look that never ends counts too.
#[track_caller]
pub fn wait_until_async<T, E: Debug, F: Future<Output = Result<T, E>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> impl Future<Output = T> {
    let (what, place, start) = (what.to_owned(), Location::caller(), Instant::now());
    async move {
        let mut last = "no look has ended".to_owned();
        while let Some(left) = DEADLINE.checked_sub(start.elapsed()) {
            match tokio::time::timeout(left, look()).await {
                Ok(Ok(value)) => return value,
                Ok(Err(refusal)) => last = format!("{refusal:?}"),
                Err(_) => break,
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("{place}: waited {:?} in vain for {what}: {last}", start.elapsed());
    }
}

/// As [`wait_until`], where there is no runtime.
///
/// # Panics
/// After [`DEADLINE`], naming `what` and the last refusal.
#[track_caller]
pub fn block_until<T, E: Debug>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(refusal) if start.elapsed() > DEADLINE => {
                panic!("waited {:?} in vain for {what}: {refusal:?}", start.elapsed())
            }
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_the_value_of_the_first_look_that_has_one() {
        let mut looks = 0;
        let value = wait_until("the third look", || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err("not yet") }
        });
        assert_eq!(value.await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn names_what_it_waited_for_and_where() {
        let waiting = tokio::spawn(wait_until_async("the end of the world", || async {
            std::future::pending::<()>().await;
            Err::<(), _>("never said")
        }));
        let panic = waiting.await.unwrap_err().into_panic();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains("the end of the world") && message.contains("wait.rs"), "{message}");
    }
}

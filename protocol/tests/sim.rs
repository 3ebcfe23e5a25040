//! Two sides with a network between them that loses connections at any byte, at one side first: what was sent arrives
//! once, in order. Rules R-RESUME-1 to R-RESUME-5, R-HELLO-2, R-ACK-1 and R-FLOW-3 are what makes it pass.
#![allow(clippy::disallowed_methods, reason = "the machines are handed a beginning of time")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod world;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use world::{Act, World};

fn act() -> impl Strategy<Value = Act> {
    let channel = 0usize..8;
    let lane = 0usize..world::LANES;
    prop_oneof![
        3 => (lane.clone(), any::<bool>(), any::<bool>()).prop_map(|(lane, side, bulk)| Act::Open { lane, side, bulk }),
        10 => (lane.clone(), any::<bool>(), channel.clone(), 0usize..70_000)
            .prop_map(|(lane, side, channel, len)| Act::Send { lane, side, channel, len }),
        2 => (lane.clone(), any::<bool>(), channel.clone(), 0usize..5000)
            .prop_map(|(lane, side, channel, len)| Act::Event { lane, side, channel, len }),
        1 => (lane.clone(), any::<bool>(), channel.clone()).prop_map(|(lane, side, channel)| Act::End { lane, side, channel }),
        8 => (lane.clone(), any::<bool>(), channel.clone(), 1usize..6)
            .prop_map(|(lane, side, channel, times)| Act::Take { lane, side, channel, times }),
        1 => (lane.clone(), channel.clone()).prop_map(|(lane, channel)| Act::Cancel { lane, channel }),
        1 => (lane, channel).prop_map(|(lane, channel)| Act::Close { lane, channel }),
        14 => (any::<bool>(), 1usize..16).prop_map(|(up, frames)| Act::Carry { up, frames }),
        2 => (1usize..6).prop_map(|frames| Act::CarryOld { frames }),
        1 => Just(Act::LoseAtClient),
        1 => Just(Act::LoseAtServer),
        3 => Just(Act::Dial),
        2 => (1u64..1500).prop_map(|ms| Act::Wait { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("SANDWIRE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1500),
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_was_sent_arrives_once_in_order_whatever_connections_are_lost(acts in prop::collection::vec(act(), 1..150)) {
        let mut world = World::new();
        for act in acts {
            world.step(act);
        }
        world.drain();
        world.check();
    }
}

/// Losses at every point of one plain life: after each number of frames, at either side first, and again while resuming.
#[test]
fn a_command_survives_a_loss_after_any_frame() {
    for side in [true, false] {
        for first in 0..14 {
            for second in 0..6 {
                let mut world = World::new();
                world.step(Act::Open { lane: 0, side: true, bulk: true });
                world.step(Act::Send { lane: 0, side: true, channel: 0, len: 3000 });
                world.step(Act::End { lane: 0, side: true, channel: 0 });
                for (lost, frames) in [(side, first), (!side, second)] {
                    for at in 0..frames {
                        world.step(Act::Carry { up: at % 2 == 0, frames: 1 });
                        world.step(Act::Send { lane: 0, side: false, channel: 0, len: 1000 });
                    }
                    world.step(if lost { Act::LoseAtClient } else { Act::LoseAtServer });
                    world.step(Act::Dial);
                    world.step(Act::CarryOld { frames: 1 });
                }
                world.drain();
                world.check();
            }
        }
    }
}

/// The world of these tests can lose and repeat: what it checks is not true of itself.
#[test]
fn the_simulation_really_loses_connections() {
    let mut world = World::new();
    for round in 0..50 {
        world.step(Act::Open { lane: 0, side: round % 2 == 0, bulk: true });
        world.step(Act::Send { lane: 0, side: true, channel: 0, len: 500 });
        world.step(Act::Carry { up: true, frames: 2 });
        world.step(Act::LoseAtClient);
        world.step(Act::Dial);
        world.step(Act::Carry { up: true, frames: 3 });
        world.step(Act::Carry { up: false, frames: 3 });
    }
    assert!(world.lost_in_flight() >= 10, "{} messages were lost", world.lost_in_flight());
    world.drain();
    world.check();
}

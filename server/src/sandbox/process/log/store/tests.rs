#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Every byte ever written, with its stream and time.
#[derive(Default)]
struct Model(Vec<(u8, Output, u64)>);

#[derive(Clone, Debug)]
enum Step {
    Write { stderr: bool, length: usize, later: u64 },
    Spill { target: usize },
    Refuse,
    Forget { bound: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (any::<bool>(), prop_oneof![1..200_usize, 1..40_000_usize], 0..3_u64)
            .prop_map(|(stderr, length, later)| Step::Write { stderr, length, later }),
        3 => (0..60_000_usize).prop_map(|target| Step::Spill { target }),
        1 => Just(Step::Refuse),
        1 => (0..60_000_usize).prop_map(|bound| Step::Forget { bound }),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn the_store_keeps_the_newest_bytes_as_they_were(steps in steps(), slots in 1..6_u64) {
        let (mut store, mut model, mut time) = (Store::default(), Model::default(), 1000_u64);
        // Slot to the segment's bytes, as a disk would have them.
        let mut disk: BTreeMap<u64, Bytes> = BTreeMap::new();
        let mut next = 0_u8;
        for step in steps {
            match step {
                Step::Write { stderr, length, later } => {
                    time += later;
                    let output = if stderr { Output::Stderr } else { Output::Stdout };
                    let bytes: Vec<u8> = (0..length).map(|_| { next = next.wrapping_add(7); next }).collect();
                    model.0.extend(bytes.iter().map(|byte| (*byte, output, time)));
                    store.push(time, output, &bytes);
                }
                Step::Spill { target } => {
                    let going = store.oldest_in_memory(target);
                    if let Some(last) = going.last().map(|segment| segment.number) {
                        store.make_room(last, slots);
                        disk.extend(going.into_iter().map(|segment| (segment.number % slots, segment.bytes)));
                        store.spilled(last);
                    }
                    prop_assert!(store.memory() <= target.max(SEGMENT));
                }
                Step::Refuse => store.forget_spooled(),
                Step::Forget { bound } => {
                    store.forget_memory(bound);
                    prop_assert!(store.memory() <= bound.max(SEGMENT));
                }
            }
            prop_assert_eq!(store.end(), model.0.len() as u64);
            prop_assert!(store.start() <= store.end());
            prop_assert!(store.open.capacity() <= SEGMENT);
            // All that is kept, segment after segment, is what was written.
            let mut offset = store.start();
            while let Some(found) = store.find(offset) {
                let bytes = match found.place {
                    Place::Memory(bytes) => bytes,
                    Place::Spool { number, length } => {
                        prop_assert!(store.keeps(number));
                        disk[&(number % slots)].slice(..length)
                    }
                };
                prop_assert!(bytes.len() <= SEGMENT);
                for (at, record) in records(found.start, &bytes) {
                    prop_assert_eq!(at, offset);
                    let from = usize::try_from(at).unwrap();
                    let expected = &model.0[from..from + record.bytes.len()];
                    let same = expected.iter().zip(record.bytes).all(|(model, byte)| *model == (*byte, record.output, record.time_ms));
                    prop_assert!(same);
                    offset += record.bytes.len() as u64;
                }
            }
            prop_assert_eq!(offset, store.end());
            // A time leads to a place at or before its first record that is kept.
            let since = store.segment_since(time);
            let kept = usize::try_from(store.start()).unwrap();
            let first = model.0.iter().enumerate().skip(kept).find(|(_, it)| it.2 >= time);
            prop_assert!(since <= first.map_or(store.end(), |(at, _)| at as u64));
        }
    }
}

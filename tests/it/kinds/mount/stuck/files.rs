//! Long work on files in a bucket whose store says nothing: it takes its places from nobody elsewhere.

use sandwire::protocol::kind::file::{Search, TreeRead as Tree, TreeWrite as TreeIn, Watch, WatchDown, Write};
use sandwire::protocol::kind::{
    BackupCreate, BackupRestore, FileSearch, FileWatch, FileWrite, TreeRead, TreeWrite, backup,
};

use super::*;

fn names(path: &str) -> Search {
    Search { path: path.into(), ..Search::default() }
}

fn content(path: &str) -> Search {
    Search { pattern: Some("x".to_owned()), ..names(path) }
}

fn tree(path: &str) -> Tree {
    Tree { path: path.into(), ..Tree::default() }
}

fn watch(path: &str) -> Watch {
    Watch { path: path.into(), ..Watch::default() }
}

fn saved(path: &str) -> backup::Create {
    backup::Create { path: path.into(), ..backup::Create::default() }
}

/// One of each, elsewhere.
async fn served_elsewhere(client: &Client) {
    let found = answered(collect(&client.open::<FileSearch>(&names("here")).unwrap())).await.result;
    assert_eq!(found.unwrap().matches, 1);
    let found = answered(collect(&client.open::<FileSearch>(&content("here")).unwrap())).await.result;
    assert_eq!(found.unwrap().matches, 1);
    assert_eq!(answered(collect(&client.open::<TreeRead>(&tree("here")).unwrap())).await.result.unwrap().entries, 1);
    let watching = client.open::<FileWatch>(&watch("here")).unwrap();
    assert_eq!(answered(event(&watching)).await, WatchDown::Ready {});
    assert!(answered(collect(&client.open::<BackupCreate>(&saved("here")).unwrap())).await.result.is_ok());
}

/// What nobody gave up.
pub(super) struct Left {
    searches: Vec<Call<FileSearch>>,
    trees: Vec<Call<TreeRead>>,
    backups: Vec<Call<BackupCreate>>,
    other: Client,
}

impl Left {
    /// It fails, once the mount is gone.
    pub(super) async fn fail(self) {
        for call in self.searches {
            assert!(answered(collect(&call)).await.result.is_err());
        }
        for call in self.trees {
            assert!(answered(collect(&call)).await.result.is_err());
        }
        for call in self.backups {
            assert!(answered(collect(&call)).await.result.is_err());
        }
        served_elsewhere(&self.other).await;
    }
}

/// Begins more than there are places for, by that client.
pub(super) async fn long_work(server: &Server, client: &Client) -> Left {
    let path = |number: usize| format!("data/deep{}", number % 10);
    let searches: Vec<_> = (0..40)
        .map(|number| {
            let search = if number % 2 == 0 { names(&path(number)) } else { content(&path(number)) };
            client.open::<FileSearch>(&search).unwrap()
        })
        .collect();
    let trees: Vec<_> = (0..40).map(|number| client.open::<TreeRead>(&tree(&path(number))).unwrap()).collect();
    let backups: Vec<_> = (0..4).map(|number| client.open::<BackupCreate>(&saved(&path(number))).unwrap()).collect();
    let restores: Vec<_> = (0..4)
        .map(|number| {
            let restore = backup::Restore { path: path(number).as_str().into(), ..backup::Restore::default() };
            client.open::<BackupRestore>(&restore).unwrap()
        })
        .collect();
    let written: Vec<_> = (0..4)
        .map(|number| {
            let write = TreeIn { path: path(number).as_str().into(), ..TreeIn::default() };
            client.open::<TreeWrite>(&write).unwrap()
        })
        .collect();
    let watches: Vec<_> = (0..44).map(|number| client.open::<FileWatch>(&watch(&path(number))).unwrap()).collect();
    let writes: Vec<_> = (0..4)
        .map(|number| {
            let path = format!("{}/new", path(number));
            client.open::<FileWrite>(&Write { path: path.as_str().into(), ..Write::default() }).unwrap()
        })
        .collect();
    for write in &writes {
        write.write(0, Bytes::from_static(b"x")).await.unwrap();
        write.end(0).unwrap();
    }
    let other = Client::connect(server.url()).await.unwrap();
    served_elsewhere(&other).await;
    // Who gives up is answered, and what it began still takes no place from others.
    let (mut searches, mut trees) = (searches.into_iter(), trees.into_iter());
    for _ in 0..20 {
        cancelled_or_full(searches.next().unwrap()).await;
        cancelled_or_full(trees.next().unwrap()).await;
    }
    for call in restores {
        cancelled_or_full(call).await;
    }
    for call in watches {
        cancelled_or_full(call).await;
    }
    for call in written {
        cancelled_or_full(call).await;
    }
    for call in writes {
        cancelled_or_full(call).await;
    }
    served_elsewhere(&other).await;
    Left { searches: searches.collect(), trees: trees.collect(), backups, other }
}

/// Cancelled, unless there was no place for it from the start.
async fn cancelled_or_full<K: Kind>(call: Call<K>) {
    call.cancel();
    let result = answered(collect(&call)).await.result;
    let codes = [Code::Cancelled, Code::LimitExceeded];
    assert!(result.as_ref().is_err_and(|error| codes.contains(&error.code)), "{result:?}");
}

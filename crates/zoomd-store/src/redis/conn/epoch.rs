//! State shared by all connections of a process: the server they belong to, and since when.
//!
//! A generation begins when a connection is found broken or its server is another than before. The
//! cause is known only from the run id that the next connection finds.
//!
//! Invariant: all connections of one generation lead to one run of one server.

use std::sync::{Mutex, PoisonError};

use redis::{ConnectionAddr, ErrorKind, RedisError};
use tokio::sync::watch;

use super::master::Master;
use crate::error::needs_another_connection;

/// The time between two renewals of all connections.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    generation: watch::Sender<u64>,
    /// The run id of the server, once one was met.
    run_id: Mutex<Option<String>>,
    /// Nodes of its cluster, if it is in one; those heard of last at the end.
    nodes: Mutex<Vec<ConnectionAddr>>,
    /// Address of the master according to the sentinels, if there are any.
    master: Mutex<Option<(String, u16)>>,
    /// Master that did not answer, as last reported.
    missed: Mutex<Option<Master>>,
}

/// Nodes that are remembered at most.
const MOST_NODES: usize = 100;

impl Epoch {
    /// The generation that is current.
    pub(super) fn now(&self) -> u64 {
        *self.generation.borrow()
    }

    pub(super) fn generations(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Ends `generation`, if it is the current one.
    pub(super) fn leave(&self, generation: u64) {
        self.generation.send_if_modified(|now| {
            let current = *now == generation;
            *now += u64::from(current);
            current
        });
    }

    /// Takes note of the server that a connection opened in `generation` found.
    /// Answers the generation that the connection belongs to: a new one if the
    /// server is another than before, none if `generation` has ended meanwhile.
    pub(super) fn met(&self, generation: u64, run_id: &str) -> Option<u64> {
        let mut known = self.run_id.lock().unwrap_or_else(PoisonError::into_inner);
        let another = known.as_ref().is_some_and(|known| known != run_id);
        let mut of = None;
        // Checked and ended in one step: another task may end it in between.
        self.generation.send_if_modified(|now| {
            if *now != generation {
                return false;
            }
            *now += u64::from(another);
            of = Some(*now);
            another
        });
        if of.is_some() {
            *known = Some(run_id.to_owned());
            *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        of
    }

    /// True once for each change of what is known of a master that does not answer.
    pub(super) fn is_news(&self, missed: &Master) -> bool {
        let mut told = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        told.replace(missed.clone()).as_ref() != Some(missed)
    }

    /// Takes note of where the master is, from now on.
    pub(super) fn found(&self, master: &(String, u16)) {
        *self.master.lock().unwrap_or_else(PoisonError::into_inner) = Some(master.clone());
    }

    /// Ends the generation if the master was found elsewhere before; true if it did.
    /// Each sentinel reports a move, and once is enough.
    pub(super) fn moved(&self, master: &(String, u16)) -> bool {
        let mut known = self.master.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|known| known == master) {
            return false;
        }
        *known = Some(master.clone());
        self.leave(self.now());
        true
    }

    /// Nodes of the cluster that were met.
    pub(super) fn nodes(&self) -> Vec<ConnectionAddr> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One node may know fewer than another: what was known is not forgotten for it.
    pub(super) fn keep_nodes(&self, nodes: impl IntoIterator<Item = ConnectionAddr>) {
        let mut known = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        for node in nodes {
            known.retain(|other| *other != node);
            known.push(node);
        }
        let over = known.len().saturating_sub(MOST_NODES);
        known.drain(..over);
    }

    /// The answer to a command of `generation`, while that lasts. An answer that
    /// says that another connection is needed ends it.
    pub(super) async fn judge<T>(
        &self,
        generation: u64,
        answer: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let answer = self.while_it_lasts(generation, answer).await;
        if answer.as_ref().is_err_and(needs_another_connection) {
            self.leave(generation);
        }
        answer
    }

    /// Gives up on `work` when `generation` ends; what it brought later does not count.
    pub(super) async fn while_it_lasts<T>(
        &self,
        generation: u64,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let mut generations = self.generations();
        tokio::select! {
            biased;
            _ = generations.wait_for(|now| *now != generation) => Err(left()),
            done = work => done,
        }
    }
}

/// Error for users of a connection of an ended generation.
pub(super) fn left() -> RedisError {
    RedisError::from((ErrorKind::Io, "all connections are being renewed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_ends_the_generation_and_the_same_one_does_not() {
        let epoch = Epoch::default();
        assert_eq!(epoch.met(0, "a"), Some(0));
        assert_eq!(epoch.met(0, "a"), Some(0));
        assert_eq!(epoch.met(0, "b"), Some(1));
        assert_eq!(epoch.met(0, "a"), None, "opened before the other was known");
        epoch.leave(0);
        assert_eq!(epoch.now(), 1, "an old connection's end says nothing of the new");
        epoch.leave(1);
        assert_eq!(epoch.met(2, "b"), Some(2), "it broke, and the server is the same");
    }

    #[test]
    fn a_master_that_moved_ends_the_generation_once_wherever_it_moves() {
        let epoch = Epoch::default();
        let [a, b] = ["a", "b"].map(|host| (host.to_owned(), 6_379));
        assert!(!epoch.moved(&b), "no connection was made yet");
        epoch.found(&a);
        assert!(!epoch.moved(&a));
        assert!(epoch.moved(&b) && !epoch.moved(&b), "the second sentinel says the same");
        assert_eq!(epoch.now(), 1);
        // It moved back, which nobody heard; then it moves as before.
        epoch.found(&a);
        assert!(epoch.moved(&b));
        assert_eq!(epoch.now(), 2);
    }

    #[test]
    fn nodes_that_one_does_not_know_are_not_forgotten() {
        let epoch = Epoch::default();
        let node = |port| ConnectionAddr::Tcp("h".to_owned(), port);
        epoch.keep_nodes([node(1), node(2)]);
        epoch.keep_nodes([]);
        epoch.keep_nodes([node(2), node(3)]);
        assert_eq!(epoch.nodes(), [node(1), node(2), node(3)]);
        epoch.keep_nodes((10..200).map(node));
        assert_eq!((epoch.nodes().len(), epoch.nodes().last()), (MOST_NODES, Some(&node(199))));
    }

    #[tokio::test]
    async fn an_answer_of_an_ended_generation_does_not_count() {
        let epoch = Epoch::default();
        let waits = epoch.judge(0, std::future::pending::<Result<(), RedisError>>());
        tokio::pin!(waits);
        assert!(futures_util::poll!(&mut waits).is_pending());
        epoch.leave(0);
        assert!(waits.await.is_err(), "what was under way is given up");
        assert!(epoch.judge(0, async { Ok(1) }).await.is_err(), "and a late answer refused");
        assert_eq!(epoch.judge(1, async { Ok(1) }).await.expect("current"), 1);
    }
}

//! Settling few results, with nothing else to say: by a script of its own.
//!
//! Between two jobs of a quiet queue the server's caches lose the long script,
//! and a transaction has four commands of its own; both would stand between an
//! outcome and who waits for it.

use redis::Value;

use super::admit::ms;
use super::settle_args::memory;
use super::{Queue, Settlement, Then};
use crate::StoreError;
use crate::scripts::SETTLE_FEW;

/// From so many results on the transaction of the lane is cheaper.
pub(super) const MANY: usize = 8;

impl Queue {
    /// Ends `items`, all of them plain results, under the settle's number; `None`,
    /// and nothing done, if they are not that plain after all.
    pub(super) async fn settle_few(
        &self,
        number: u64,
        items: &[Settlement],
    ) -> Result<Option<Value>, StoreError> {
        let keys = self.store.keys();
        let mut call = SETTLE_FEW.call();
        call = call.key(keys.prefix()).key(keys.jobs()).key(keys.results());
        call.push(self.store.clock().ms())
            .push(&*self.boot)
            .push(number)
            .push(ms(self.settings.reply_kept))
            .push(keys.reply(""));
        for item in items {
            let Then::Done(outcome) = &item.then else { continue };
            let ticket = &item.ticket;
            call.push(&*ticket.job_id)
                .push(ticket.fence.as_str())
                .push(&*ticket.account)
                .push(u8::from(ticket.in_stream))
                .push(&*ticket.entry)
                .push(outcome.kind)
                .push(&outcome.json[..])
                .push(u8::from(outcome.reply))
                .push(memory(item))
                .push(outcome.story.as_deref().unwrap_or_default());
        }
        let answer = self.ask(call).await?;
        Ok((answer != Value::Nil).then_some(answer))
    }
}

//! Everything zoomd keeps in Redis: queue, grants, budgets, job records; all Lua.

pub mod grants;
pub mod seal;

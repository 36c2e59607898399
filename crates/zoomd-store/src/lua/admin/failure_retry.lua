-- Starts a new run of a failed job. After lib/base.lua and lib/meetings.lua.
-- KEYS  1 prefix  2 jobs
-- ARGV  1 clock offset  2 failure id  3 job id  4 `ids` value of the new run
--       5 record ('' none)  6 not before ms (0: none)  7 remember s
--       8 its target, where it is not in 4 and is to be found now ('' none): part, and
--       `c<job id>` or `m<number>`
--       9 the delete of its meeting, as the caller saw it ('' none)
-- Answer  {letter, detail}: D done  N no such failure  R retried before (run)
--       A no such account  T the id is another job's now  E a key is of a wrong type
--       M its target has no meeting  G a delete was done since (its id)
-- Two retries of one failure are one: the first leaves its mark on it.
local key = P .. 'failure:' .. ARGV[2]
local failure = call('HMGET', key, 'job_id', 'retried', 'job', 'entry', 'deleted_by')
if not failure[1] then return {'N', ''} end
if failure[2] then return {'R', failure[2]} end
if (failure[5] or '') ~= ARGV[9] then return {'G', failure[5] or ''} end
local j = parse_live(ARGV[4])
j.id = ARGV[3]
local state = try('HGET', P .. 'account:' .. j.A, 'st')
if type(state) == 'table' then return {'E', ''} end
if not state or state == 'removed' then return {'A', state or ''} end

local memory = call('HGET', P .. 'ids', j.id)
if memory then
  local state, _, entry, _, finished = parse_memory(memory)
  local free = is_forgotten(state, finished, tonumber(ARGV[7])) or state == 'U' and entry == failure[4]
  if not free then return {'T', state or ''} end
end
for _, hash in ipairs({P .. 'payload:' .. j.A, P .. 'record:' .. j.A}) do
  if type(try('HLEN', hash)) == 'table' then return {'E', ''} end
end
if not has_room(j) then return {'E', ''} end
if ARGV[8] ~= '' then
  local name = aim.resolve(j.A, string.sub(ARGV[8], 2), target.moment())
  if not name then return {'M', ''} end
  j.aim = string.sub(ARGV[8], 1, 1) .. '*:' .. name
end
local part, _, name = target.of(j)
if name and not target.is_sound(name) then return {'E', ''} end

call('HSET', P .. 'payload:' .. j.A, j.id, failure[3] or '')
if ARGV[5] ~= '' then call('HSET', P .. 'record:' .. j.A, j.id, ARGV[5]) end
keep_earlier(j.id, memory or '')
call('HSET', P .. 'ids', j.id, format_live(j))
if soon(j.dl) then call('ZADD', P .. 'deadline', j.dl, j.id) end
if tonumber(ARGV[6]) > now then
  call('ZADD', P .. 'due', ARGV[6], j.id)
elseif name then
  target.enter(name, j, part, target.moment())
elseif target.place(j) then
  into_rooms({j})
end
call('HSET', key, 'retried', j.run)
-- A refused entry's failure is known by the entry; the mark also by the job.
local named = P .. 'failure:' .. j.id .. '#' .. int(tonumber(j.run) - 1)
if named ~= key then
  call('HSET', named, 'retried', j.run)
  call('PEXPIRE', named, math.max(1, call('PTTL', key)))
end
call('ZREM', P .. 'failures', ARGV[2])
target.finish()
try('PUBLISH', P .. 'wake', 'q')
return {'D', j.run}

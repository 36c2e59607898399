-- Lets one call to Zoom outside of any job begin: puts its entry among those in
-- flight on the account's access token, and charges its budget. A pause holds
-- jobs back, not people who look, so it is not asked for here.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 account  3 call id  4 call ms (begin to end of the
--       exchange at the latest)  5 label  6… table of plans for that label
-- Answer  {'go', ep, gen} | {'wait', why, until ms} | {'none'} |
--         {'state', st, why} | {'broken'}
-- The first write is one that a full Redis refuses.
local A, id, call_ms, label = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local plans = plans_at(6)

local a = load_account(A)
if a.missing then return {'none'} end
local v = not a.broken and try('HMGET', P .. 'account:' .. A, 'st', 'why', 'lku', 'int')
if not v or v.err then return {'broken'} end
if v[1] ~= 'active' then return {'state', v[1], v[2] or ''} end
local lease = tonumber(v[3] or 0) or 0
if lease > now or v[4] then return {'wait', 'rotation', int(math.max(lease, now + 1000))} end

share(a)
a.gated = call('EXISTS', P .. 'gate:' .. a.z) == 1
local b = budget(a, label, plans, call_ms)
if a.broken or type(try('ZCARD', P .. 'in_flight:' .. A)) == 'table' then return {'broken'} end
if a.left < 1 then return {'wait', 'in_flight', int(now + 5000)} end
if b.free < 1 then return {'wait', b.why, int(budget_wake(a, b))} end

grant(a, b, {})
call('ZADD', P .. 'in_flight:' .. A, int(now + call_ms), id)
charge(a, call_ms)
return {'go', a.ep, a.gen}

-- Keeps a transaction from publishing results when the settle behind them would be
-- refused: it changes the key that the transaction watches. Sent just before it.
-- KEYS  1 prefix  2 jobs  3 results  4 failures  5 events  6 the watched key
-- ARGV  1 a value that the key never had
-- Answer  1, or why the settle would be refused
local function refusal()
  -- All checks of settle.lua stand here.
end
local why = refusal()
if not why then return 1 end
if type(redis.pcall('SET', KEYS[6], ARGV[1], 'EX', 86400)) == 'table' then
  redis.pcall('SETRANGE', KEYS[6], 0, ARGV[1])
end
return why

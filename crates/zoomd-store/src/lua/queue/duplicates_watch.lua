-- Has a job looked at later for a second meeting; not more than a bound.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 job id  3 in ms  4 note  5 most jobs
-- Answer  1 noted, 0 too many wait
if call('ZCARD', P .. 'duplicates_due') >= tonumber(ARGV[5]) then return 0 end
call('ZADD', P .. 'duplicates_due', int(now + tonumber(ARGV[3])), ARGV[2])
call('HSET', P .. 'duplicates', ARGV[2], ARGV[4])
return 1

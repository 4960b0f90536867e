-- offer.lua: a visit has found no socket on its own worker; whoever has the socket may ask for it.
-- KEYS  1 koyjabo:lonely:<caller>  (zset: visitor by when they were offered, ms)
-- ARGV  1 visitor   2 how long an offer holds, ms   3 the most offers to keep; the oldest give way
-- Returns nothing. Saying it twice is saying it once.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])

-- ask.lua: take the visitor that was offered last; nobody else is given them.
-- KEYS  1 koyjabo:lonely:<caller>  (zset: visitor by when they were offered, ms)
-- ARGV  1 how long an offer holds, ms
-- Returns the visitor, or nil. A zset and not a list, because each offer ends by itself, however many come after it.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[1]))
return redis.call('ZPOPMAX', KEYS[1])[1]

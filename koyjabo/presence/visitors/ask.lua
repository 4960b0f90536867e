-- ask.lua: remove and return the most recently offered visitor, so that each offer is taken only once.
-- KEYS  1 koyjabo:lonely:<caller>  (zset: visitor, scored by the time of the offer, ms)
-- ARGV  1 how long an offer is valid, ms
-- Returns the visitor, or nil. A zset rather than a list, because each offer expires individually.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[1]))
return redis.call('ZPOPMAX', KEYS[1])[1]

-- offer.lua: store a visit that has no socket on its own worker, so that the worker with the socket can ask for it.
-- KEYS  1 koyjabo:lonely:<caller>  (zset: visitor, scored by the time of the offer, ms)
-- ARGV  1 visitor   2 how long an offer is valid, ms   3 the maximum number of offers; the oldest are dropped
-- Returns nothing. Idempotent.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])

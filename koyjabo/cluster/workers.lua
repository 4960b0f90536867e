-- workers.lua: say what a worker is, and hear of all there are.
-- KEYS  1 koyjabo:workers (hash: worker → what it says of itself)
--       2 koyjabo:workers:leases (zset: worker by when it has to say so again, ms)
-- ARGV  1 worker   2 what it says   3 how long that holds, ms
-- Returns what each of those says whose time has not run out.

local workers, leases = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('HSET', workers, ARGV[1], ARGV[2])
redis.call('ZADD', leases, string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', string.format('%.0f', now))) do
    redis.call('HDEL', workers, gone)
    redis.call('ZREM', leases, gone)
end
return redis.call('HVALS', workers)

-- workers.lua: store a worker's report, renew its lease, and return the reports of all live workers.
-- KEYS  1 koyjabo:{worker_reports} (hash: worker → report)
--       2 koyjabo:{worker_reports}:leases (zset: worker, scored by the end of its lease, ms)
-- ARGV  1 worker   2 report   3 length of the lease, ms
-- Returns the reports of all workers whose lease has not expired.

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

-- hold.lua: renew or end the leases of a worker's people, end expired leases, and return how many people are online.
-- Called without people, it only ends expired leases and reads. The cost depends on the people given and the leases
-- expired, not on the number of people online.
--
-- KEYS  1 …:leases (zset: worker:person, scored by the end of the lease, ms)
--       2 …:people (zset: person, scored by arrival time, ms)
--       3 …:lines (hash: worker:person → open connections)              4 …:workers (hash: person → leases)
--       5 …:tabs (hash: person → open connections across all workers)
--       6 …:state (hash: version; born: when this data set was created, ms; worker → number of its leases)
-- ARGV  1 the worker     2 the highest version that the caller has seen; an older data set continues from it
--       3 length of a lease, ms          4 expiry of the keys after the last change, ms
--       5 the maximum number of leases to end
--       then for each person: name, open connections (-1: end the worker's lease), arrival time, ms
-- Returns {version, born (0 if there is no data), people online, leases of this worker, 1 if more leases may have
--          expired, {for each person given: 1 if another worker also has a lease for them}}
--
-- All times come from Redis's clock, because the workers' clocks may differ. This script decides who has arrived (first
-- lease) and who has left (last lease).

local leases, people, lines, workers, tabs, state = unpack(KEYS)
local worker, seen_version = ARGV[1], tonumber(ARGV[2])
local lease_ms, expiry_ms, max_expired = ARGV[3], ARGV[4], tonumber(ARGV[5])
local FIRST = 6
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changed = false

local function as_integer(number) return string.format('%.0f', number) end

local function take_lease(person, connections, since)
  local lease = worker .. ':' .. person
  local before = redis.call('HGET', lines, lease)
  redis.call('ZADD', leases, as_integer(now + lease_ms), lease)
  if not before then
    redis.call('HINCRBY', state, worker, 1)
    if redis.call('HINCRBY', workers, person, 1) == 1 then changed = true end
  end
  if before ~= connections then
    redis.call('HSET', lines, lease, connections)
    redis.call('HINCRBY', tabs, person, connections - (before or 0))
  end
  local known = redis.call('ZSCORE', people, person)
  if not known or tonumber(since) < tonumber(known) then redis.call('ZADD', people, since, person) end
end

local function end_lease(lease)
  local colon = lease:find(':', 1, true)
  local holder, person = lease:sub(1, colon - 1), lease:sub(colon + 1)
  local before = redis.call('HGET', lines, lease)
  redis.call('ZREM', leases, lease)
  if not before then return end
  redis.call('HDEL', lines, lease)
  if redis.call('HINCRBY', state, holder, -1) <= 0 then redis.call('HDEL', state, holder) end
  redis.call('HINCRBY', tabs, person, 0 - before)  -- `0 -`, because `-before` gives "-0"
  if redis.call('HINCRBY', workers, person, -1) > 0 then return end
  redis.call('HDEL', workers, person)
  redis.call('HDEL', tabs, person)
  redis.call('ZREM', people, person)
  changed = true
end

for i = FIRST, #ARGV, 3 do
  if ARGV[i + 1] == '-1' then
    end_lease(worker .. ':' .. ARGV[i])
  else
    take_lease(ARGV[i], ARGV[i + 1], ARGV[i + 2])
  end
end

local expired = redis.call('ZRANGEBYSCORE', leases, '-inf', as_integer(now), 'LIMIT', 0, max_expired)
for _, lease in ipairs(expired) do end_lease(lease) end

local stored = redis.call('HMGET', state, 'version', 'born')
local version, born = tonumber(stored[1] or 0), stored[2]
if version < seen_version then version, changed = seen_version, true end
if changed then
  version, born = math.max(version + 1, now), born or as_integer(now)
  redis.call('HSET', state, 'version', as_integer(version), 'born', born)
end
if changed or #ARGV >= FIRST then
  for i = 1, 6 do redis.call('PEXPIRE', KEYS[i], expiry_ms) end
end

local elsewhere = {}
for i = FIRST, #ARGV, 3 do
  local lease_count = tonumber(redis.call('HGET', workers, ARGV[i]) or 0)
  elsewhere[#elsewhere + 1] = lease_count > (ARGV[i + 1] == '-1' and 0 or 1) and 1 or 0
end
return {
  version, tonumber(born or 0), redis.call('ZCARD', people), tonumber(redis.call('HGET', state, worker) or 0),
  #expired == max_expired and 1 or 0, elsewhere
}

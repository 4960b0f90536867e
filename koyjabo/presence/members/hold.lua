-- hold.lua: a worker says whom it holds a place for, the leases of dead workers go, and it is told how many are here.
-- Without people it is the read. It costs what it is given and what it sweeps, however many are here.
--
-- KEYS  1 …:leases (zset: worker:person by the end of the lease, ms)    2 …:people (zset: person by since when, ms)
--       3 …:lines (hash: worker:person → lines that are up)             4 …:workers (hash: person → leases)
--       5 …:tabs (hash: person → lines that are up, over all workers)
--       6 …:state (hash: version; born: when these data began, ms; worker → its leases)
-- ARGV  1 the worker     2 the greatest version the caller has seen: should these data be older, they go on from there
--       3 how long a lease holds, ms     4 how long to keep all this after the last change, ms
--       5 the most leases to sweep
--       then for each person: name, lines that are up (-1: the worker holds no place for them any more), since when, ms
-- Returns {version, born (0 when there are no data), people here, leases of this worker, 1 when there are more to
--          sweep, {for each person given: 1 if another worker holds a place for them, too}}
--
-- The time is Redis's own, so that the clocks of the workers need not agree. First and last hold are decided here.

local leases, people, lines, workers, tabs, state = unpack(KEYS)
local worker, seen = ARGV[1], tonumber(ARGV[2])
local lease_ms, keep_ms, most = ARGV[3], ARGV[4], tonumber(ARGV[5])
local FIRST = 6
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changed = false

local function whole(number) return string.format('%.0f', number) end

local function hold(person, up, since)
  local lease = worker .. ':' .. person
  local before = redis.call('HGET', lines, lease)
  redis.call('ZADD', leases, whole(now + lease_ms), lease)
  if not before then
    redis.call('HINCRBY', state, worker, 1)
    if redis.call('HINCRBY', workers, person, 1) == 1 then changed = true end
  end
  if before ~= up then
    redis.call('HSET', lines, lease, up)
    redis.call('HINCRBY', tabs, person, up - (before or 0))
  end
  local known = redis.call('ZSCORE', people, person)
  if not known or tonumber(since) < tonumber(known) then redis.call('ZADD', people, since, person) end
end

local function let_go(lease)
  local colon = lease:find(':', 1, true)
  local holder, person = lease:sub(1, colon - 1), lease:sub(colon + 1)
  local before = redis.call('HGET', lines, lease)
  redis.call('ZREM', leases, lease)
  if not before then return end
  redis.call('HDEL', lines, lease)
  if redis.call('HINCRBY', state, holder, -1) <= 0 then redis.call('HDEL', state, holder) end
  redis.call('HINCRBY', tabs, person, 0 - before)  -- and not "-0"
  if redis.call('HINCRBY', workers, person, -1) > 0 then return end
  redis.call('HDEL', workers, person)
  redis.call('HDEL', tabs, person)
  redis.call('ZREM', people, person)
  changed = true
end

for i = FIRST, #ARGV, 3 do
  if ARGV[i + 1] == '-1' then
    let_go(worker .. ':' .. ARGV[i])
  else
    hold(ARGV[i], ARGV[i + 1], ARGV[i + 2])
  end
end

local gone = redis.call('ZRANGEBYSCORE', leases, '-inf', whole(now), 'LIMIT', 0, most)
for _, lease in ipairs(gone) do let_go(lease) end

local kept = redis.call('HMGET', state, 'version', 'born')
local version, born = tonumber(kept[1] or 0), kept[2]
if version < seen then version, changed = seen, true end
if changed then
  version, born = math.max(version + 1, now), born or whole(now)
  redis.call('HSET', state, 'version', whole(version), 'born', born)
end
if changed or #ARGV >= FIRST then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, keep_ms) end
end

local elsewhere = {}
for i = FIRST, #ARGV, 3 do
  local held_by = tonumber(redis.call('HGET', workers, ARGV[i]) or 0)
  elsewhere[#elsewhere + 1] = held_by > (ARGV[i + 1] == '-1' and 0 or 1) and 1 or 0
end
return {
  version, tonumber(born or 0), redis.call('ZCARD', people), tonumber(redis.call('HGET', state, worker) or 0),
  #gone == most and 1 or 0, elsewhere
}

-- high_water.lua: raise the high-water marks of scopes to the figures that a worker has acknowledged.
-- KEYS  1 koyjabo:{database}:high_water (hash: scope → "epoch total revision")
-- ARGV  for each scope: scope, epoch, total, revision
-- Returns the site's mark, or nil.

local function parse(stored)
    local epoch, total, revision = string.match(stored, '(%d+) (%d+) (%d+)')
    return {epoch, total, revision}
end

local function greater(one, other)
    if tonumber(one) > tonumber(other) then return one end
    return other
end

for first = 1, #ARGV, 4 do
    local scope, mark = ARGV[first], {ARGV[first + 1], ARGV[first + 2], ARGV[first + 3]}
    local stored = redis.call('HGET', KEYS[1], scope)
    if stored then
        local old = parse(stored)
        if tonumber(old[1]) > tonumber(mark[1]) then
            mark = old
        elseif tonumber(old[1]) == tonumber(mark[1]) then
            mark = {mark[1], greater(old[2], mark[2]), greater(old[3], mark[3])}
        end
    end
    redis.call('HSET', KEYS[1], scope, table.concat(mark, ' '))
end
return redis.call('HGET', KEYS[1], 'site')

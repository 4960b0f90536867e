-- GET requests of one path. Argument, if any: the ETag to send as If-None-Match.
dofile("summary.lua")

function init(arguments)
  if arguments[1] then
    wrk.headers["If-None-Match"] = arguments[1]
  end
end

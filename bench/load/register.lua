-- POST /api/visitor/register as a page sends it, like httpload.c. Argument: eight hexadecimal digits, unlike other runs.
-- The same 20,000 visitors in every run, from another beginning; every request is a new visit with a name of its own.
dofile("summary.lua")

local VISITORS = 20000
local STRIDE = 7919 -- prime, so that all visitors have their turn before one comes back
local PAGES = { "/", "/history", "/routes/dhaka-metro", "/routes/gulshan-chaka", "/fares", "/about" }
local HEADERS = { ["Content-Type"] = "application/json", ["Origin"] = "https://koyjabo.com" }
local BODY = '{"visitorId":"visitor_%d_a1b2c3d4e","timestamp":%d,'
  .. '"userAgent":"Mozilla/5.0 (Linux; Android 14; SM-A556E) AppleWebKit/537.36 (KHTML, like Gecko) '
  .. 'Chrome/131.0.0.0 Mobile Safari/537.36",'
  .. '"referrer":"https://www.google.com/","visitId":"%s-%d","page":"%s"}'

local run, first, sent = "", 0, 0

function init(arguments)
  run = arguments[1]
  first = tonumber(run, 16) % VISITORS
end

function request()
  sent = sent + 1
  local visitor = (first + sent * STRIDE) % VISITORS
  local body = BODY:format(1702757318000 + visitor, 1765860518412 + sent, run, sent, PAGES[sent % #PAGES + 1])
  return wrk.format("POST", "/api/visitor/register", HEADERS, body)
end

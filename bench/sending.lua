-- wrk's requests: events of which each has a message id of its own, and one of 100,000 customers.
-- Arguments: write key, number of the run, events a request.
local count = 0
local ids = '{"messageId":"wrk-%d-%d","userId":"u%08d","anonymousId":"5eed0000-0000-4000-8000-%012d",'
local event = '"type":"track","event":"Product Viewed","timestamp":"%s","properties":{"product_id":"sku-%05d",'
  .. '"category":"garden","price":12.5,"currency":"GBP","quantity":1,"list":"recommended"},"context":{"library":'
  .. '{"name":"analytics.js","version":"2.1.0"},"locale":"en-GB","userAgent":"Mozilla/5.0 (X11; Linux x86_64) '
  .. 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36","page":{"path":"/products/sku-%05d",'
  .. '"title":"Product %05d","url":"https://shop.example.com/products/sku-%05d",'
  .. '"referrer":"https://shop.example.com/garden"}}}'

-- All but the ids is the same for the same item, so that little of the other core goes into making requests.
local items = {}

function one()
  count = count + 1
  local item, customer = count % 500, math.random(0, 99999)
  local rest = items[item]
  if not rest then
    rest = string.format(event, stamp, item, item, item, item)
    items[item] = rest
  end
  return string.format(ids, run, count, customer, customer), rest
end

function init(args)
  key, run, size = args[1], tonumber(args[2]), tonumber(args[3])
  math.randomseed(run)
  stamp = os.date("!%Y-%m-%dT%H:%M:%SZ")
  headers = { ["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json" }
end

function request()
  if size == 1 then
    local first, rest = one()
    return wrk.format("POST", "/v1/track", headers, first .. rest)
  end
  local parts = { '{"batch":[' }
  for _ = 1, size do
    parts[#parts + 1], parts[#parts + 2] = one()
    parts[#parts + 1] = ","
  end
  parts[#parts] = "]}"
  return wrk.format("POST", "/v1/batch", headers, table.concat(parts))
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"microseconds":%d,"failed":%d,"p99_us":%d}\n', summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, latency:percentile(99)))
end

-- wrk's requests: single events, each with a message id and (of very many) a customer of its own. ARGS: write key, run.
local key, run = "", 0
local count = 0
local event = '{"type":"track","event":"Product Viewed","messageId":"%s-%08x-%08x","userId":"u%08d",'
  .. '"anonymousId":"5eed0000-0000-4000-8000-%012x","timestamp":"%s","properties":{"product_id":"sku-%05d",'
  .. '"category":"garden","price":12.5,"currency":"GBP","quantity":1,"list":"recommended"},"context":{"library":'
  .. '{"name":"analytics.js","version":"2.1.0"},"locale":"en-GB","userAgent":"Mozilla/5.0 (X11; Linux x86_64) '
  .. 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36","page":{"path":"/products/sku-%05d",'
  .. '"title":"Product %05d","url":"https://shop.example.com/products/sku-%05d",'
  .. '"referrer":"https://shop.example.com/garden"}}}'

function one()
  count = count + 1
  local number, item = math.random(0, 99999), count % 20000
  return string.format(event, "wrk", run, count, number, number, stamp, item, item, item, item)
end

function init(args)
  key, run, size = args[1], tonumber(args[2]), tonumber(args[3])
  math.randomseed(run)
  stamp = os.date("!%Y-%m-%dT%H:%M:%SZ")
  headers = { ["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json" }
end

function request()
  if size == 1 then
    return wrk.format("POST", "/v1/track", headers, one())
  end
  local events = {}
  for place = 1, size do
    events[place] = one()
  end
  return wrk.format("POST", "/v1/batch", headers, '{"batch":[' .. table.concat(events, ",") .. "]}")
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"microseconds":%d,"failed":%d,"p99_us":%d}\n', summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, latency:percentile(99)))
end

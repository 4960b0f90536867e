-- What one run of wrk measured, as one line that begins with SUMMARY. No answer is late: wrk does not wait for those. Times are µs.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'SUMMARY {"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "most_us": %d, "broken": %d, "refused": %d, "late": 0}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end

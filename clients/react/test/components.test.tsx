import { VisitorCounter, VisitorDashboard } from "@koyjabo/react";
import { render } from "@testing-library/react";
import { expect, test, vi } from "vitest";

import { pass, server, useFakeBrowser } from "./browser.js";
import { FakeWebSocket } from "./FakeWebSocket.js";

useFakeBrowser();

const TODAY = { authenticated_visitors: 150, anonymous_visitors: 320, total_unique_visitors: 470 };
const UPDATE = { type: "dashboard_update", data: { today_visitors: TODAY, realtime_count: 42, community_id: "mirpur" } };

const counter = (state: string, count: number) =>
  '<div class="visitor-counter">' +
  `<span class="status-indicator ${state}" role="img" aria-label="${state}"></span>` +
  `<span class="count">${count}</span><span class="label">visitors online</span></div>`;

const dashboard = (now: number, total: number) =>
  '<div class="visitor-dashboard"><h2>Visitor Analytics</h2><div class="stats">' +
  `<div>Real-time: ${now}</div><div>Today Auth: 150</div><div>Today Anon: 320</div><div>Today Total: ${total}</div>` +
  "</div></div>";

test("the counter has the documented markup, offline and online", async () => {
  const { container } = render(<VisitorCounter communityId="mirpur" />);
  expect(container.innerHTML).toBe(counter("offline", 0));
  await server((socket) => socket.welcome(42));
  expect(container.innerHTML).toBe(counter("online", 42));
  await server((socket) => socket.end(1006));
  expect(container.innerHTML).toBe(counter("offline", 42));
});

test("the dashboard has the documented markup, loading and loaded", async () => {
  const { container } = render(<VisitorDashboard communityId="mirpur" />);
  expect(FakeWebSocket.last.url).toBe("ws://localhost:3000/ws/communities/mirpur/visitor-dashboard/");
  expect(container.innerHTML).toBe("<div>Loading...</div>");
  await server((socket) => socket.accept().tell(UPDATE));
  expect(container.innerHTML).toBe(dashboard(42, 470));
});

test("the dashboard comes back as the counter does", async () => {
  const { container } = render(<VisitorDashboard communityId="mirpur" />);
  await server((socket) => socket.accept().tell(UPDATE));
  await server((socket) => socket.end(1001));
  expect(container.innerHTML).toBe(dashboard(42, 470));
  await pass(2_000);
  await server((socket) => socket.accept().tell({ ...UPDATE, data: { ...UPDATE.data, realtime_count: 1 } }));
  expect(container.innerHTML).toBe(dashboard(1, 470));
});

test("numbers that a program broadcasts in part leave the others as they are", async () => {
  const { container } = render(<VisitorDashboard communityId="mirpur" />);
  await server((socket) => socket.accept().tell(UPDATE));
  await server((socket) => socket.tell({ type: "dashboard_update", data: { realtime_count: 43 } }));
  expect(container.innerHTML).toBe(dashboard(43, 470));
});

test("another community's dashboard begins with nothing", async () => {
  const { container, rerender } = render(<VisitorDashboard communityId="mirpur" />);
  await server((socket) => socket.accept().tell(UPDATE));
  rerender(<VisitorDashboard communityId="gulshan" />);
  expect(container.innerHTML).toBe("<div>Loading...</div>");
});

test.each([
  [14.5, "conversion_rate: 14.5"],
  [{ session_id: "0c5a" }, 'conversion_rate: {"session_id":"0c5a"}'],
])("the metric %o is written to the console", async (value, line) => {
  render(<VisitorDashboard communityId="mirpur" />);
  await server((socket) => socket.accept().tell({ type: "analytics_update", metric: "conversion_rate", value }));
  expect(vi.mocked(console.log).mock.lastCall).toEqual([line]);
});

test("components take the options of the hook", () => {
  render(<VisitorCounter communityId="mirpur" baseUrl="https://live.example.com" token="given" />);
  expect(FakeWebSocket.last.url).toContain("wss://live.example.com/");
  expect(FakeWebSocket.last.protocols).toEqual(["Authorization", "given"]);
});

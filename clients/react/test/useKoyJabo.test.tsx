import { useKoyJabo, usePageViews } from "@koyjabo/react";
import { act, renderHook } from "@testing-library/react";
import { KoyJabo } from "koyjabo";
import { afterEach, expect, test, vi } from "vitest";

import { pass, server, useFakeBrowser } from "./browser.js";
import { FakeWebSocket } from "./FakeWebSocket.js";

useFakeBrowser();
afterEach(() => sessionStorage.clear());

const STATS = { totalVisits: 4001, todayVisits: 145, activeUsers: 3, uniqueVisitors: 3821, locations: {}, epoch: "mj8k2f1x" };
const NUMBER = { ordinal: 4001, today: 145, share: "/n/4001?s=x" };
const LAST = { at: "2026-11-22T10:00:00Z", place: null };

const answer = (body: object) => new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });

function started(): KoyJabo {
  const stats = { ...STATS, revision: 1 };
  vi.stubGlobal("fetch", async (url: URL) => answer(url.pathname === "/api/stats" ? stats : { visit: NUMBER, stats }));
  const koyjabo = new KoyJabo({ baseUrl: "https://live.example.com" });
  void koyjabo.start();
  return koyjabo;
}

test("the hook shows the numbers of the site, live, until it is unmounted", async () => {
  const koyjabo = started();
  const { result, unmount } = renderHook(() => useKoyJabo(koyjabo));
  expect(result.current).toEqual({ stats: null, line: "connecting", visit: null, last: null });
  await pass(100);
  const pushed = { ...STATS, totalVisits: 4002, revision: 2 };
  await server((socket) => socket.accept().tell({ type: "visitor_update", stats: pushed, last: LAST }));
  expect(result.current).toEqual({ stats: pushed, line: "live", visit: NUMBER, last: LAST });
  unmount();
  act(() => void koyjabo.stop());
});

test("the views of a page are live, and follow the path", async () => {
  const koyjabo = started();
  const { result, rerender, unmount } = renderHook(({ path }) => usePageViews(path, koyjabo), { initialProps: { path: "/a" } });
  const push = (path: string, views: number | null, revision: number) =>
    server((socket) => socket.tell({ type: "page_update", pages: [{ path, views, today: views }], epoch: STATS.epoch, revision }));
  const listed = () => (FakeWebSocket.last.sent as { type: string; paths: string[] }[]).flatMap(({ type, paths }) => type === "pages" ? [paths] : []);
  await act(() => vi.dynamicImportSettled());
  await server((socket) => socket.accept().tell({ type: "visitor_update", stats: { ...STATS, revision: 2 }, last: null }));
  await pass(100);
  expect([result.current, listed()]).toEqual([null, [["/a"]]]);
  await push("/a", 10, 1);
  expect(result.current).toBe(10);
  rerender({ path: "/b" });
  expect(result.current).toBeNull();
  await act(() => vi.dynamicImportSettled());
  await pass(100);
  await push("/b", 0, 1);
  expect(result.current).toBe(0);
  await push("/b", null, 2);
  expect(result.current).toBeNull();
  unmount();
  await pass(100);
  expect(listed()).toEqual([["/a"], ["/b"], []]);
  act(() => void koyjabo.stop());
});

test("without an object there is nothing to show", () => {
  const { result } = renderHook(() => useKoyJabo(null));
  expect(result.current).toEqual({ stats: null, line: "connecting", visit: null, last: null });
  expect(renderHook(() => usePageViews("/a", null)).result.current).toBeNull();
});

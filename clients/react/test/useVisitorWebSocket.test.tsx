import { useVisitorWebSocket } from "@koyjabo/react";
import { act, renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, test, vi } from "vitest";

import { pass, server, useFakeBrowser } from "./browser.js";
import { FakeWebSocket } from "./FakeWebSocket.js";

useFakeBrowser();

const watch = (communityId = "mirpur") => renderHook((id: string) => useVisitorWebSocket(id), { initialProps: communityId });

test("the socket is that of the community, on the page's own server, with the stored token as sub-protocol", () => {
  watch();
  expect(FakeWebSocket.last.url).toBe("ws://localhost:3000/ws/communities/mirpur/visitors/");
  expect(FakeWebSocket.last.protocols).toEqual(["Authorization", "stored"]);
});

test.each([
  ["https://live.example.com", "wss://live.example.com/ws/communities/mirpur/visitors/"],
  ["http://127.0.0.1:8000", "ws://127.0.0.1:8000/ws/communities/mirpur/visitors/"],
])("baseUrl %s leads to %s", (baseUrl, url) => {
  renderHook(() => useVisitorWebSocket("mirpur", { baseUrl }));
  expect(FakeWebSocket.last.url).toBe(url);
});

test("another baseUrl gets another socket", () => {
  const { rerender } = renderHook((baseUrl: string) => useVisitorWebSocket("mirpur", { baseUrl }), {
    initialProps: "https://first.example.com",
  });
  rerender("https://second.example.com");
  expect(FakeWebSocket.all.map((socket) => socket.isLeft)).toEqual([true, false]);
  expect(FakeWebSocket.last.url).toContain("wss://second.example.com/");
});

test("an id cannot lead elsewhere", () => {
  watch("../../socket.io/?x#");
  expect(new URL(FakeWebSocket.last.url).pathname).toBe("/ws/communities/..%2F..%2Fsocket.io%2F%3Fx%23/visitors/");
});

test("every event with a count is shown, and no other", async () => {
  const { result } = watch();
  expect(result.current).toMatchObject({ visitorCount: 0, isConnected: false });
  await server((socket) => socket.accept());
  expect(result.current).toMatchObject({ visitorCount: 0, isConnected: true });
  const told: [string, number][] = [["visitor_count", 42], ["visitor_joined", 43], ["visitor_left", 42]];
  for (const [type, count] of told) {
    await server((socket) => socket.tell({ type, count }));
    expect(result.current.visitorCount).toBe(count);
  }
  await server((socket) => socket.tell({ type: "visitor_update", stats: {} }).tell({ type: "error", count: 7 }));
  expect(result.current.visitorCount).toBe(42);
});

test("messages of programs are handed on, each by itself, and are no count", async () => {
  const onMessage = vi.fn();
  const { result } = renderHook(() => useVisitorWebSocket("mirpur", { onMessage }));
  await server((socket) => socket.welcome(2).tell({ type: "message", data: { count: 7 } }).tell({ type: "message", data: null }));
  expect(onMessage.mock.calls).toEqual([[{ count: 7 }], [null]]);
  expect(result.current.visitorCount).toBe(2);
});

test("requestCount asks, and waits for a line in silence", async () => {
  const { result } = watch();
  const { requestCount } = result.current;
  requestCount();
  expect(FakeWebSocket.last.sent).toEqual([]);
  await server((socket) => socket.welcome(1));
  requestCount();
  expect(FakeWebSocket.last.sent).toEqual([{ type: "request_count" }]);
  expect(result.current.requestCount).toBe(requestCount);
});

test("a ping goes out every 30 s while there is a line", async () => {
  watch();
  await server((socket) => socket.welcome(1));
  await pass(29_999);
  expect(FakeWebSocket.last.sent).toEqual([]);
  await pass(1);
  expect(FakeWebSocket.last.sent).toEqual([{ type: "ping" }]);
  await server((socket) => socket.tell({ type: "pong" }));
  await pass(30_000);
  expect(FakeWebSocket.last.sent).toHaveLength(2);
});

test("a line on which two pings bring nothing back is given up", async () => {
  const { result } = watch();
  await server((socket) => socket.welcome(1));
  const silent = FakeWebSocket.last;
  await pass(90_000);
  expect(silent.sent).toHaveLength(2);
  expect(silent.isLeft).toBe(true);
  expect(result.current.isConnected).toBe(false);
  await pass(2_000);
  expect(FakeWebSocket.last).not.toBe(silent);
});

test("a line on which pongs come is kept for as long as they do", async () => {
  watch();
  await server((socket) => socket.welcome(1));
  for (let pings = 1; pings <= 10; pings += 1) {
    await pass(30_000);
    await server((socket) => socket.tell({ type: "pong" }));
  }
  expect(FakeWebSocket.all).toHaveLength(1);
});

test("the console says what the documentation says", async () => {
  watch();
  await server((socket) => socket.accept().tell({ type: "pong" }));
  await server((socket) => socket.fail());
  expect(vi.mocked(console.log).mock.calls).toEqual([["WebSocket connected"], ["Pong received"], ["WebSocket disconnected"]]);
  expect(vi.mocked(console.error).mock.calls).toEqual([["WebSocket error:", expect.any(Event)]]);
});

test("an error is no connection, before the socket is closed as well", async () => {
  const { result } = watch();
  await server((socket) => socket.welcome(42));
  await server((socket) => socket.onerror?.(new Event("error")));
  expect(result.current).toMatchObject({ visitorCount: 42, isConnected: false });
});

test("a lost line is not connected, and shows the last count until it is back with another", async () => {
  const { result } = watch();
  await server((socket) => socket.welcome(42));
  await server((socket) => socket.end(1006));
  expect(result.current).toMatchObject({ visitorCount: 42, isConnected: false });
  await pass(2_000);
  await server((socket) => socket.accept().tell({ type: "visitor_count", count: 3, revision: 1 }));
  expect(result.current).toMatchObject({ visitorCount: 3, isConnected: true });
});

describe("another community", () => {
  test("gets another socket, and shows nothing of the first", async () => {
    const { result, rerender } = watch("mirpur");
    await server((socket) => socket.welcome(42));
    const first = FakeWebSocket.last;
    act(() => rerender("gulshan"));
    expect(first.isLeft).toBe(true);
    expect(FakeWebSocket.last.url).toContain("/gulshan/");
    expect(result.current).toMatchObject({ visitorCount: 0, isConnected: false });
    await server((socket) => socket.welcome(7));
    expect(result.current).toMatchObject({ visitorCount: 7, isConnected: true });
  });

  test("is not connected for a moment by the socket of the first", async () => {
    const rendered: [string, boolean][] = [];
    const { rerender } = renderHook(
      (id: string) => rendered.push([id, useVisitorWebSocket(id).isConnected]),
      { initialProps: "mirpur" },
    );
    await server((socket) => socket.welcome(42));
    act(() => rerender("gulshan"));
    expect(rendered).toContainEqual(["mirpur", true]);
    expect(rendered).not.toContainEqual(["gulshan", true]);
  });

  test("leaves the first unconnected until that has a new socket", async () => {
    const { result, rerender } = watch("mirpur");
    await server((socket) => socket.welcome(42));
    act(() => rerender("gulshan"));
    act(() => rerender("mirpur"));
    expect(result.current.isConnected).toBe(false);
  });

  test("never hears what the first socket still says", async () => {
    const { result, rerender } = watch("mirpur");
    const first = FakeWebSocket.last;
    act(() => rerender("gulshan"));
    await act(async () => first.welcome(42).end(1006));
    expect(result.current).toMatchObject({ visitorCount: 0, isConnected: false });
    await pass(60_000);
    expect(FakeWebSocket.all).toHaveLength(2);
  });
});

test("other options leave an open socket alone", async () => {
  const hook = (token: string) => useVisitorWebSocket("mirpur", { token, onClose: () => {} });
  const { rerender } = renderHook(hook, { initialProps: "first" });
  await server((socket) => socket.welcome(1));
  act(() => rerender("second"));
  expect(FakeWebSocket.all).toHaveLength(1);
  await server((socket) => socket.end(1006));
  await pass(2_000);
  expect(FakeWebSocket.last.protocols).toEqual(["Authorization", "second"]);
});

test("unmounting closes the socket, and leaves no timer and no listener", async () => {
  const removed = vi.spyOn(window, "removeEventListener");
  const { unmount } = watch();
  await server((socket) => socket.welcome(1));
  unmount();
  expect(FakeWebSocket.last.isLeft).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
  window.dispatchEvent(new Event("online"));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(FakeWebSocket.all).toHaveLength(1);
  expect(removed).toHaveBeenCalledWith("online", expect.any(Function));
});

test("in StrictMode, which mounts twice, one socket stays", async () => {
  const { result } = renderHook(() => useVisitorWebSocket("mirpur"), { wrapper: StrictMode });
  expect(FakeWebSocket.all.map((socket) => socket.isLeft)).toEqual([true, false]);
  await server((socket) => socket.welcome(42));
  expect(result.current).toMatchObject({ visitorCount: 42, isConnected: true });
});

import { useVisitorWebSocket } from "@koyjabo/react";
import { act, renderHook } from "@testing-library/react";
import { expect, test, vi } from "vitest";

import { pass, server, setVisible, useFakeBrowser, waitAfter } from "./browser.js";
import { FakeWebSocket } from "./FakeWebSocket.js";

useFakeBrowser();

const watch = (options = {}) => renderHook(() => useVisitorWebSocket("mirpur", options));

test("there are five attempts, after 2, 4, 8, 16 and 30 s, and no sixth", async () => {
  watch();
  for (const seconds of [2, 4, 8, 16, 30]) expect(await waitAfter(1006)).toBe(seconds);
  expect(await waitAfter(1006)).toBeNull();
});

test("who was let in has five attempts again", async () => {
  watch();
  expect(await waitAfter(1006)).toBe(2);
  expect(await waitAfter(1006)).toBe(4);
  await server((socket) => socket.welcome(1));
  expect(await waitAfter(1006)).toBe(2);
});

test("a socket that opens and is closed before the first value counts as an attempt", async () => {
  watch();
  expect(await waitAfter(1006)).toBe(2);
  await server((socket) => socket.accept());
  expect(await waitAfter(1013)).toBe(4);
});

test.each([1000, 1001, 1005, 1006, 1008, 1011, 1013])("comes back after %d", async (code) => {
  watch();
  await server((socket) => socket.welcome(1));
  expect(await waitAfter(code)).toBe(2);
});

test.each([4001, 4002, 4003])("does not come back after %d, and tells the page why", async (code) => {
  const onClose = vi.fn();
  watch({ onClose });
  await server((socket) => socket.accept().end(code, "You cannot enter."));
  expect(onClose.mock.calls).toEqual([[code, "You cannot enter."]]);
  expect(vi.getTimerCount()).toBe(0);
  window.dispatchEvent(new Event("online"));
  act(() => setVisible(true));
  await pass(300_000);
  expect(FakeWebSocket.all).toHaveLength(1);
});

test("comes back at once when the network does, with five attempts again", async () => {
  watch();
  for (const seconds of [2, 4, 8]) expect(await waitAfter(1006)).toBe(seconds);
  await server((socket) => socket.end(1006));
  window.dispatchEvent(new Event("online"));
  expect(FakeWebSocket.all).toHaveLength(5);
  await pass(60_000);
  expect(FakeWebSocket.all).toHaveLength(5);
  expect(await waitAfter(1006)).toBe(2);
});

test("comes back when the page is seen again, though it had given up", async () => {
  watch();
  for (let attempts = 0; attempts < 6; attempts += 1) await waitAfter(1006);
  const given_up = FakeWebSocket.all.length;
  act(() => setVisible(false));
  expect(FakeWebSocket.all).toHaveLength(given_up);
  act(() => setVisible(true));
  expect(FakeWebSocket.all).toHaveLength(given_up + 1);
});

test("an open line, or one that is being opened, stays when the page is seen again", async () => {
  watch();
  act(() => setVisible(true));
  await server((socket) => socket.welcome(1));
  act(() => setVisible(true));
  window.dispatchEvent(new Event("online"));
  expect(FakeWebSocket.all).toHaveLength(1);
});

test("who has gone away while waiting does not come back", async () => {
  const { unmount } = watch();
  await server((socket) => socket.end(1006));
  unmount();
  await pass(300_000);
  expect(FakeWebSocket.all).toHaveLength(1);
});

test("who goes away because of the end does not come back", async () => {
  const hook = watch({ onClose: () => hook.unmount() });
  await server((socket) => socket.end(1006));
  await pass(300_000);
  expect(FakeWebSocket.all).toHaveLength(1);
});

test("a line that died while the device slept is noticed 10 s after the page is seen", async () => {
  watch();
  await server((socket) => socket.welcome(1));
  act(() => setVisible(true));
  expect(FakeWebSocket.last.sent).toEqual([{ type: "ping" }]);
  await pass(9_000);
  expect(FakeWebSocket.last.isLeft).toBe(false);
  await pass(1_000);
  expect(FakeWebSocket.last.isLeft).toBe(true);
  await pass(2_000);
  expect(FakeWebSocket.all).toHaveLength(2);
});

test("a line that answers is kept", async () => {
  watch();
  await server((socket) => socket.welcome(1));
  act(() => setVisible(true));
  await server((socket) => socket.tell({ type: "pong" }));
  await pass(29_000);
  expect(FakeWebSocket.last.isLeft).toBe(false);
});

import type { VisitorSocketOptions } from "@koyjabo/react";
import { useVisitorWebSocket } from "@koyjabo/react";
import { act, renderHook } from "@testing-library/react";
import { expect, test, vi } from "vitest";

import { pass, server, setVisible, useFakeBrowser, waitAfter } from "./browser.js";
import { FakeWebSocket } from "./FakeWebSocket.js";

useFakeBrowser();

const watch = (options: VisitorSocketOptions = {}) =>
  renderHook((given: VisitorSocketOptions) => useVisitorWebSocket("mirpur", given), { initialProps: options });

const tokens = () => FakeWebSocket.all.map((socket) => socket.protocols[1] ?? null);

test("a given token goes before the stored one", () => {
  watch({ token: "given" });
  expect(tokens()).toEqual(["given"]);
});

test.each([
  ["null is given", { token: null }],
  ["none is stored", {}],
])("the cookie decides where %s", (_, options) => {
  localStorage.clear();
  watch(options);
  expect(FakeWebSocket.last.protocols).toEqual([]);
});

test("the cookie decides where the browser keeps nothing", () => {
  vi.stubGlobal("localStorage", undefined);
  watch();
  expect(FakeWebSocket.last.protocols).toEqual([]);
});

test("the stored token is read at each connection", async () => {
  watch();
  localStorage.setItem("jwt_token", "newer");
  await waitAfter(1006);
  expect(tokens()).toEqual(["stored", "newer"]);
});

test("a token that has expired is renewed once, and the new one shown at once", async () => {
  const refreshToken = vi.fn(async () => "renewed");
  watch({ token: "old", refreshToken });
  await server((socket) => socket.accept().end(4004));
  expect(tokens()).toEqual(["old", "renewed"]);
  expect(refreshToken).toHaveBeenCalledTimes(1);
});

test("a new token that has expired as well ends it", async () => {
  const refreshToken = vi.fn(async () => "renewed");
  watch({ refreshToken });
  await server((socket) => socket.end(4004));
  expect(await waitAfter(4004)).toBeNull();
  act(() => setVisible(true));
  expect(tokens()).toEqual(["stored", "renewed"]);
  expect(refreshToken).toHaveBeenCalledTimes(1);
});

test("who was let in with a new token may renew it when that has expired", async () => {
  const refreshToken = vi.fn<() => Promise<string>>().mockResolvedValueOnce("second").mockResolvedValueOnce("third");
  watch({ token: "first", refreshToken });
  await server((socket) => socket.end(4004));
  await server((socket) => socket.welcome(1));
  expect(await waitAfter(1006)).toBe(2);
  await server((socket) => socket.end(4004));
  expect(tokens()).toEqual(["first", "second", "second", "third"]);
});

test("a renewed token serves until the page gives another", async () => {
  const refreshToken = async () => "renewed";
  const { rerender } = watch({ token: "first", refreshToken });
  await server((socket) => socket.end(4004));
  act(() => rerender({ token: "second", refreshToken }));
  await waitAfter(1006);
  expect(tokens()).toEqual(["first", "renewed", "second"]);
});

test("without a hook an expired token ends it", async () => {
  watch();
  expect(await waitAfter(4004)).toBeNull();
});

test("a renewal that fails ends it, until the page is seen again", async () => {
  const failure = new Error("The session has ended.");
  const refreshToken = vi.fn<() => Promise<string>>().mockRejectedValueOnce(failure).mockResolvedValueOnce("renewed");
  watch({ refreshToken });
  expect(await waitAfter(4004)).toBeNull();
  expect(console.error).toHaveBeenCalledWith("WebSocket error:", failure);
  act(() => setVisible(true));
  await server((socket) => socket.end(4004));
  expect(tokens()).toEqual(["stored", "stored", "renewed"]);
});

test("who goes away while a token is renewed does not come back", async () => {
  let finish = (_: string) => {};
  const { unmount } = watch({ refreshToken: () => new Promise((resolve) => (finish = resolve)) });
  await server((socket) => socket.end(4004));
  unmount();
  finish("renewed");
  await pass(60_000);
  expect(FakeWebSocket.all).toHaveLength(1);
});

test("nothing wakes a socket whose token is being renewed", async () => {
  watch({ refreshToken: () => new Promise(() => {}) });
  await server((socket) => socket.end(4004));
  window.dispatchEvent(new Event("online"));
  expect(FakeWebSocket.all).toHaveLength(1);
});

test("all sockets of a page share a renewal", async () => {
  const refreshToken = vi.fn(async () => "renewed");
  watch({ token: "old", refreshToken });
  watch({ token: "old", refreshToken });
  await act(async () => FakeWebSocket.all.slice(0, 2).forEach((socket) => socket.end(4004)));
  expect(refreshToken).toHaveBeenCalledTimes(1);
  expect(tokens()).toEqual(["old", "old", "renewed", "renewed"]);
});

test("a socket that learns later than others of an expired token takes the one they got", async () => {
  const refreshToken = vi.fn(async () => "renewed");
  watch({ refreshToken });
  localStorage.setItem("jwt_token", "theirs");
  await server((socket) => socket.end(4004));
  expect(tokens()).toEqual(["stored", "theirs"]);
  expect(refreshToken).not.toHaveBeenCalled();
});

test.each([4001, 4002, 4003, 4004])("another token is tried after %d", async (code) => {
  const { rerender } = watch({ token: "first" });
  await server((socket) => socket.end(code));
  act(() => rerender({ token: "second" }));
  expect(tokens()).toEqual(["first", "second"]);
});

test("who is let in with another token comes back as anybody does", async () => {
  const { rerender } = watch({ token: "first" });
  await server((socket) => socket.end(4002));
  act(() => rerender({ token: "second" }));
  await server((socket) => socket.welcome(1));
  await server((socket) => socket.end(1006));
  window.dispatchEvent(new Event("online"));
  expect(tokens()).toEqual(["first", "second", "second"]);
});

test("a token that cannot be one ends it, and leaves the page alone", async () => {
  watch({ token: "not a token" });
  await pass(60_000);
  window.dispatchEvent(new Event("online"));
  expect(vi.mocked(console.error).mock.calls).toEqual([["WebSocket error:", expect.any(SyntaxError)]]);
  expect(FakeWebSocket.all).toEqual([]);
});

test("a token given while the renewal of the old one fails is shown", async () => {
  let fail = (_: Error) => {};
  const refreshToken = () => new Promise<string>((_, reject) => (fail = reject));
  const { rerender } = watch({ token: "old", refreshToken });
  await server((socket) => socket.accept().end(4004));
  rerender({ token: "new", refreshToken });
  await act(async () => fail(new Error("the session has ended")));
  await pass(0);
  expect(tokens()).toEqual(["old", "new"]);
});

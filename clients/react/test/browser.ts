import { act, cleanup } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";

import { FakeWebSocket } from "./FakeWebSocket.js";

/** Use fake timers, fake sockets that the test controls, and a captured console. */
export function useFakeBrowser(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("WebSocket", FakeWebSocket);
    vi.spyOn(console, "log").mockImplementation(() => {});
    vi.spyOn(console, "error").mockImplementation(() => {});
    localStorage.setItem("jwt_token", "stored");
  });
  afterEach(() => {
    cleanup();
    vi.unstubAllGlobals();
    FakeWebSocket.all = [];
    localStorage.clear();
    vi.useRealTimers();
  });
}

/** Advance the timers by `ms`, and run everything that is due. */
export function pass(ms: number): Promise<void> {
  return act(() => vi.advanceTimersByTimeAsync(ms).then(() => {}));
}

/** Act as the server, and run everything this triggers. */
export function server(does: (socket: FakeWebSocket) => void): Promise<void> {
  return act(async () => {
    does(FakeWebSocket.last);
    await vi.advanceTimersByTimeAsync(0);
  });
}

/** Close the connection. Returns the seconds until the next attempt, or null if there is none within five minutes. */
export async function waitAfter(code: number): Promise<number | null> {
  await server((socket) => socket.end(code));
  return nextTry();
}

async function nextTry(): Promise<number | null> {
  const before = FakeWebSocket.all.length;
  for (let seconds = 0; seconds <= 300; seconds += 1) {
    if (FakeWebSocket.all.length > before) return seconds;
    await pass(1000);
  }
  return null;
}

export function setVisible(isVisible: boolean): void {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(isVisible ? "visible" : "hidden");
  document.dispatchEvent(new Event("visibilitychange"));
}

import { defineConfig } from "vitest/config";

const source = new URL("src/index.ts", import.meta.url).pathname;

export default defineConfig({
  resolve: { alias: { "@koyjabo/react": source } },
  test: { environment: "jsdom", include: ["test/**/*.test.{ts,tsx}"], restoreMocks: true, unstubGlobals: true },
});

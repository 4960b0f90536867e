import { defineConfig } from "vitest/config";

const path = (name: string) => new URL(name, import.meta.url).pathname;

export default defineConfig({
  resolve: { alias: { "@koyjabo/react": path("src/index.ts"), koyjabo: path("../js/dist/index.js") } },
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.{ts,tsx}"],
    isolate: false, // isolating each file would take two thirds of the time
    restoreMocks: true,
    unstubGlobals: true,
  },
});

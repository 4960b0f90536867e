export * from "./koyjabo-queue.3.js"; // for pages of the release before (decision 131)

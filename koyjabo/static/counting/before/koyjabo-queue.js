export * from "./koyjabo-queue.3.js"; // for pages of the release before, whose scripts have no numbers (decision 131)

export * from "./koyjabo-client.3.js"; // for pages of the release before (decision 131)

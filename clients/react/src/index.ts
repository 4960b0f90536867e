"use client";

export type { VisitorSocketOptions } from "./options.js";
export { useKoyJabo } from "./useKoyJabo.js";
export type { SiteNumbers } from "./useKoyJabo.js";
export { usePageViews } from "./usePageViews.js";
export { useVisitorWebSocket } from "./useVisitorWebSocket.js";
export type { VisitorWebSocket } from "./useVisitorWebSocket.js";
export { VisitorCounter } from "./VisitorCounter.js";
export type { VisitorCounterProps } from "./VisitorCounter.js";
export { VisitorDashboard } from "./VisitorDashboard.js";
export type { VisitorDashboardProps } from "./VisitorDashboard.js";

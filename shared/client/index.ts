// biome-ignore-all lint/performance/noBarrelFile: what the package is entered by; within the project each file is imported itself.
export type { CallFailure, CallOptions } from "./answer.ts";
export type { SessionFailure, SessionResult, TokenStore } from "./anteroom.ts";
export { type Anteroom, type AnteroomOptions, createAnteroom, type KnownSession } from "./anteroom.ts";
export { type AppClient, type AppClientResult, type AppFailure, createAppClient } from "./app.ts";
export { type AuthClient, type AuthClientOptions, type AuthClientResult, createAuthClient } from "./auth.ts";
export { type Decision, type DecisionResult, type WaitingOptions, waitForApproval } from "./waiting.ts";
export type * from "./wire.ts";

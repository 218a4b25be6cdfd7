import { vi } from "vitest";
import { patiently } from "./patience.ts";

vi.setConfig({ testTimeout: patiently(20_000), hookTimeout: patiently(30_000) });

import { runProcess } from "@anteroom/shared/runtime/process";
import { startAuthServer } from "./server.ts";

await runProcess(() => startAuthServer(process.env));
